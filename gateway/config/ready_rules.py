"""Ready rules that apply by themselves: an SOS button or fall detector always has one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.config.schema import DeviceSetting
from gateway.event import Severity
from gateway.rules import duty
from gateway.rules.rule import RuleOptions, Watch
from gateway.rules.rule_templates import RuleTemplate
from gateway.toml import Decoder

# Kinds of input with a ready rule of the same name, which applies where the settings have none:
# somebody must be called for them.
READY = ("sos", "fall")

MakeWatches = Callable[[str, RuleOptions, RuleTemplate], tuple[Watch, ...]]


class ReportedElsewhere(Exception):
    """What the rule refers to exists but has a mistake of its own, which is reported already."""


class ReadyRules:
    """The ready rules of one file; `kinds` maps rule ids. Alarms that reach nobody are reported."""

    def __init__(
        self,
        decoder: Decoder,
        table: Mapping[str, Any],
        devices: Mapping[str, DeviceSetting],
        shipped: Mapping[str, RuleTemplate],
        make: MakeWatches,
    ) -> None:
        """`devices` are those without a mistake, `shipped` the recipes of the product."""
        self._decoder = decoder
        self._devices = devices
        self._shipped = shipped
        self._make = make
        written = table.get("rule")
        self._written = written.keys() if isinstance(written, dict) else ()
        self._kiosk_keys = _kiosk_keys(table)
        kinds = {each.kind for one in devices.values() for each in one.options.inputs.values()}
        self.kinds = kinds.intersection(READY)

    def watches(self, written: Sequence[Watch], roster: duty.DutyOptions) -> Iterator[Watch]:
        """The inputs of these kinds that no rule of the file watches.

        If the file has a rule of the same name, the inputs that it leaves out are reported, and so
        are inputs for which nobody is called. The keys of a kiosk are answered there and need no
        rule.
        """
        watched = {".".join(key) for watch in written for key in watch.inputs}
        called = any(step.concerns(Severity.CRITICAL) for step in roster.escalate)
        for device in self._devices.values():
            for number, each in device.options.inputs.items():
                word = f"{device.id}.{each.id}"
                if each.kind not in READY or word in self._kiosk_keys:
                    continue
                at = ("device", device.id, "inputs", number)
                if not called:
                    self._decoder.judge(at, "rules.nobody-called", input=word)
                if word in watched:
                    continue
                if each.kind in self._written:
                    self._decoder.judge(at, "rules.unwatched-sos", input=word, rule=each.kind)
                else:
                    yield from self._watch(each.kind, word)

    def _watch(self, kind: str, word: str) -> Iterator[Watch]:
        """The watch of one input; adding others of its kind does not change its alarm's name."""
        try:
            found = self._make(kind, RuleOptions(use=kind, on=(word,)), self._shipped[kind])
        except ReportedElsewhere:  # its place is wrong, and that has been said
            return
        for watch in found:
            yield msgspec.structs.replace(watch, id=f"{kind}/{word}")


def _kiosk_keys(table: Mapping[str, Any]) -> set[str]:
    """The inputs that serve as keys of a kiosk, from a table that is not checked yet."""
    kiosks = table.get("kiosk")
    tables = kiosks.values() if isinstance(kiosks, dict) else ()
    keys = [each.get("keys") for each in tables if isinstance(each, dict)]
    words = [word for each in keys if isinstance(each, dict) for word in each.values()]
    return {word for word in words if isinstance(word, str)}
