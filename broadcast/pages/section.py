"""The desk's broadcast section: its pages, forms, live sound, card and needs."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from broadcast.clips.clip import StoredClip
from broadcast.options import KeyOptions, PresetOptions
from broadcast.order import REPEAT_MAX, TEXT_CHARS_MAX
from broadcast.orders import events
from broadcast.pages import actions, clips, on_air, order_history, zones
from broadcast.pages import labels as told
from broadcast.pages.actions import BroadcastActions, is_pressable
from broadcast.pages.card import BroadcastCard, speakers_state
from broadcast.pages.clips import ClipRoutes
from broadcast.pages.context import PATH, BroadcastPageContext
from broadcast.pages.day_chart import draw_day
from broadcast.pages.listen import ListenRoutes, ZoneListeners
from broadcast.pages.microphone import MicrophoneRoutes
from broadcast.pages.no_speakers import NAV, PAGES_FOLDER
from broadcast.pages.presets import PresetRoutes
from broadcast.pages.press_check import staff_ruling
from broadcast.pages.refused_form import RefusedForm
from broadcast.pages.schedules import ScheduleRoutes
from broadcast.pages.speakers import speaker_rows
from broadcast.pages.upcoming import missed_rows, spoken_time, upcoming_schedules
from broadcast.pages.view import BroadcastView
from broadcast.policy.guard import GuardAnswer
from broadcast.speaker_status import events as speaker_events
from gateway.access import Caller
from gateway.errors import UsageError
from gateway.health import Vitals
from gateway.web.authorization import CALLER, act_permissions
from gateway.web.i18n import Translator, translator_for
from gateway.web.live_views import with_header
from gateway.web.page_renderer import PAGES
from gateway.web.section import Card, GuardedPulse, Permission, Route, Section

# How long the page says what became of a press.
TOLD_S = 120


class BroadcastPages:
    """The handlers that only show pages."""

    def __init__(self, board: BroadcastView, vitals: Callable[[], Vitals]) -> None:
        self._board = board
        self._vitals = vitals

    async def home(self, request: web.Request) -> web.StreamResponse:
        """What plays, what can be pressed, where, what comes and what was."""
        return self.page(request)

    def page(self, request: web.Request, typed: RefusedForm | None = None) -> web.Response:
        """The same page, with what was typed and why it was refused."""
        words, seen, context = translator_for(request), self._vitals(), self._board.context
        presets = {k: each for k, each in context.presets.all().items() if is_pressable(each)}
        return request.app[PAGES].render(
            request,
            "broadcast/home.html",
            seen,
            self._board.view(seen, words),
            status=200 if typed is None else web.HTTPBadRequest.status_code,
            here="" if typed is None else PATH,
            typed=typed,
            trouble="" if typed is None else words(typed.error.code, **typed.error.data),
            urgent=zones.emergency_zones(context),
            unheard=[
                order_history.history_row(kept, context, seen.timezone, words)
                for kept in context.room.unheard_emergencies()
            ],
            speaks=on_air.kiosk_speaks(context),
            prompts=order_history.count_prompts(context),
            lost=on_air.unrecorded_sounds(context, words),
            air=[
                on_air.show_on_air(kept, context, words) for kept in on_air.on_air_orders(context)
            ],
            waiting=[
                order_history.history_row(kept, context, seen.timezone, words)
                for kept in on_air.waiting_orders(context)
            ],
            told=self._told(request),
            presets=presets,
            lengths=self._lengths(presets),
            tree=zones.zone_tree(context),
            missed=missed_rows(context, seen.timezone, words),
            coming=upcoming_schedules(context, seen.timezone, words)[:6],
            rows=order_history.history_rows(context, seen.timezone, words),
            clips=clips.listed_clips(context),
            length=told.clock_text,
            state=speakers_state(context, words),
            wall=self._keys(request),
            text_max=TEXT_CHARS_MAX,
            repeats=actions.REPEATS,
            classes=actions.CLASSES,
            repeat_max=REPEAT_MAX,
            may_act=_may_act(request),
            horns=speaker_rows(context, words),
            testing=context.selftests.testing,
            tested=self._tested(words),
            microphones=context.microphones,
            speaking=on_air.microphone_orders(context),
            away=not context.connected(),
            quiet=self._quiet(),
        )

    async def history(self, request: web.Request) -> web.StreamResponse:
        """All orders that the station remembers."""
        words, seen, context = translator_for(request), self._vitals(), self._board.context
        whole = request.query.get("prompts") == "1"
        rows = order_history.history_rows(
            context, seen.timezone, words, order_history.ROWS_MAX, prompts=whole
        )
        return request.app[PAGES].render(
            request,
            "broadcast/past.html",
            seen,
            {},
            rows=rows,
            prompts=order_history.count_prompts(context),
            whole=whole,
            day=draw_day(context, seen.timezone),
            may_act=_may_act(request),
        )

    def _lengths(self, presets: Mapping[str, PresetOptions]) -> dict[str, str]:
        """How long each preset speaks, once it is known."""
        found = {id_: self._ready(each) for id_, each in presets.items()}
        return {
            id_: told.clock_text(clip.seconds) for id_, clip in found.items() if clip is not None
        }

    def _ready(self, preset: PresetOptions) -> StoredClip | None:
        context = self._board.context
        if preset.clip is None:
            return context.voice.ready(preset.text or preset.name, preset.language)
        try:
            return context.shelf.clip(preset.clip)
        except UsageError:
            return None

    def _told(self, request: web.Request) -> order_history.HistoryRow | None:
        context = self._board.context
        kept = context.room.get(request.query.get("told", "")[:80])
        if kept is None or kept.boot != context.clock.boot:
            return None
        if (context.clock.now_ns() - kept.since_ns) / 1e9 > TOLD_S:
            return None
        return order_history.history_row(
            kept, context, self._vitals().timezone, translator_for(request)
        )

    def _keys(
        self, request: web.Request
    ) -> list[tuple[str, str, str, order_history.HistoryRow | None]]:
        """Each wall key: its name, what it plays, where, and its last press."""
        words, context = translator_for(request), self._board.context
        found = []
        for key, options in context.keys.items():
            last = next((k for k in context.room.orders() if k.order.source == f"key.{key}"), None)
            row = (
                None
                if last is None
                else order_history.history_row(last, context, self._vitals().timezone, words)
            )
            zone = context.room.house.zones[options.order.zone].name
            found.append((key, self._meant(options, words), zone, row))
        return found

    def _meant(self, options: KeyOptions, words: Translator) -> str:
        """What a wall key is for."""
        context, asked = self._board.context, options.order
        if asked.microphone is not None:
            name = context.microphones.get(asked.microphone, asked.microphone)
            return words("cast.mic-title", name=name)
        preset = context.presets.all().get(asked.preset or "")
        return asked.preset or "" if preset is None else preset.name

    def _tested(self, words: Translator) -> str:
        """When the loudspeakers were last tested, in words; empty if never."""
        context = self._board.context
        now_ns, last_ns = context.moment().wall_ns, context.selftests.last_ns
        if last_ns is None or now_ns is None:
            return ""
        return spoken_time(last_ns, now_ns, self._vitals().timezone, words)

    def _quiet(self) -> str:
        """Why the community hears no notice now, as a text code; empty if it would."""
        context = self._board.context
        for zone in context.room.house.zones.values():
            if zone.sound == "community" and zone.speakers:
                found = staff_ruling(context, zone.id)
                return "" if found.answer is GuardAnswer.GO else found.code or ""
        return ""


def broadcast_section(
    context: BroadcastPageContext,
    vitals: Callable[[], Vitals],
    *,
    ears: ZoneListeners,
    turned: Callable[[], Awaitable[None]],
    changed: Callable[[], None],
) -> Section:
    """The broadcast's section at the desk.

    `turned` is called when a volume changed, `changed` when presets did.
    """
    board, first = BroadcastView(context), BroadcastCard(context)
    pages = BroadcastPages(board, vitals)
    view = Permission.VIEW
    return Section(
        name="broadcast",
        routes=(
            Route(path=PATH, handler=pages.home, permission=view),
            Route(path=f"{PATH}/past", handler=pages.history, permission=view),
            *BroadcastActions(context, vitals, turned, pages.page).routes(),
            *ClipRoutes(context).routes(),
            *MicrophoneRoutes(context).routes(),
            *ListenRoutes(context, ears).routes(),
            *PresetRoutes(context, vitals, changed).routes(),
            *ScheduleRoutes(context, vitals).routes(),
        ),
        templates=PAGES_FOLDER / "html",
        static=PAGES_FOLDER / "static",
        nav=NAV,
        card=Card("", first.urgency, first.view, first.needs, beside="broadcast/card.html"),
        pulses={"broadcast": GuardedPulse(Permission.VIEW, with_header(board.view))},
        kinds=(*events.KINDS, *speaker_events.KINDS),
    )


def _may_act(request: web.Request) -> bool:
    caller: Caller | None = request.get(CALLER)
    return caller is not None and Permission.STAFF in act_permissions(caller)
