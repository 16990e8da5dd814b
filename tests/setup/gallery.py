"""Every state of the setup pages, in a browser: `python -m tests.setup.gallery [NAME…]`."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from playwright.async_api import Browser as Chromium

from gateway.event import Trust
from gateway.health import ClockVitals, DeviceVitals, PointVitals, Vitals
from gateway.setup.acceptance import AcceptanceRecord, AcceptanceRecords
from gateway.setup.ports import (
    CertificateSummary,
    ChangeResult,
    DevicePlan,
    FoundDevice,
    FoundValue,
    InputPlan,
    LinePlan,
    ModelPlan,
    PlacePlan,
    PortPlan,
    ScanStatus,
    SettingChanges,
    SetupPlan,
    SetupPorts,
    SpeakerPlan,
    UplinkPlan,
    ZonePlan,
)
from gateway.setup.section import section
from gateway.toml import Phrase
from gateway.web.section import Section
from tests.access.gallery import sign_in
from tests.access.harness import Site, site
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, show, wanted
from tests.web.station import NORMAL, WALL_NS, replace

EMPTY = SetupPlan(
    station="wangjing-07",
    name="望京西园三区驿站",
    ports=(
        PortPlan("/dev/yizhan/serial-A50285BI", product="FT232R USB UART", fresh=True),
        PortPlan("/dev/yizhan/port-1.2", product="USB Serial (CH340)"),
        PortPlan("/dev/yizhan/uart"),
    ),
    models=(ModelPlan("eastron-sdm120", "Eastron SDM120 单相电表", "modbus", "2400 8N1"),),
    kinds=("smoke", "key", "e-bike"),
)
WIRED = msgspec.structs.replace(
    EMPTY,
    phone="010-64700000",
    ports=(
        PortPlan("/dev/yizhan/port-1.2", product="USB Serial (CH340)", fresh=True),
        PortPlan("/dev/yizhan/uart"),
        PortPlan("/dev/yizhan/serial-A50285BI", "meters", "FT232R USB UART"),
    ),
    buses=(
        LinePlan(
            "meters",
            "serial",
            "/dev/yizhan/serial-A50285BI",
            "9600 8N1",
            searchable=True,
            name="3号楼电表线",
        ),
        LinePlan("plant", "modbus-tcp", "192.168.1.50:502", name="设备间网关"),
    ),
    devices=(
        DevicePlan("em-b3", "3号楼总电表", "acrel-adw300", "meters", "1", "b3"),
        DevicePlan(
            "di-b3",
            "3号楼干接点",
            "generic-di8",
            "meters",
            "9",
            "b3",
            ("1", "2"),
            (InputPlan("1", "smoke", "5层烟感", "smoke", "b3-f5", "closed"),),
        ),
    ),
    places=(
        PlacePlan("b3", "3号楼", "", "3号楼", 1),
        PlacePlan("b3-f5", "3号楼5层", "b3", "3号楼 › 3号楼5层", 2),
    ),
    zones=(ZonePlan("b3", "3号楼", ("b3",), "community"),),
    speakers=(
        SpeakerPlan("horn-b3", "3号楼喇叭", "multicast", "239.255.12.0", ("b3",)),
        SpeakerPlan("hall", "大厅", "sound-card", "", ("b3",)),
    ),
    uplinks=(UplinkPlan("district", "https://iot.example.cn/yizhan"),),
)
FOUND = (
    FoundDevice("modbus", "9600 8N1", "1", ("eastron-sdm120",), True, "em-b3"),
    FoundDevice(
        "modbus",
        "9600 8N1",
        "2",
        ("eastron-sdm120",),
        True,
        said=(FoundValue("有功功率", 22.07, "kW"), FoundValue("电压", 231.4, "V")),
        read=True,
    ),
    FoundDevice("modbus", "9600 8N1", "17"),
)
READ = tuple(msgspec.structs.replace(each, read=True) for each in FOUND)
SEARCHING = ScanStatus(
    bus="meters",
    phase="searching",
    asking="modbus 83",
    line="9600 8N1",
    done_s=66,
    left_s=130,
    found=FOUND,
    lent=True,
)
CHANGED = msgspec.structs.replace
FLATS = tuple(
    DevicePlan(f"w-{n}01", f"3号楼{n}01水表", "cjt188-water", "meters", f"{n}", "b3")
    for n in range(1, 9)
)
YARD = LinePlan(
    "yard", "serial", "/dev/yizhan/serial-B7", "2400 8E1", True, name="院子水表线", there=False
)
# The stories that have another plan than `WIRED`.
PLANS = {
    "empty": EMPTY,
    "many": CHANGED(WIRED, devices=(*WIRED.devices, *FLATS)),
    "gone": CHANGED(WIRED, buses=(*WIRED.buses, YARD)),
}

PAPERS = CertificateSummary(
    "https://iot.example.cn/yizhan",
    "1f0a 77c2 9b1e 4410 8a35 c0de 5521 e90b",
    "2026-11-24T00:00:00Z",
    "2027-02-22T00:00:00Z",
    "2027-01-23T00:00:00Z",
    "valid",
)
TROUBLE = ChangeResult("rolled-back", 3, (Phrase("appliance.device-lost", {"device": "em-b3"}),))


def wired() -> Vitals:
    """The devices of `WIRED`, read."""
    at_ns = NORMAL.at_ns
    meter = DeviceVitals(
        "em-b3", "3号楼总电表", "meters", "1", "3号楼", "ok", at_ns, at_ns,
        (PointVitals("power_w", "有功功率", 22.07, "kW", "good", at_ns),
         PointVitals("voltage_v", "电压", 231.4, "V", "good", at_ns),
         PointVitals("current_a", "电流", 95.4, "A", "good", at_ns),
         PointVitals("frequency_hz", "频率", 50.0, "Hz", "good", at_ns),
         PointVitals("energy_kwh", "正向有功电能", 18420.6, "kW.h", "good", at_ns)),
    )  # fmt: skip
    module = DeviceVitals(
        "di-b3", "3号楼干接点", "meters", "9", "3号楼", "ok", at_ns, at_ns,
        (PointVitals("smoke", "5层烟感", False, "1", "good", at_ns, place="3号楼 › 3号楼5层",
                     kind="smoke"),),
    )  # fmt: skip
    return replace(NORMAL, devices=(meter, module))


def bare() -> Vitals:
    """A station that has just been unpacked: nothing wired, and no time yet."""
    clock = ClockVitals(Trust.NONE, None, 0, 0)
    return replace(NORMAL, devices=(), buses=(), uplinks=(), clock=clock)


class FakeRoof:
    """A station that says what a story says; `asked` is what the pages wanted of it."""

    def __init__(self) -> None:
        self.shown = EMPTY
        self.scan = ScanStatus()
        self.under_way = False
        self.last: ChangeResult | None = None
        self.asked: list[Any] = []
        self.papered: CertificateSummary | None = None
        self.fails: Exception | None = None
        self.lan_open = True

    def plan(self) -> SetupPlan:
        return self.shown

    async def change(self, changes: SettingChanges, who: Any, why: str) -> ChangeResult:
        self.asked.append(dict(changes))
        if self.fails is not None:
            raise self.fails
        return ChangeResult("kept", 2)

    async def start(self, bus: str, *, thorough: bool, only: str = "") -> None:
        self.asked.append(("start", bus, thorough, only))

    async def again(self) -> None:
        self.asked.append("again")

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")

    def stop(self) -> None:
        self.asked.append("stop")

    async def beep(self, speaker: str, who: Any) -> None:
        self.asked.append(("beep", speaker))

    async def enrol(self, uplink: str, url: str, token: str, ca_file: str) -> None:
        self.asked.append(("enrol", uplink, url, token, ca_file))

    def certificate(self, uplink: str) -> CertificateSummary | None:
        return self.papered


class Furnished(Site):
    """A station whose setup can be brought into any state."""

    roof: FakeRoof
    records: AcceptanceRecords

    def sections(self) -> list[Section]:
        self.roof = FakeRoof()
        self.records = AcceptanceRecords(self.journal, self.clock)
        whole = SetupPorts(
            self.roof, self.roof, self.roof, self.roof, lan_open=lambda: self.roof.lan_open
        )
        return [*super().sections(), section(whole, self.records, self.look, self.names)]

    def tell(self, story: str) -> None:
        """Bring it into the state of that story."""
        roof = self.roof
        roof.shown, roof.scan, roof.papered = PLANS.get(story, WIRED), ScanStatus(), PAPERS
        roof.under_way, roof.last, self.vitals = False, None, wired()
        roof.lan_open = story != "shut"
        match story:
            case "empty":
                roof.papered, self.vitals = None, bare()
            case "searching" | "paused" | "reading":
                roof.scan = CHANGED(SEARCHING, phase=story)
            case "found":
                roof.scan = CHANGED(
                    SEARCHING, phase="ended", found=READ, disturbed=("2400 8E1 AA",)
                )
            case "nothing":
                roof.scan = ScanStatus(bus="meters", phase="ended")
            case "held":
                data = {"port": "/dev/ttyUSB0", "by": "modpoll (812)"}
                roof.scan = ScanStatus(
                    bus="meters", phase="failed", code="bus.port-held", data=data
                )
            case "forbidden":
                data = {"port": "/dev/ttyUSB0", "group": "dialout"}
                roof.scan = ScanStatus(
                    bus="meters", phase="failed", code="bus.port-forbidden", data=data
                )
            case "trying":
                roof.under_way = True
            case "back":
                roof.last = TROUBLE
            case "due":
                roof.shown = CHANGED(WIRED, sandbox="loose")


async def vouch(made: Furnished) -> None:
    """One value agrees, one does not, one speaker was heard."""
    keep = made.records.keep
    right = AcceptanceRecord("agrees", "boss", WALL_NS, Trust.NTP, "231.4 V", "231.5")
    await keep("em-b3.voltage_v", right)
    wrong = AcceptanceRecord("differs", "boss", WALL_NS, Trust.NTP, "22.07 kW", "220.7", 0.1)
    await keep("em-b3.power_w", wrong)
    await keep("speaker.horn-b3", AcceptanceRecord("heard", "boss", WALL_NS, Trust.PERSON))
    await keep("speaker.hall", AcceptanceRecord("unheard", "boss", WALL_NS, Trust.PERSON))


class Shot(NamedTuple):
    """One screen: which page, in which state, how wide, and whether the quick tests take it."""

    name: str
    path: str
    story: str = "wired"
    width: int = DESK
    query: str = ""
    tried: bool = False
    paper: bool = False


SHOTS = (
    Shot("setup", ""),
    Shot("setup-empty", "", "empty"),
    Shot("setup-empty-phone-en", "", "empty", PHONE, "?lang=en", tried=True),
    Shot("setup-many-phone", "", "many", PHONE),
    Shot("setup-back", "", "back"),
    Shot("setup-shut-phone", "", "shut", PHONE),
    Shot("setup-trying", "", "trying"),
    Shot("setup-due-phone", "", "due", PHONE),
    Shot("setup-lines", "lines"),
    Shot("setup-lines-gone-phone", "lines", "gone", PHONE, tried=True),
    Shot("setup-lines-empty-phone", "lines", "empty", PHONE),
    Shot("setup-scan-idle", "scan/meters"),
    Shot("setup-scan-searching", "scan/meters", "searching", tried=True),
    Shot("setup-scan-paused-night", "scan/meters", "paused", query="?night=on"),
    Shot("setup-scan-reading", "scan/meters", "reading"),
    Shot("setup-scan-found", "scan/meters", "found"),
    Shot("setup-scan-found-phone-en", "scan/meters", "found", PHONE, "?lang=en", tried=True),
    Shot("setup-scan-nothing", "scan/meters", "nothing"),
    Shot("setup-scan-held", "scan/meters", "held"),
    Shot("setup-scan-forbidden-phone", "scan/meters", "forbidden", PHONE),
    Shot("setup-devices", "devices"),
    Shot("setup-devices-phone-night", "devices", width=PHONE, query="?night=on", tried=True),
    Shot("setup-devices-phone-en", "devices", width=PHONE, query="?lang=en"),
    Shot("setup-devices-empty", "devices", "empty"),
    Shot("setup-places", "places"),
    Shot("setup-places-empty-phone", "places", "empty", PHONE),
    Shot("setup-sound", "sound"),
    Shot("setup-sound-phone", "sound", width=PHONE),
    Shot("setup-sound-empty", "sound", "empty"),
    Shot("setup-platform", "platform"),
    Shot("setup-platform-empty-phone", "platform", "empty", PHONE),
    Shot("setup-paper", "paper"),
    Shot("setup-paper-due-en", "paper", "due", query="?lang=en", tried=True),
    Shot("setup-paper-print", "paper", query="?night=on", paper=True, tried=True),
)


@contextlib.asynccontextmanager
async def furnished(folder: Path) -> AsyncIterator[Furnished]:
    """The station, with people and with something vouched for."""
    async with site(folder, kind=Furnished) as made:
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        await made.furnish()
        await vouch(made)
        yield made


async def take(
    chromium: Chromium, made: Furnished, shot: Shot, out: Path | None = OUT
) -> browser.Verdict:
    """Open the screen in its state, picture it and judge it."""
    made.tell(shot.story)
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        await sign_in(page, made, "boss")
        await page.goto(f"{made.https}/setup/{shot.path}{shot.query}")
        await page.wait_for_selector("body[data-heard]")
        if shot.paper:
            await page.emulate_media(media="print")
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
            if shot.paper:
                await page.pdf(path=out / f"{shot.name}.pdf", prefer_css_page_size=True)
        return await browser.judge(page, console)


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    return await show("setup", wanted(SHOTS, names), take, furnished)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
