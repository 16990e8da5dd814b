"""All open requests in order, and what of them stands on the desk's first screen."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.health import Vitals
from gateway.web.i18n import Translator
from gateway.web.section import Need, NeedAction, View
from kiosk.desk import row
from kiosk.desk.row import RequestRow
from kiosk.requests.catalogue import CALL_SERVICE
from kiosk.requests.engine import closing_event
from kiosk.requests.request import Request
from kiosk.requests.request_type import OPEN_MAX, TYPES
from kiosk.runtime.service import RequestService

PATH = "/desk/requests"
# More are counted, not shown.
ROWS_MAX = 50

NEEDS_MAX = 12
LATELY_MAX = 6


class RequestBoard:
    """Looks at the requests' room; changes nothing."""

    def __init__(
        self,
        room: RequestService,
        names: Callable[[], Mapping[str, str]],
        zones: Mapping[str, str] | None = None,
    ) -> None:
        """`names` are the people of the station by account, `zones` how each zone is called."""
        self.room = room
        self.zones = zones or {}
        self._names = names

    def row(self, request: Request) -> RequestRow:
        """The request as it is now."""
        services = self.room.services
        service = services.get(request.service, services[CALL_SERVICE])
        due = self.room.engine.rules(request.family).next_due(request)
        return RequestRow(request, service, self.room.now(), due)

    @property
    def types(self) -> list[tuple[str, str]]:
        """The types that this station uses, each with its pictogram."""
        used = (rules.type.name for rules in self.room.engine.all_rules)
        return [(name, row.find_desk(name).pictogram) for name in used]

    def open_rows(self, family: str = "") -> list[RequestRow]:
        """What has not ended, of that family or of all, in the order of its urgency."""
        live = (
            one for one in self.room.all_requests() if not one.ended and family in ("", one.family)
        )
        return sorted(map(self.row, live), key=lambda each: each.order)

    def recent_rows(self) -> list[RequestRow]:
        """What ended last, the newest first."""
        ended = sorted(
            (one for one in self.room.all_requests() if one.ended), key=lambda r: -r.since_ns
        )
        return [self.row(one) for one in ended[:LATELY_MAX]]

    def find_row(self, request_id: str) -> RequestRow | None:
        """The request of that id, while it is kept."""
        request = self.room.engine.repository.requests.get(request_id)
        return None if request is None else self.row(request)

    def person_name(self, who: str) -> str:
        """Somebody's name; as it was written where nobody is called so."""
        return self._names().get(who, who)

    def people(self) -> list[str]:
        """Whom something can be given to."""
        return sorted(self._names().values())

    def title(self, each: RequestRow, words: Translator) -> str:
        """What and where."""
        choice = each.service.find_option(each.request.what)
        what = "" if choice is None else choice.name.text(words.lang)
        if choice is None and each.request.what:  # a picture that means danger is a call
            what = self._picture(each.request.what, words)
        return row.row_title(each, words, self.place(each.request.place), what)

    def pictogram(self, each: RequestRow) -> str:
        """Its own picture, though another service carries it out."""
        for service in self.room.services.values():
            if (choice := service.find_option(each.request.what)) is not None:
                return choice.pictogram
        return each.pictogram

    def place(self, place: str) -> str:
        """How that place is called; the station's own name where it is none."""
        return self.room.places.spoken(place) if not place or place in self.room.places else place

    def text(self, each: RequestRow, words: Translator) -> str:
        """What is known beside the state."""
        return row.row_text(each, words, self.person_name(each.request.by))

    def _picture(self, what: str, words: Translator) -> str:
        found = (service.find_option(what) for service in self.room.services.values())
        choice = next((one for one in found if one is not None), None)
        return what if choice is None else choice.name.text(words.lang)

    def view(self, vitals: Vitals, words: Translator, family: str = "") -> View:
        """Everything on the board that changes."""
        return dict(self._facts(vitals, words, family if family in TYPES else ""))

    def _facts(self, vitals: Vitals, words: Translator, family: str) -> Iterator[tuple[str, Any]]:
        rows = self.open_rows(family)
        yield "shape", _shape(vitals, rows, self.recent_rows())
        yield "volatile", vitals.journal.volatile
        yield from self.ring_view(words).items()
        yield "count", count_text(rows, words)
        yield "network", self._network(words)
        yield "many", self._many(words)
        for each in rows[:ROWS_MAX]:
            key = f"request.{each.request.id}"
            yield f"{key}.minutes", str(each.minutes)
            yield f"{key}.mark", row.state_badge(each.request, words)
            yield f"{key}.text", self.text(each, words)

    def ring_view(self, words: Translator) -> View:
        """What the page's script needs to sound, and its word; filters silence nothing."""
        ring = max((each.ring for each in self.open_rows()), default=row.SILENT)
        return {"ring": str(ring), "ring.text": words(f"board.ring-{ring}")}

    def request_view(self, vitals: Vitals, words: Translator, request_id: str) -> View:
        """Everything on one request's page that changes."""
        each = self.find_row(request_id)
        base = {"volatile": vitals.journal.volatile, **self.ring_view(words)}
        if each is None:
            return {"shape": zlib.crc32(vitals.version.encode()), **base}
        return {
            "shape": _shape(vitals, [each], []),
            **base,
            "minutes": str(each.minutes),
            "mark": row.state_badge(each.request, words),
            "text": self.text(each, words),
            "caption": self.room.sentence(each.request).caption,
        }

    def card(self, _vitals: Vitals, words: Translator) -> View:
        """The card on the desk's first screen."""
        rows = self.open_rows()
        waiting = [each for each in rows if each.is_waiting]
        ended = sum(1 for one in self.room.all_requests() if one.ended)
        return {
            **self.ring_view(words),
            "waiting": str(len(waiting)),
            "under-way": str(len(rows) - len(waiting)),
            "ended": str(ended),
            "network": self._network(words),
        }

    def _network(self, words: Translator) -> str:
        """A word where a car could come by the network, and cannot now."""
        return words("board.network-away") if self.room.network_away else ""

    def _many(self, words: Translator) -> str:
        """A word while so much is open that work orders come to their bound."""
        many = self.room.overload_count
        return words("board.many", n=many, max=OPEN_MAX) if many else ""

    def closable_rows(self) -> list[RequestRow]:
        """What staff can put away at once: what is only waited for first, then the oldest."""
        rows = [self.row(one) for one in self.room.all_requests() if closing_event(one)]
        return sorted(rows, key=lambda each: (each.is_waiting, each.request.since_ns))

    def urgency(self, _vitals: Vitals) -> int:
        """How urgent the card is now."""
        least = row.DUE if self.room.overload_count else 0
        return max((each.urgency for each in self.open_rows() if each.is_waiting), default=least)

    def needs(self, _vitals: Vitals, words: Translator) -> list[Need]:
        """A row for each request that nobody has taken."""
        waiting = [each for each in self.open_rows() if each.is_waiting]
        rows = [self.need(each, words) for each in waiting[:NEEDS_MAX]]
        return [*rows, self._too_many(words)] if self.room.overload_count else rows

    def _too_many(self, words: Translator) -> Need:
        """That what is over should be put away."""
        return Need(
            key="many",
            urgency=row.DUE,
            hue="is-person",
            pictogram="journal",
            amount=self.room.overload_count,
            unit=words("board.unit"),
            title=words("board.many-title"),
            text=self._many(words),
            actions=(NeedAction(words("board.put-away"), "check", f"{PATH}/close"),),
        )

    def need(self, each: RequestRow, words: Translator) -> Need:
        """The request on the board of what needs a person."""
        here = f"{PATH}/{each.request.id}"
        take = NeedAction(words(f"board.do-{each.request.family}-{each.taking_action}"), "check",
                          f"{here}/take",
                      post=True)  # fmt: skip
        return Need(
            key=each.request.id,
            urgency=each.urgency,
            hue=each.hue,
            pictogram=self.pictogram(each),
            amount=each.minutes,
            unit=words(each.unit),
            title=self.title(each, words),
            text=self.text(each, words),
            note=row.state_badge(each.request, words)[2],
            actions=(take, NeedAction(words("board.look"), "right", here, quiet=True)),
        )


def count_text(rows: list[RequestRow], words: Translator) -> str:
    """How many there are, and how many of them wait."""
    if len(rows) > ROWS_MAX:
        return words("board.count-many", n=len(rows), shown=ROWS_MAX)
    return words("board.count", n=len(rows), waiting=sum(each.is_waiting for each in rows))


def _shape(vitals: Vitals, rows: list[RequestRow], lately: list[RequestRow]) -> int:
    """Changes when a row came, went or moved, or may be acted on otherwise."""
    parts = [vitals.name, vitals.version, str(len(rows) > ROWS_MAX)]
    shown = [*rows[:ROWS_MAX], *lately]
    parts += [f"{one.request.id} {one.request.cue} {one.request.by} {one.unit}" for one in shown]
    return zlib.crc32("\n".join(parts).encode())
