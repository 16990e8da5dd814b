"""The forms of the setup pages. Every form works without a script."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web
from multidict import MultiDictProxy

from gateway.errors import (
    AccessDenied,
    NotFound,
    SettingsError,
    StationError,
    Unavailable,
    UsageError,
)
from gateway.health import PointVitals, Vitals
from gateway.setup import toml_changes
from gateway.setup.acceptance import AcceptanceRecords, AcceptanceState
from gateway.setup.meter_check import MeterComparison, compare_display, parse_display
from gateway.setup.page_handlers import PageHandlers
from gateway.setup.ports import ChangeResult, SettingChanges, SetupPorts
from gateway.toml import Mistake
from gateway.web import value_format
from gateway.web.audit_middleware import acting_account, set_target
from gateway.web.i18n import translator_for
from gateway.web.responses import http_status
from gateway.web.section import Handler

# The page comes back after this time even if the change is still under way.
PATIENCE_S = 3.0

ROWS_MAX = 64

_Given = MultiDictProxy[str | bytes | bytearray | web.FileField]


class FormHandlers:
    """The handlers of all forms."""

    def __init__(
        self,
        roof: SetupPorts,
        records: AcceptanceRecords,
        desk: PageHandlers,
        vitals: Callable[[], Vitals],
    ) -> None:
        """`desk` shows the page again with what was wrong."""
        self._roof = roof
        self._records = records
        self._desk = desk
        self._vitals = vitals

    def with_refusals(self, handler: Handler, back: str) -> Handler:
        """Wrap a handler: a refusal becomes a page with a way back."""

        async def pressed(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except (AccessDenied, SettingsError):
                raise
            except StationError as error:
                mistake = Mistake("", 0, "", error.code, error.data)
                return self._refused(request, (mistake,), back, http_status(error))

        return pressed

    async def add_line(self, request: web.Request) -> web.StreamResponse:
        """Add a line."""
        changes = toml_changes.bus_changes(await _form(request), self._roof.wiring.plan())
        return await self._change(request, changes, "/setup/lines")

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Start, pause, resume or stop a search, or read the results again."""
        bus, what = request.match_info["id"], request.match_info["what"]
        searching = self._roof.searching
        set_target(request, bus)
        match what:
            case "start":
                form = await _form(request)
                thorough, only = bool(form.get("thorough")), form.get("only", "")
                await searching.start(bus, thorough=thorough, only=only)
            case "pause":
                searching.pause()
            case "resume":
                searching.resume()
            case "stop":
                searching.stop()
            case "again":
                await searching.again()
            case _:
                raise web.HTTPNotFound
        raise web.HTTPSeeOther(f"/setup/scan/{bus}")

    async def add_devices(self, request: web.Request) -> web.StreamResponse:
        """Add the ticked rows, or the device entered by hand."""
        form = await _form(request)
        rows = [
            toml_changes.NewDeviceRow(
                address=form.get(f"address-{n}", ""),
                model=form.get(f"model-{n}", ""),
                name=form.get(f"name-{n}", ""),
                place=form.get(f"place-{n}", ""),
                line=form.get(f"line-{n}", ""),
            )
            for n in range(ROWS_MAX)
            if form.get(f"add-{n}")
        ]
        plan, bus = self._roof.wiring.plan(), form.get("bus", "")
        faults = toml_changes.row_faults(rows, plan)
        if faults and form.get("found"):
            return self._desk.found(request, self._desk.bus(bus), typed=form, faults=faults)
        return await self._change(
            request, toml_changes.device_changes(rows, bus, plan), "/setup/devices"
        )

    async def edit_device(self, request: web.Request) -> web.StreamResponse:
        """Change a device's name and place."""
        return await self._change(
            request, toml_changes.device_edit(await _form(request)), "/setup/devices"
        )

    async def wire(self, request: web.Request) -> web.StreamResponse:
        """Change what is wired to an input."""
        changes = toml_changes.input_changes(await _form(request), self._roof.wiring.plan())
        return await self._change(request, changes, "/setup/devices")

    async def compare(self, request: web.Request) -> web.StreamResponse:
        """Compare the station's value with the meter's display, or check a pressed sensor."""
        form = await _form(request)
        device, point = form.get("device", ""), form.get("point", "")
        set_target(request, f"{device}.{point}")
        seen = self._point(device, point)
        if seen is None or seen.value is None:
            raise Unavailable("setup.nothing-read", device=self._named(device), point=point)
        shown = form.get("shown", "").strip()
        if not shown and not form.get("agrees"):
            raise UsageError("setup.compare-empty")
        judged = _judged(seen, shown) if shown else MeterComparison("agrees")
        value = value_format.value_text(seen, translator_for(request))
        ours = f"{value} {value_format.unit_text(seen.unit)}".strip()
        record = self._records.new_record(
            judged.verdict, acting_account(request).id, ours=ours, shown=shown, factor=judged.factor
        )
        await self._records.keep(f"{device}.{point}", record)
        raise web.HTTPSeeOther(f"/setup/devices#d-{device}")

    async def place(self, request: web.Request) -> web.StreamResponse:
        """Add, rename or move a place."""
        changes = toml_changes.place_changes(await _form(request), self._roof.wiring.plan())
        return await self._change(request, changes, "/setup/places")

    async def add_zone(self, request: web.Request) -> web.StreamResponse:
        """Add a zone."""
        given = await _given(request)
        changes = toml_changes.zone_changes(
            _plain(given), _all(given, "places"), self._roof.wiring.plan()
        )
        return await self._change(request, changes, "/setup/places")

    async def add_speaker(self, request: web.Request) -> web.StreamResponse:
        """Add a loudspeaker."""
        given = await _given(request)
        changes = toml_changes.speaker_changes(
            _plain(given), _all(given, "zones"), self._roof.wiring.plan()
        )
        return await self._change(request, changes, "/setup/sound")

    async def beep(self, request: web.Request) -> web.StreamResponse:
        """Play a test tone on one loudspeaker."""
        speaker = (await _form(request)).get("id", "")
        set_target(request, speaker)
        if self._roof.sounds is None:
            raise Unavailable("setup.no-sound")
        await self._roof.sounds.beep(speaker, acting_account(request))
        raise web.HTTPSeeOther(f"/setup/sound?asked={speaker}")

    async def record_heard(self, request: web.Request) -> web.StreamResponse:
        """Record whether a person heard the tone."""
        form = await _form(request)
        speaker = form.get("id", "")
        set_target(request, speaker)
        if all(each.id != speaker for each in self._roof.wiring.plan().speakers):
            raise NotFound("setup.no-speaker", speaker=speaker[:40])
        state: AcceptanceState = "heard" if form.get("heard") == "yes" else "unheard"
        await self._records.keep(
            f"speaker.{speaker}", self._records.new_record(state, acting_account(request).id)
        )
        raise web.HTTPSeeOther("/setup/sound")

    async def bind(self, request: web.Request) -> web.StreamResponse:
        """Set the platform's address, and enrol if a claim token is given."""
        form = await _form(request)
        changes = toml_changes.uplink_changes(form)
        name = next(iter(changes))[1]
        set_target(request, name)
        if token := form.get("token", "").strip():
            url, ca_file = form.get("url", "").strip(), form.get("ca_file", "").strip()
            await self._roof.binding.enrol(name, url, token, ca_file)
        return await self._change(request, changes, "/setup/platform")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Remove one thing."""
        form = await _form(request)
        section = form.get("section", "")
        changes = toml_changes.removal_changes(section, form.get("id", ""))
        back = {"bus": "lines", "device": "devices", "speaker": "sound", "upstream": "platform"}
        return await self._change(request, changes, f"/setup/{back.get(section, 'places')}")

    async def _change(
        self, request: web.Request, changes: SettingChanges, back: str
    ) -> web.StreamResponse:
        """Apply a change through the settings' life cycle; mistakes become a page."""
        words = translator_for(request)
        on = ", ".join(dict.fromkeys(".".join(key[:2]) for key in changes))
        set_target(request, on[:120])
        why = words("setup.why", on=on[:120])
        doing = asyncio.ensure_future(
            self._roof.wiring.change(changes, acting_account(request), why)
        )
        done, _ = await asyncio.wait([doing], timeout=PATIENCE_S)
        try:
            if done:
                await self._settled(doing.result())
        except SettingsError as error:
            mistakes: tuple[Mistake, ...] = error.data.get("mistakes", ())
            return self._refused(request, mistakes, back, HTTPStatus.UNPROCESSABLE_ENTITY)
        doing.add_done_callback(_heard)
        raise web.HTTPSeeOther(back)

    def _refused(
        self, request: web.Request, mistakes: tuple[Mistake, ...], back: str, status: HTTPStatus
    ) -> web.Response:
        return self._desk.page(request, "refused", status=status, mistakes=mistakes, back=back)

    async def _settled(self, came: ChangeResult) -> None:
        """After a change: drop the records of things that are gone."""
        if came.state == "kept":
            plan = self._roof.wiring.plan()
            await self._records.forget({device.id for device in plan.devices} | {"speaker"})

    def _named(self, device: str) -> str:
        """Its name for people."""
        names = {each.id: each.name for each in self._roof.wiring.plan().devices}
        return names.get(device, device[:40])

    def _point(self, device: str, point: str) -> PointVitals | None:
        points = (each.points for each in self._vitals().devices if each.id == device)
        return next((each for some in points for each in some if each.id == point), None)


def _judged(seen: PointVitals, shown: str) -> MeterComparison:
    if isinstance(seen.value, bool | str) or seen.value is None:
        return MeterComparison("agrees" if str(seen.value) == shown else "differs")
    return compare_display(float(seen.value), *parse_display(shown), seen.unit)


def _heard(task: asyncio.Future[ChangeResult]) -> None:
    """Retrieve the error of a task whose page was sent already; the history has it."""
    if not task.cancelled():
        task.exception()


async def _given(request: web.Request) -> _Given:
    return await request.post()


async def _form(request: web.Request) -> dict[str, str]:
    return _plain(await _given(request))


def _plain(given: _Given) -> dict[str, str]:
    """The text fields, each once."""
    return {key: value for key, value in given.items() if isinstance(value, str)}


def _all(given: _Given, name: str) -> list[str]:
    return [value for value in given.getall(name, []) if isinstance(value, str)]
