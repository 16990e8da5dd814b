"""Live views: what pages show now, taken once a beat for all readers, sent as differences."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.errors import UsageError
from gateway.health import Vitals
from gateway.web.i18n import Translator
from gateway.web.page_header import header_view
from gateway.web.section import GuardedPulse, Permission, Pulse, View


class ViewTopic(NamedTuple):
    """Which page's view, of which object, in which language."""

    page: str
    argument: str
    words: Translator


class LiveViews:
    """The views of this beat. A view is made on first request, then shared."""

    def __init__(self, vitals: Callable[[], Vitals], pages: Mapping[str, GuardedPulse]) -> None:
        self._take = vitals
        self._pages = {"values": GuardedPulse(Permission.VIEW, values_view), **pages}
        self._views: dict[tuple[str, str, str], View] = {}
        self.now = vitals()

    def topic(self, text: str, words: Translator) -> ViewTopic:
        """The topic in `page` or `page:argument`; UsageError if no section has it."""
        page, _, argument = text.partition(":")
        if page not in self._pages:
            raise UsageError("web.no-such-pulse", pulse=page[:40], known=", ".join(self._pages))
        return ViewTopic(page, argument[:128], words)

    def permission(self, topic: ViewTopic) -> Permission:
        """The permission that a reader needs for that view."""
        return self._pages[topic.page].permission

    def beat(self) -> None:
        """Start a new beat."""
        self.now = self._take()
        self._views.clear()

    def view(self, topic: ViewTopic) -> View:
        """What that page shows at this beat."""
        key = (topic.page, topic.argument, topic.words.lang)
        view = self._views.get(key)
        if view is None:
            view = self._pages[topic.page].view(self.now, topic.words, topic.argument)
            self._views[key] = view
        return view

    @property
    def at_ms(self) -> int:
        """The instant of this beat, in ms since boot."""
        return self.now.at_ns // 1_000_000


def view_difference(before: View, after: View) -> dict[str, Any]:
    """What turns one view into the other: `set` and `gone`, each only if there is something."""
    changed = {k: v for k, v in after.items() if k not in before or before[k] != v}
    gone = [k for k in before if k not in after]
    return {**({"set": changed} if changed else {}), **({"gone": gone} if gone else {})}


def with_header(page: Pulse) -> Pulse:
    """The page's view combined with that of the header."""

    def view(vitals: Vitals, words: Translator, argument: str) -> View:
        return {**header_view(vitals, words), **page(vitals, words, argument)}

    return view


def values_view(vitals: Vitals, _words: Translator, _argument: str) -> View:
    """The view for programs: values, bus loads and lane levels, without wording."""
    view: dict[str, Any] = {
        f"{device.id}.{point.id}": {
            "value": point.value,
            "unit": point.unit,
            "quality": point.quality,
            "at": point.at_ns // 1_000_000,
        }
        for device in vitals.devices
        for point in device.points
    }
    view |= {f"bus.{bus.id}": {"state": bus.state, "load": bus.load} for bus in vitals.buses}
    view |= {
        f"lane.{lane.lane.wire}": {"waiting": lane.waiting, "lag_s": lane.lag_s}
        for lane in vitals.lanes
    }
    return view
