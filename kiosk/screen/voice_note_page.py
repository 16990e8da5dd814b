"""A few words instead of typing: may be left out, ends by itself, can be heard and said anew."""

from typing import Any

from kiosk.screen.context import (
    RenderContext,
    build_screen,
    foot_keys,
    service_board,
    text_line,
    tile_key,
    wide_key,
)
from kiosk.screen.model import ScreenKey, ScreenLine, ScreenModel
from kiosk.screen.voice_note import BROKEN, NOTHING, SECONDS_MAX


def draw_voice_note(scene: RenderContext) -> ScreenModel:
    """Before, while and after somebody speaks; or why nobody can."""
    return _SCREENS.get(scene.session.voice, _asked)(scene)


def _asked(scene: RenderContext) -> ScreenModel:
    """Whether they want to. Who could not be heard may try again; without a microphone, go on."""
    words, trouble = scene.words, scene.session.trouble
    broken = trouble == BROKEN
    name = trouble if trouble in (BROKEN, NOTHING) else "voice"
    skip = wide_key(scene, "phone", words("kiosk.voice-skip"), "right", number="2", high="h2")
    keys: tuple[ScreenKey, ...] = (_go_on(scene, "kiosk.voice-go-on"),)
    if not broken:
        speak = words("kiosk.voice-speak" if name == "voice" else "kiosk.voice-retry")
        keys = (_first(scene, "speak", speak, "mic"), skip)
    hint = words("kiosk.voice-hint" if name == "voice" else f"kiosk.{name}-hint")
    return _screen(
        scene, name, f"kiosk.{name}-head", lines=(text_line(scene, hint, "x3", 2),), keys=keys
    )


def _opening(scene: RenderContext) -> ScreenModel:
    return _screen(scene, "voice-open", "kiosk.voice-open-head")


def _listening(scene: RenderContext) -> ScreenModel:
    """It counts, and one press ends it; nothing is said into what is being listened to."""
    words = scene.words
    count = ScreenLine(
        kind="count",
        start=scene.session.voice_from,
        size="x6",
        note=words("kiosk.voice-most", s=SECONDS_MAX),
    )
    return _screen(
        scene,
        "voice-listen",
        "kiosk.voice-listen-head",
        lines=(count,),
        keys=(_first(scene, "said", words("kiosk.voice-said"), "check"),),
        foot=_hushed(scene),
    )


def _kept(scene: RenderContext) -> ScreenModel:
    words = scene.words
    keys = (
        _go_on(scene, "kiosk.voice-fine"),
        _other(scene, "hear", "play", "2"),
        _other(scene, "speak", "mic", "3"),
        _other(scene, "unsay", "cross", "4"),
    )
    length = words("kiosk.voice-length", s=max(1, round(scene.session.voice_s)))
    return _screen(
        scene,
        "voice-kept",
        "kiosk.voice-kept-head",
        lines=(text_line(scene, length, "x3", 1, kind="icon", icon="mic"),),
        keys=keys,
    )


_SCREENS = {"open": _opening, "listen": _listening, "kept": _kept}


def _screen(scene: RenderContext, name: str, head: str, **fields: Any) -> ScreenModel:
    fields.setdefault("foot", foot_keys(scene, "back"))
    service = scene.services[scene.session.service]
    return build_screen(scene, name, scene.words(head), **fields, **service_board(scene, service))


def _first(scene: RenderContext, press: str, word: str, icon: str) -> ScreenKey:
    hue = f"is-{scene.services[scene.session.service].hue}"
    return wide_key(scene, press, word, icon, number="1", high="h1", hue=hue)


def _go_on(scene: RenderContext, word: str) -> ScreenKey:
    return _first(scene, "phone", scene.words(word), "right")


def _other(scene: RenderContext, press: str, icon: str, number: str) -> ScreenKey:
    word = scene.words(f"kiosk.voice-{'again' if press == 'speak' else press}")
    return tile_key(scene, press, word, icon, 2, number=number, high="h2")


def _hushed(scene: RenderContext) -> tuple[ScreenKey, ...]:
    """The usual foot, but nothing is said once more now: the plate itself says why."""
    again, *others = foot_keys(scene, "back")
    word = scene.words("kiosk.voice-hushed")
    hushed = ScreenKey(
        press=again.press, word=word, icon="mic", size=again.size, hue="quiet", off=True
    )
    return (hushed, *others)
