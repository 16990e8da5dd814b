"""The desk's broadcast section: its pages, forms, live sound, card and needs."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from broadcast import events
from broadcast.guard import Answer
from broadcast.options import KeyOptions, PresetOptions
from broadcast.order import REPEAT_MAX, TEXT_CHARS_MAX
from broadcast.pages import acts, clips, now, past, zones
from broadcast.pages import words as told
from broadcast.pages.acts import Acts, pressable
from broadcast.pages.ahead import coming, missed, spoken
from broadcast.pages.board import Board
from broadcast.pages.card import FirstScreen, state_of
from broadcast.pages.clips import Clips
from broadcast.pages.day import day
from broadcast.pages.deck import PATH, Deck
from broadcast.pages.hint import ruling
from broadcast.pages.horns import horns
from broadcast.pages.listen import Ears, Listening
from broadcast.pages.microphone import Microphone
from broadcast.pages.no_speakers import NAV, PAGES_FOLDER
from broadcast.pages.planned import Planned
from broadcast.pages.prepared import Prepared
from broadcast.pages.refused import RefusedForm
from broadcast.prepare.clip import Clip
from broadcast.speaker_status import events as speaker_events
from gateway.access import Caller
from gateway.errors import UsageError
from gateway.health import Vitals
from gateway.web.gate import CALLER, permissions
from gateway.web.pages import PAGES
from gateway.web.pulse import framed
from gateway.web.section import Card, GuardedPulse, Permission, Route, Section
from gateway.web.words import Words, words_for

# So long the page says what became of a press.
TOLD_S = 120


class BroadcastPages:
    """The handlers that only look."""

    def __init__(self, board: Board, vitals: Callable[[], Vitals]) -> None:
        """Over that board."""
        self._board = board
        self._vitals = vitals

    async def home(self, request: web.Request) -> web.StreamResponse:
        """What sounds, what can be pressed, where, what comes and what was."""
        return self.page(request)

    def page(self, request: web.Request, typed: RefusedForm | None = None) -> web.Response:
        """The same, with what was typed and why it was refused."""
        words, seen, deck = words_for(request), self._vitals(), self._board.deck
        presets = {k: each for k, each in deck.presets.all().items() if pressable(each)}
        return request.app[PAGES].render(
            request,
            "broadcast/home.html",
            seen,
            self._board.view(seen, words),
            status=200 if typed is None else web.HTTPBadRequest.status_code,
            here="" if typed is None else PATH,
            typed=typed,
            trouble="" if typed is None else words(typed.error.code, **typed.error.data),
            urgent=zones.emergency(deck),
            unheard=[
                past.row(kept, deck, seen.timezone, words)
                for kept in deck.room.unheard_emergencies()
            ],
            speaks=now.kiosk_speaks(deck),
            prompts=past.prompts(deck),
            lost=now.unrecorded(deck, words),
            air=[now.sounding(kept, deck, words) for kept in now.on_air(deck)],
            waiting=[past.row(kept, deck, seen.timezone, words) for kept in now.waiting(deck)],
            told=self._told(request),
            presets=presets,
            lengths=self._lengths(presets),
            tree=zones.tree(deck),
            missed=missed(deck, seen.timezone, words),
            coming=coming(deck, seen.timezone, words)[:6],
            rows=past.rows(deck, seen.timezone, words),
            clips=clips.shown(deck),
            length=told.seconds,
            state=state_of(deck, words),
            wall=self._keys(request),
            text_max=TEXT_CHARS_MAX,
            repeats=acts.REPEATS,
            classes=acts.CLASSES,
            repeat_max=REPEAT_MAX,
            may_act=_may_act(request),
            horns=horns(deck, words),
            testing=deck.selftests.testing,
            tested=self._tested(words),
            microphones=deck.microphones,
            speaking=now.speaking(deck),
            away=not deck.connected(),
            quiet=self._quiet(),
        )

    async def history(self, request: web.Request) -> web.StreamResponse:
        """All orders that the station remembers."""
        words, seen, deck = words_for(request), self._vitals(), self._board.deck
        whole = request.query.get("prompts") == "1"
        rows = past.rows(deck, seen.timezone, words, past.ROWS_MAX, prompts=whole)
        return request.app[PAGES].render(
            request,
            "broadcast/past.html",
            seen,
            {},
            rows=rows,
            prompts=past.prompts(deck),
            whole=whole,
            day=day(deck, seen.timezone),
            may_act=_may_act(request),
        )

    def _lengths(self, presets: Mapping[str, PresetOptions]) -> dict[str, str]:
        """How long each key speaks, once it is known."""
        found = {id_: self._ready(each) for id_, each in presets.items()}
        return {id_: told.seconds(clip.seconds) for id_, clip in found.items() if clip is not None}

    def _ready(self, preset: PresetOptions) -> Clip | None:
        deck = self._board.deck
        if preset.clip is None:
            return deck.voice.ready(preset.text or preset.name, preset.language)
        try:
            return deck.shelf.clip(preset.clip)
        except UsageError:
            return None

    def _told(self, request: web.Request) -> past.Row | None:
        deck = self._board.deck
        kept = deck.room.get(request.query.get("told", "")[:80])
        if kept is None or kept.boot != deck.clock.boot:
            return None
        if (deck.clock.now_ns() - kept.since_ns) / 1e9 > TOLD_S:
            return None
        return past.row(kept, deck, self._vitals().timezone, words_for(request))

    def _keys(self, request: web.Request) -> list[tuple[str, str, str, past.Row | None]]:
        """Each key on the wall: its name, what it plays, where, and its last press."""
        words, deck = words_for(request), self._board.deck
        found = []
        for key, options in deck.keys.items():
            last = next((k for k in deck.room.orders() if k.order.source == f"key.{key}"), None)
            row = None if last is None else past.row(last, deck, self._vitals().timezone, words)
            zone = deck.room.house.zones[options.order.zone].name
            found.append((key, self._meant(options, words), zone, row))
        return found

    def _meant(self, options: KeyOptions, words: Words) -> str:
        """What a key on the wall is for."""
        deck, asked = self._board.deck, options.order
        if asked.microphone is not None:
            name = deck.microphones.get(asked.microphone, asked.microphone)
            return words("cast.mic-title", name=name)
        preset = deck.presets.all().get(asked.preset or "")
        return asked.preset or "" if preset is None else preset.name

    def _tested(self, words: Words) -> str:
        """When the loudspeakers were last tried, as people say it; empty if never."""
        deck = self._board.deck
        now_ns, last_ns = deck.moment().wall_ns, deck.selftests.last_ns
        if last_ns is None or now_ns is None:
            return ""
        return spoken(last_ns, now_ns, self._vitals().timezone, words)

    def _quiet(self) -> str:
        """Why the community hears no notice now, as a text code; empty if it would."""
        deck = self._board.deck
        for zone in deck.room.house.zones.values():
            if zone.sound == "community" and zone.speakers:
                found = ruling(deck, zone.id)
                return "" if found.answer is Answer.GO else found.code or ""
        return ""


def section(
    deck: Deck,
    vitals: Callable[[], Vitals],
    *,
    ears: Ears,
    turned: Callable[[], Awaitable[None]],
    changed: Callable[[], None],
) -> Section:
    """The broadcast at the desk.

    `turned` lets the engine know of another volume, `changed` the voice of other presets.
    """
    board, first = Board(deck), FirstScreen(deck)
    pages = BroadcastPages(board, vitals)
    view = Permission.VIEW
    return Section(
        name="broadcast",
        routes=(
            Route(path=PATH, handler=pages.home, permission=view),
            Route(path=f"{PATH}/past", handler=pages.history, permission=view),
            *Acts(deck, vitals, turned, pages.page).routes(),
            *Clips(deck).routes(),
            *Microphone(deck).routes(),
            *Listening(deck, ears).routes(),
            *Prepared(deck, vitals, changed).routes(),
            *Planned(deck, vitals).routes(),
        ),
        templates=PAGES_FOLDER / "html",
        static=PAGES_FOLDER / "static",
        nav=NAV,
        card=Card("", first.urgency, first.view, first.needs, beside="broadcast/card.html"),
        pulses={"broadcast": GuardedPulse(Permission.VIEW, framed(board.view))},
        kinds=(*events.KINDS, *speaker_events.KINDS),
    )


def _may_act(request: web.Request) -> bool:
    caller: Caller | None = request.get(CALLER)
    return caller is not None and Permission.STAFF in permissions(caller)
