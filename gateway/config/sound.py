"""Reads the sections of sound, from `[speaker.*]` to `[voice.*]`, and checks their references."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from broadcast.audio_protocol.speaker_options import SPEAKER_KINDS, SpeakerOptions
from broadcast.material.presets import shipped_presets
from broadcast.options import (
    BroadcastOptions,
    KeyOptions,
    MicrophoneOptions,
    PresetOptions,
    VoiceOptions,
)
from broadcast.order import OrderClass
from broadcast.policy.guard import SECONDS_MAX
from drivers.data_files import config_path
from gateway.config.schema import DeviceSetting, Settings, SoundSettings, ZoneOptions
from gateway.intake.contact_inputs import input_defaults
from gateway.rules.linkage import AnnounceAction, Linkage
from gateway.toml import Decoder, KeyPath, Phrase

SPEAKERS_MAX = 256
MICROPHONES_MAX = 8
KEYS_MAX = 100
VOICES_MAX = 8
KEY_INPUTS = ("key", "sos")
FIRE_INPUTS = ("fire",)


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """The key of `[speaker.*]` that decides which other keys there are."""

    kind: str


class SoundReader:
    """Decodes these sections; mistakes go to the decoder."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        written: Callable[[str], Collection[str]],
        linkages: Mapping[str, Linkage],
        devices: Mapping[str, DeviceSetting],
    ) -> None:
        """`written` gives the ids of a section; the others have no mistake."""
        self._decoder = decoder
        self._zones = written("zone")
        self._written = written
        self._linkages = linkages
        self._devices = devices
        self.presets = shipped_presets(config_path("voices", "presets.toml"))

    def speaker(self, _: str, table: Any, path: KeyPath) -> SpeakerOptions | None:
        """Decode one `[speaker.*]`; None after a mistake."""
        named = table.get("kind") if isinstance(table, dict) else None
        kind = None
        if isinstance(named, str):
            self._decoder.refers(named, SPEAKER_KINDS, (*path, "kind"), "check.unknown-kind")
            kind = SPEAKER_KINDS.get(named)
        shapes: tuple[Any, ...] = (_Kind,) if kind is None else (_Kind, kind)
        parts = self._decoder.structs(shapes, table, path, others=kind is None)
        if parts is None or kind is None:
            return None
        speaker: SpeakerOptions = parts[1]
        for index, zone in enumerate(speaker.zones):
            at = (*path, "zones", index)
            self._decoder.refers(zone, self._zones, at, "rules.unknown-zone")
        return speaker

    def voice(self, _: str, table: Any, path: KeyPath) -> VoiceOptions | None:
        """Decode one `[voice.*]`; None after a mistake."""
        return self._decoder.struct(VoiceOptions, table, path)

    def broadcast(self, table: Any) -> BroadcastOptions | None:
        """Decode `[broadcast]`; None after a mistake."""
        options = self._decoder.struct(BroadcastOptions, table, ("broadcast",))
        for index, linkage in enumerate(options.emergency if options else ()):
            at = ("broadcast", "emergency", index)
            self._decoder.refers(linkage, self._written("linkage"), at, "broadcast.unknown-linkage")
        for area, zones in options.areas.items() if options else ():
            for index, zone in enumerate(zones):
                where = ("broadcast", "areas", area, index)
                self._decoder.refers(zone, self._zones, where, "rules.unknown-zone")
        if options is not None:
            self.presets.update(options.preset)
        return options

    def microphone(self, _: str, table: Any, path: KeyPath) -> MicrophoneOptions | None:
        """Decode one `[microphone.*]`; None after a mistake."""
        return self._decoder.struct(MicrophoneOptions, table, path)

    def key(self, _: str, table: Any, path: KeyPath) -> KeyOptions | None:
        """Decode one `[key.*]`; None after a mistake."""
        options = self._decoder.struct(KeyOptions, table, path)
        if options is None:
            return None
        order = (*path, "order")
        self._decoder.refers(
            options.order.zone, self._zones, (*order, "zone"), "rules.unknown-zone"
        )
        if options.order.preset is not None:
            self._preset(options.order.preset, (*order, "preset"))
        if options.order.microphone is not None:
            at = (*order, "microphone")
            self._decoder.refers(
                options.order.microphone,
                self._written("microphone"),
                at,
                "broadcast.no-microphone-there",
            )
        options = options.with_class(self.presets)
        self._input(options, (*path, "input"))
        return options

    def _preset(self, word: str, path: KeyPath) -> None:
        self._decoder.refers(word, self.presets, path, "broadcast.unknown-preset-there")

    def _input(self, options: KeyOptions, path: KeyPath) -> None:
        """Check that the input exists and is of a kind that the order's class allows."""
        device = options.input.partition(".")[0]
        if device in self._written("device") and device not in self._devices:
            return  # it is wrong itself, and that has been said
        kinds = {
            f"{device.id}.{each.id}": each.kind
            for device in self._devices.values()
            for each in device.options.inputs.values()
        }
        if not self._decoder.refers(options.input, kinds, path, "rules.unknown-watched"):
            return
        wanted = FIRE_INPUTS if options.fire else KEY_INPUTS
        if kinds[options.input] not in wanted:
            self._decoder.blame(
                path,
                "broadcast.not-a-key",
                input=options.input,
                kind=kinds[options.input],
                wanted=", ".join(wanted),
            )

    def fit(self, options: BroadcastOptions, speakers: Mapping[str, SpeakerOptions]) -> None:
        """With loudspeakers: check that every announcement has its zone, class and words."""
        heard = {zone for speaker in speakers.values() for zone in speaker.zones}
        for linkage, at, action in _announced(self._linkages):
            if action.zone in self._zones and action.zone not in heard:  # None: one that is
                self._decoder.blame((*at, "zone"), "broadcast.mute-zone", zone=action.zone)
            if action.cls == "emergency" and linkage not in options.emergency:
                self._decoder.blame((*at, "class"), "broadcast.ungranted", linkage=linkage)
            if action.text is None:
                self._preset(action.announce, (*at, "announce"))

    def mute_key(self, key: str, options: KeyOptions, speakers: Mapping[str, Any]) -> None:
        """Report a key whose zone has no loudspeaker."""
        zone = options.order.zone
        if zone in self._zones and not any(zone in each.zones for each in speakers.values()):
            self._decoder.blame(("key", key, "order", "zone"), "broadcast.mute-zone", zone=zone)


def _announced(linkages: Mapping[str, Linkage]) -> Iterator[tuple[str, KeyPath, AnnounceAction]]:
    for linkage in linkages.values():
        for index, action in enumerate(linkage.actions):
            if isinstance(action, AnnounceAction):
                yield linkage.id, ("linkage", linkage.id, "do", index), action


def sound_remarks(linkages: Mapping[str, Linkage], sound: SoundSettings) -> Iterator[Phrase]:
    """Announcements without any loudspeaker, and voices whose model is not installed."""
    silent = sorted({linkage for linkage, _, _ in _announced(linkages)})
    if silent and not sound.speakers:
        yield Phrase("broadcast.no-speakers", {"linkages": ", ".join(silent)})
    for voice in sound.voices:
        if not Path(voice.model).exists():
            yield Phrase("voice.no-model", {"model": voice.model})
    for key, options in sound.keys.items():
        yield from _on_key(key, options, sound.presets)


def _on_key(
    key: str, options: KeyOptions, presets: Mapping[str, PresetOptions]
) -> Iterator[Phrase]:
    """Check the class of an emergency on a key, and how long a microphone may stay open."""
    usual, cls = presets.get(options.order.preset or ""), options.order.cls
    if (
        usual is not None
        and cls is not None
        and OrderClass.parse(cls) < OrderClass.parse(usual.cls)
    ):
        data = {"key": key, "preset": usual.name, "cls": cls, "usual": usual.cls}
        if OrderClass.parse(usual.cls).urgent:
            yield Phrase("broadcast.key-lower", data)
    if options.talks:
        minutes = round(SECONDS_MAX[OrderClass.LIVE] / 60)
        held = round((input_defaults("key").stuck_s or 0) / 60)
        yield Phrase("broadcast.key-talks", {"key": key, "minutes": minutes, "held": held})


def shared_speakers(
    zones: Mapping[str, ZoneOptions], speakers: Mapping[str, SpeakerOptions]
) -> Iterator[Phrase]:
    """Loudspeakers in zones of several kinds, which keep to the strictest."""
    for speaker_id, options in speakers.items():
        if options.stands:
            continue  # it keeps to that
        by_kind: dict[str, list[str]] = {}
        for zone in dict.fromkeys(options.zones):
            by_kind.setdefault(zones[zone].sound, []).append(zones[zone].name)
        for kind in ("near", "community"):
            others = [name for each, names in by_kind.items() if each != kind for name in names]
            if kind in by_kind and others:
                data = {
                    "speaker": options.name or speaker_id,
                    "id": speaker_id,
                    "zones": ", ".join(by_kind[kind]),
                    "others": ", ".join(others),
                    "stands": _inside(by_kind) if kind == "community" else "indoors",
                }
                yield Phrase(f"broadcast.shared-{kind}", data)


def deaf_by_night(settings: Settings) -> Iterator[Phrase]:
    """Indoor calls and voices on loudspeakers that keep the quiet hours of outdoors."""
    zones, sound = settings.zones, settings.sound
    if sound.broadcast.quiet is None:
        return
    duty = {zone for shift in settings.rules.duty.roster for zone in shift.by}
    kiosks = {kiosk.zone for kiosk in settings.requests.kiosks.values()}
    for speaker_id, options in sound.speakers.items():
        kinds = {options.stands} if options.stands else {zones[z].sound for z in options.zones}
        if "community" not in kinds:
            continue
        inside = {zone for zone in options.zones if zones[zone].sound != "community"}
        for code, called in (("duty", duty & inside), ("kiosk", kiosks & inside)):
            if called:
                names = ", ".join(sorted(zones[zone].name for zone in called))
                speaker = options.name or speaker_id
                stands = _inside({zones[zone].sound for zone in options.zones})
                data = {"speaker": speaker, "id": speaker_id, "zones": names, "stands": stands}
                yield Phrase(f"broadcast.deaf-{code}", data)


def _inside(kinds: Collection[str]) -> str:
    """Where a loudspeaker of such zones stands, if not outdoors."""
    return "near" if "near" in kinds else "indoors"


def read_sound(reader: SoundReader, table: Mapping[str, Any], each: Any) -> SoundSettings | None:
    """Read the sections in the order in which each finds what it refers to."""
    speakers = each("speaker", reader.speaker, most=SPEAKERS_MAX)
    options = reader.broadcast(table.get("broadcast", {}))
    microphones = each("microphone", reader.microphone, most=MICROPHONES_MAX)
    keys = each("key", reader.key, most=KEYS_MAX)
    voices = each("voice", reader.voice, most=VOICES_MAX)
    for key, key_options in keys.items():
        reader.mute_key(key, key_options, speakers)
    if options is None:
        return None
    if speakers:
        reader.fit(options, speakers)
    return SoundSettings(
        broadcast=options,
        speakers=speakers,
        microphones=microphones,
        keys=keys,
        presets=reader.presets,
        voices=tuple(voices.values()),
    )
