"""`[broadcast]`, `[key.<id>]` and `[voice.<id>]` of `station.toml`.

`[speaker.<id>]` is the speakers' own.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from broadcast.order import REPEAT_MAX, TEXT_CHARS_MAX, ZONES_MAX, OrderClass
from gateway.calendar import TimeWindow
from gateway.event import ID_PATTERN

Id = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]
ClassWord = Literal["fire", "emergency", "urgent", "service", "notice", "background"]


class PresetOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[broadcast.preset.<id>]`: words (`{place}` is where it happened) or a clip by its hash."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    text: Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)] = ""
    clip: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    cls: ClassWord = msgspec.field(default="notice", name="class")
    chime: str | None = None
    repeat: Annotated[int, msgspec.Meta(ge=1, le=REPEAT_MAX)] = 1
    language: Literal["zh", "en"] = "zh"


class BroadcastOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[broadcast]`: quiet hours of the community, and which linkages may use class 8.

    `self_test` is when loudspeakers are tested, once a day; None: only on request. `areas` are the
    zones of a public warning's areas, by name or code.
    """

    quiet: Annotated[str, msgspec.Meta(examples=["21:30-07:00"])] | None = "21:30-07:00"
    self_test: Annotated[str, msgspec.Meta(examples=["10:00-18:00"])] | None = "10:00-18:00"
    emergency: Annotated[tuple[Id, ...], msgspec.Meta(max_length=200)] = ()
    preset: dict[str, PresetOptions] = {}
    areas: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=100)],
            Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=ZONES_MAX)],
        ],
        msgspec.Meta(max_length=200, examples=[{"110105031": ["all"], "望京街道": ["all"]}]),
    ] = {}

    def __post_init__(self) -> None:
        """Refuse malformed hours."""
        for hours in (self.quiet, self.self_test):
            if hours is not None:
                TimeWindow.parse(hours)


class MicrophoneOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[microphone.<id>]`: one of this machine; without `device` the default one."""

    name: Annotated[str, msgspec.Meta(max_length=60)] = ""
    device: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class KeyOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a key orders in a zone: a preset, or a microphone while it is held.

    Class and repeat default to the preset's, and the lifetime to that of a press at the desk.
    """

    preset: Id | None = None
    microphone: Id | None = None
    zone: Id
    cls: ClassWord | None = msgspec.field(default=None, name="class")
    expires_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    repeat: Annotated[int, msgspec.Meta(ge=1, le=REPEAT_MAX)] | None = None

    def __post_init__(self) -> None:
        """Refuse both, or neither."""
        if (self.preset is None) == (self.microphone is None):
            raise ValueError("broadcast.one-of-two")


class KeyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[key.<id>]`: a wired input (`device.input`) that orders something when it is pressed.

    With class `fire`, by itself or by its preset, the input is a fire panel's: it orders while it
    is active.
    """

    input: Annotated[str, msgspec.Meta(examples=["di-b3.notice-key"])]
    order: KeyOrder

    @property
    def talks(self) -> bool:
        """Whether a person speaks while it is held."""
        return self.order.microphone is not None

    @property
    def fire(self) -> bool:
        """Whether it is a fire panel's contact."""
        return self.order.cls == OrderClass.FIRE.word and not self.talks

    def with_class(self, presets: Mapping[str, PresetOptions]) -> "KeyOptions":
        """The same with its preset's class, if only that says that it is a fire panel's."""
        usual = presets.get(self.order.preset or "")
        if usual is None or usual.cls != OrderClass.FIRE.word or self.order.cls is not None:
            return self
        order = msgspec.structs.replace(self.order, cls=usual.cls)
        return msgspec.structs.replace(self, order=order)


class VoiceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[voice.<id>]`: an engine and its model on the disk. The first voice speaks."""

    engine: Literal["sherpa", "piper"]
    model: str
    language: Literal["zh", "en"] = "zh"
