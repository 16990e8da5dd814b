"""Reads `[linkage.*]`, and checks the rules, zones, relays and services that it names."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gateway.config.schema import DeviceSetting
from gateway.rules.linkage import (
    ACTIONS,
    WORDS,
    Action,
    AnnounceAction,
    Linkage,
    LinkageOptions,
    MessageAction,
    OpenRequestAction,
    RelayAction,
    decode_action,
)
from gateway.toml import Decoder, KeyPath
from kiosk.requests.catalogue import load_services
from kiosk.requests.request_type import TypeFlag

_FILLED = re.compile(r"\{([^{}]*)\}")


class LinkageReader:
    """Decodes the section; mistakes go to the decoder."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        written: Callable[[str], Collection[str]],
        devices: Mapping[str, DeviceSetting],
    ) -> None:
        """`written` gives the ids of a section; `devices` are those without a mistake."""
        self._decoder = decoder
        self._written = written
        self._devices = devices

    def linkage(self, linkage_id: str, table: Any, path: KeyPath) -> Linkage | None:
        """Decode one `[linkage.*]`; None after a mistake."""
        options = self._decoder.struct(LinkageOptions, table, path)
        if options is None:
            return None
        before = len(self._decoder.mistakes)
        for rule in options.rules:
            self._rule_there(rule, (*path, "when"))
        for key in ("rule", "unless"):
            named = getattr(options.only, key)
            if named is not None:
                self._rule_there(named, (*path, "if", key))
        actions = [self._action(one, (*path, "do", index)) for index, one in enumerate(options.do)]
        if len(self._decoder.mistakes) > before:
            return None
        return Linkage(linkage_id, options, tuple(one for one in actions if one is not None))

    def _rule_there(self, word: str, path: KeyPath) -> None:
        self._decoder.refers(word, self._written("rule"), path, "rules.unknown-rule")

    def _action(self, table: dict[str, Any], path: KeyPath) -> Action | None:
        shape = decode_action(table)
        if shape is None:
            self._decoder.blame(path, "rules.no-action", known=", ".join(ACTIONS))
            return None
        action = self._decoder.struct(shape, table, path)
        if isinstance(action, AnnounceAction) and action.zone is not None:
            zones = self._written("zone")
            self._decoder.refers(action.zone, zones, (*path, "zone"), "rules.unknown-zone")
        elif isinstance(action, RelayAction):
            self._relay(action, path)
        elif isinstance(action, OpenRequestAction):
            self._request(action, path)
        if isinstance(action, MessageAction):
            self._text(action.message, (*path, "message"))
        elif isinstance(action, AnnounceAction | OpenRequestAction):
            self._text(action.text or "", (*path, "text"))
        return action

    def _text(self, text: str, path: KeyPath) -> None:
        for word in _FILLED.findall(text):
            self._decoder.refers(word, WORDS, path, "rules.unknown-word")

    def _request(self, action: OpenRequestAction, path: KeyPath) -> None:
        opened = {
            one.id: one for one in load_services().values() if one.type.has_flag(TypeFlag.LINKAGE)
        }
        refers = self._decoder.refers
        if not refers(action.request, opened, (*path, "request"), "requests.unknown-service"):
            return
        if action.what is not None:
            known = [one.id for one in opened[action.request].what]
            refers(action.what, known, (*path, "what"), "rules.unknown-what")

    def _relay(self, action: RelayAction, at: KeyPath) -> None:
        word, path = action.relay, (*at, "relay")
        device, _, point = word.partition(".")
        setting = self._devices.get(device)
        if setting is None:
            known = self._written("device")
            if device not in known:
                self._decoder.refers(device, known, path, "rules.unknown-watched")
            return
        target = setting.device.point(point)
        if target is None:
            points = [f"{device}.{each.id}" for each in setting.device.points]
            self._decoder.refers(word, points, path, "rules.unknown-watched")
        elif target.writable is None:
            self._decoder.blame(path, "rules.not-writable", point=word)
        elif isinstance(action.value, str) is not (target.type == "string"):
            code = "rules.no-text" if isinstance(action.value, str) else "rules.needs-text"
            self._decoder.blame((*at, "value"), code, point=word)
