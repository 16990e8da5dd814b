"""`yizhan voice`: hear a text, see how it is read, list voices, try them."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from broadcast.clips.clip import StoredClip
from broadcast.clips.decode import measure_loudness
from broadcast.clips.store import ClipStore
from broadcast.options import VoiceOptions
from broadcast.voice.engine import VoiceEngine
from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.options import build_engines
from broadcast.voice.voice import Voice, spoken_text
from drivers.data_files import config_path
from gateway.errors import StationError, UsageError
from gateway.texts import LANGUAGES, Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

TRIALS = {"zh": "各位居民请注意，今天14:30停水。", "en": "The water is off from half past two."}


class VoiceTrial(msgspec.Struct, frozen=True):
    """The result of one voice's trial."""

    engine: str
    language: str
    speaks: bool
    why: str = ""
    seconds: float = 0.0
    took_ms: int = 0
    lufs: float = 0.0


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    say = texts.say
    parser = declare_command(subcommands, "voice", texts)
    parts = parser.add_subparsers(metavar=say("cli.command"), required=True)
    said = parts.add_parser("say", help=say("voice.say"))
    said.set_defaults(func=run_say)
    said.add_argument("-o", "--output", type=Path, required=True, help=say("voice.output"))
    read = parts.add_parser("read", help=say("voice.read"))
    read.set_defaults(func=run_read)
    for part in (said, read):
        part.add_argument("text", help=say("voice.text"))
        part.add_argument("--language", choices=LANGUAGES, default="zh", help=say("voice.language"))
    listed = parts.add_parser("list", help=say("voice.list"))
    listed.set_defaults(func=run_list)
    checked = parts.add_parser("check", help=say("voice.check"))
    checked.set_defaults(func=run_check)
    for part in (said, read, listed, checked):
        part.add_argument("--config", type=Path, metavar="DIR", help=say("voice.config"))
        part.add_argument("--sherpa", metavar="DIR", help=say("voice.sherpa"))
        part.add_argument("--piper", metavar="FILE", help=say("voice.piper"))
        part.add_argument("--json", action="store_true", help=say("voice.json"))


def run_say(args: argparse.Namespace) -> int:
    """Render the text into a file."""
    clip, by = asyncio.run(_rendered(args))
    if args.json:
        _print_json({"seconds": clip.seconds, "sha": clip.sha, "faults": by})
        return 0
    texts = Texts.from_environment()
    for name, why in by.items():
        print(texts.say("voice.fell-back", engine=name, why=why), file=sys.stderr)
    print(texts.say("voice.said", path=args.output, seconds=clip.seconds))
    return 0


def run_read(args: argparse.Namespace) -> int:
    """Show how the text is read aloud, and which readings the lexicon gives."""
    said = spoken_text(args.text, args.language)
    if not said:
        raise UsageError("voice.nothing")
    pinyin = _lexicon(args).spelt(said) if args.language == "zh" else said
    if args.json:
        _print_json({"text": args.text, "read": said, "spelt": pinyin})
    else:
        print(said if pinyin == said else f"{said}\n{pinyin}")
    return 0


def run_list(args: argparse.Namespace) -> int:
    """List voices, and which languages each speaks on this machine."""
    texts = Texts.from_environment()
    rows = [
        (engine.name, language, engine.identity(language) is not None)
        for engine in _engines(args)
        for language in sorted(engine.languages)
    ]
    if args.json:
        _print_json([{"engine": name, "language": lang, "there": is_} for name, lang, is_ in rows])
    else:
        heads = [texts.say(f"voice.head-{name}") for name in ("engine", "language", "there")]
        cells = [(name, lang, texts.say(f"voice.there-{is_}".lower())) for name, lang, is_ in rows]
        print(render_table(heads, cells))
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Let every voice speak; 0 if each requested one does, and reads Chinese as Chinese."""
    found = asyncio.run(_tried(_engines(args)))
    texts = Texts.from_environment()
    if args.json:
        _print_json(found)
    else:
        heads = [texts.say(f"voice.head-{name}") for name in ("engine", "language", "result")]
        print(
            render_table(
                heads, [(each.engine, each.language, _result(each, texts)) for each in found]
            )
        )
    return 0 if found and all(each.speaks for each in found) else 1


async def _rendered(args: argparse.Namespace) -> tuple[StoredClip, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        voice = Voice(ClipStore(Path(folder)), _engines(args))
        clip = await voice.render(args.text, args.language)
        await asyncio.to_thread(shutil.copyfile, clip.path, args.output)
        return clip, {name: str(error) for name, error in voice.faults.items()}


async def _tried(chain: Sequence[VoiceEngine]) -> list[VoiceTrial]:
    with tempfile.TemporaryDirectory() as folder:
        return [
            await _try(engine, language, Path(folder))
            for engine in chain
            for language in LANGUAGES
            if language in engine.languages
        ]


async def _try(engine: VoiceEngine, language: str, folder: Path) -> VoiceTrial:
    """Try one voice alone, so that no other one speaks in its place."""
    voice = Voice(ClipStore(folder / engine.name / language), [engine])
    began = time.monotonic()
    try:
        clip = await voice.render(TRIALS[language], language)
        took_ms = round((time.monotonic() - began) * 1000)
        if isinstance(engine, EspeakVoice) and language == "zh":
            await _is_mandarin(engine)
    except StationError as error:
        why = voice.faults.get(engine.name, error)
        return VoiceTrial(
            engine.name,
            language,
            speaks=False,
            why=Texts.from_environment().say(why.code, **why.data),
        )
    lufs = (await measure_loudness(clip.path)).lufs
    return VoiceTrial(engine.name, language, True, "", round(clip.seconds, 2), took_ms, lufs)


async def _is_mandarin(engine: EspeakVoice) -> None:
    """Detect an espeak-ng that reads Chinese syllables as English letters and says "(en)"."""
    if "(en)" in await engine.phonemes(spoken_text(TRIALS["zh"], "zh")):
        raise UsageError("voice.not-mandarin")


def _result(found: VoiceTrial, texts: Texts) -> str:
    if not found.speaks:
        return texts.say("voice.mute", why=found.why)
    return texts.say("voice.well", seconds=found.seconds, took_ms=found.took_ms, lufs=found.lufs)


def _engines(args: argparse.Namespace) -> list[VoiceEngine]:
    chosen = []
    if args.sherpa:
        chosen.append(VoiceOptions(engine="sherpa", model=args.sherpa))
    if args.piper:
        chosen.append(VoiceOptions(engine="piper", model=args.piper))
    return build_engines(chosen, _lexicon(args))


def _lexicon(args: argparse.Namespace) -> Lexicon:
    own = [args.config / "voices"] if args.config else []
    return Lexicon.load(config_path("voices"), *own)


def _print_json(found: object) -> None:
    print(msgspec.json.encode(found).decode())
