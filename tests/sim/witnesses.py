"""A station among those who tell it the time: honest, mistaken, hostile, silent; kills, power cuts.

The real clock, timekeeping, floor and judgement of commands and certificates, in virtual time. The
loop's time is the true one; the board's crystal drifts, and its wall clock is of 1970 after a power
cut. `World.live` plays one schedule from a seed and returns what went wrong.
"""

import asyncio
import contextlib
import datetime
import random
import ssl
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock, NtpSync, UplinkTimeSource, floor_file
from gateway.clock.time_sample import EARLIEST_NS, SECOND_NS
from gateway.errors import JournalFull
from gateway.event import Event, Trust, rfc3339
from gateway.station.clock_sync import ClockSync
from gateway.station.events import CLOCK_STEP
from gateway.upstream.inbox.command import PlatformCommand
from gateway.upstream.uplinks.platform_tls import certificate_doubt

START_NS = 1_790_000_000 * SECOND_NS
HOUR_S, DAY_S = 3600.0, 86_400.0
LIES_S = (-400 * DAY_S, -DAY_S, -HOUR_S, -7.0, -2.0, 2.0, 7.0, HOUR_S, DAY_S, 400 * DAY_S)
# Two slews and what a road adds: less is right.
TOLERANCE_S = 2.5

# Nobody is asked about a floor that liars have put less than a minute ahead.
ASKED_S = 62.0

# An uplink that has changed its mind often enough must say the same for 64 minutes, from the first
# word on that is too sharp to be what it said before, too.
SETTLES_S = 76 * 60.0


class Kernel:
    """A board: its crystal, its wall clock, and an NTP that somebody may have."""

    def __init__(self, drift_ppm: float) -> None:
        self.drift_ppm = drift_ppm
        self.began_s = asyncio.get_running_loop().time()
        self.ntp_off_s: float | None = None
        self.chip_s: float | None = None

    def true_s(self) -> float:
        return asyncio.get_running_loop().time()

    def boottime_ns(self) -> int:
        passed_s = self.true_s() - self.began_s
        return 5 * SECOND_NS + round(passed_s * (1 + self.drift_ppm / 1e6) * SECOND_NS)

    def realtime_ns(self) -> int:
        if self.ntp_off_s is None:
            return self.boottime_ns()
        return true_ns() + round(self.ntp_off_s * SECOND_NS)

    def ntp(self) -> NtpSync | None:
        return None if self.ntp_off_s is None else NtpSync(50_000_000)

    def chip_ns(self) -> int | None:
        return None if self.chip_s is None else true_ns() + round(self.chip_s * SECOND_NS)

    def cut(self) -> None:
        """Power comes back: boot time begins anew."""
        self.began_s = self.true_s()


def true_ns() -> int:
    return START_NS + round((asyncio.get_running_loop().time() - 1000) * SECOND_NS)


class Platform:
    """One platform: its clock is `off_s` from the true time, by itself or by whoever is between."""

    def __init__(self, rng: random.Random, lender: UplinkTimeSource) -> None:
        self.rng = rng
        self.lender = lender
        self.own_s = rng.uniform(-0.2, 0.2)
        self.manner = "honest"
        self.lie_s = 0.0
        self.creep_s = 0.0

    def behave(self, manner: str, lie_s: float) -> None:
        self.manner, self.lie_s, self.creep_s = manner, lie_s, 0.0

    @property
    def honest(self) -> bool:
        return self.manner == "honest"

    def off_s(self) -> float | None:
        """How wrong the next receipt is; None where none comes."""
        match self.manner:
            case "silent":
                return None
            case "lies":
                return self.lie_s
            case "alternates":
                return self.rng.choice((0.0, self.lie_s))
            case "raves":
                return self.rng.choice(LIES_S)
            case "creeps":
                self.creep_s += 0.9
                return self.creep_s
        return self.own_s


class Steps:
    """The journal: keeps when steps were told; at times it is full."""

    def __init__(self, rng: random.Random) -> None:
        self.told_s: list[float] = []
        self.full = 0.0
        self._rng = rng

    async def append(self, events: list[Event]) -> None:
        if self._rng.random() < self.full:
            raise JournalFull("journal.full")
        for event in events:
            assert event.kind is CLOCK_STEP
            self.told_s.append(asyncio.get_running_loop().time())


class Found(NamedTuple):
    """What came of one schedule; `wrong` says what went against the promises."""

    seed: int
    wrong: list[str]
    receipts: int
    orders: int
    steps: int
    judged: int
    colluded: bool


class World:
    """One schedule."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = rng = random.Random(seed)
        self.seed = seed
        self.state = folder
        self.wrong: list[str] = []
        self.receipts = self.orders = self.judged = 0
        self.kernel = Kernel(rng.uniform(-50, 50))
        self.platforms = [Platform(rng, lender) for lender in _lenders(rng)]
        self.meters = {
            f"m{number}": rng.choice((0.0, 0.0, *LIES_S)) + rng.uniform(-1, 1)
            for number in range(rng.randrange(3))
        }
        self.kernel.chip_s = rng.choice((None, None, 0.0, -3 * DAY_S - 17))
        self.steps = Steps(rng)
        self.boots = 0
        self.colluded = False
        self.calm = False
        self.persons = 0
        self.person_s: float | None = None
        self.said_s: dict[str, float] = {}
        self.floor_ns = EARLIEST_NS
        self.heard: set[str] = set()

    async def live(self) -> Found:
        """Hours of everything, then those who are wrong stop, and the right time must win."""
        rng = self.rng
        await self._start(cut=True)
        hours = rng.uniform(0.5, 5) if rng.random() < 0.98 else rng.uniform(26, 50)
        ends_s = self._now_s() + hours * HOUR_S
        while self._now_s() < ends_s:
            await self._happen()
            await self._pass(rng.expovariate(1 / 900))
        await self._become_calm()
        await self._stop()
        return Found(
            self.seed,
            self.wrong,
            self.receipts,
            self.orders,
            len(self.steps.told_s),
            self.judged,
            self.colluded,
        )

    async def _happen(self) -> None:
        rng = self.rng
        match rng.randrange(9):
            case 0:
                await self._start(cut=True, off_s=rng.choice((5.0, 600.0, 2 * DAY_S)))
            case 1:
                await self._start(cut=False)
            case 2:
                feigned = rng.random() < 0.1
                self.kernel.ntp_off_s = rng.choice(LIES_S) if feigned else rng.uniform(-0.05, 0.05)
                self.colluded = self.colluded or feigned
            case 3:
                self.kernel.ntp_off_s = None
            case 4:
                said_s = rng.uniform(-60, 60) if rng.random() < 0.8 else rng.choice(LIES_S)
                self._person(said_s)
            case 5:
                self.steps.full = rng.choice((0.0, 0.0, 0.9))
            case _:
                manners = ("honest", "honest", "silent", "lies", "lies", "alternates", "raves")
                platform = rng.choice(self.platforms)
                platform.behave(rng.choice((*manners, "creeps")), rng.choice(LIES_S))

    async def _pass(self, seconds: float) -> None:
        """Receipts, meters, orders and handshakes as time goes by."""
        rng, ends_s = self.rng, self._now_s() + seconds
        while self._now_s() < ends_s:
            for platform in self.platforms:
                self._receipt(platform)
                if rng.random() < 0.1:
                    self._order(platform)
                    self._handshake(platform)
            for name, off_s in self.meters.items():
                if rng.random() < 0.2:
                    self.time.handle_step(
                        self.clock.learn(Trust.METER, self._at(off_s), 3 * SECOND_NS, name)
                    )
            self._look()
            await asyncio.sleep(rng.choice((2.0, 30.0, 60.0)))

    def _receipt(self, platform: Platform) -> None:
        off_s = platform.off_s()
        if off_s is None:
            return
        self.receipts += 1
        self.heard.add(platform.lender.name)
        self.said_s[platform.lender.name] = off_s
        self._note_collusion()
        trip_ns = round(self.rng.choice((0.02, 0.2, 2.0)) * SECOND_NS)
        at = rfc3339(self._at(off_s) - trip_ns // 2)
        self.time.learn_platform_time(platform.lender.name, at, trip_ns)

    def _note_collusion(self) -> None:
        """Whether two independent witnesses, one that may stand alone, share a wrong time."""
        lenders = {each.lender.name: each.lender for each in self.platforms}
        said = [(lenders[name], said_s) for name, said_s in self.said_s.items()]
        for lender, said_s in said:
            if abs(said_s) <= TOLERANCE_S / 2 or not (lender.alone and lender.lends):
                continue
            others = [at for other, at in said if other.lends and other.site != lender.site]
            same = any(abs(other - said_s) < 6 for other in (*others, *self.meters.values()))
            spoken = self.person_s is not None and abs(self.person_s - said_s) < 95
            chip_s = self.kernel.chip_s
            ticked = chip_s is not None and abs(chip_s - said_s) < 35  # as vague as a person
            self.colluded = self.colluded or same or spoken or ticked

    def _order(self, platform: Platform) -> None:
        """An honest platform sends an order of some minutes; some come late."""
        lender = platform.lender
        if not platform.honest or not lender.secure or lender.name not in self.heard:
            return
        self.orders += 1
        ttl_s, late_s = self.rng.uniform(60, 3600), self.rng.choice((0.5, 0.5, 0.5, 120.0, 7200.0))
        issued_ns = self._at(platform.own_s - late_s)
        expires_ns = issued_ns + round(ttl_s * SECOND_NS)
        command = PlatformCommand(
            id="01935c5e-7b2a-7c3d-8e4f-a1b2c3d4e5f6",
            kind="broadcast.play",
            station="test-1",
            issued=rfc3339(issued_ns),
            expires=rfc3339(expires_ns),
        )
        deadline = command.deadline(self.clock.stamp_of(lender.name), self.clock.floor_ns)
        left_s = deadline.left_ns(self.clock) / SECOND_NS
        true_left_s = (expires_ns - true_ns()) / SECOND_NS
        if lender.lends and lender.alone and not self.colluded:
            if left_s > max(0.0, true_left_s) + TOLERANCE_S:
                self._fault(
                    f"an order of {lender.name} lives {left_s - true_left_s:.0f} s too long"
                )
            if left_s <= 0 and true_left_s > TOLERANCE_S:
                self._fault(f"an order of {lender.name} that has {true_left_s:.0f} s is expired")
        if left_s > 0 and command.expires_ns <= self.clock.floor_ns:
            self._fault("an order lives that had expired at the floor")

    def _handshake(self, platform: Platform) -> None:
        """With a certificate that is valid; it is refused by a wrong time that is vouched for."""
        if not platform.honest:
            return
        self.judged += 1
        try:
            certificate_doubt(_certificate(-60, 200), self.clock)
        except ssl.SSLCertVerificationError:
            if not self.colluded:
                self._fault(f"{platform.lender.name} is locked out")

    def _person(self, off_s: float) -> None:
        self.persons += 1
        wall_ns = self._at(off_s)
        if self.clock.plausible(Trust.PERSON, wall_ns, 90 * SECOND_NS):
            self.person_s = off_s
            self._note_collusion()
            self.time.handle_step(self.clock.learn(Trust.PERSON, wall_ns, 90 * SECOND_NS))

    def _look(self) -> None:
        """The floor: it does not go back, and is not ahead of the true time."""
        floor_ns = self.clock.floor_ns
        if floor_ns < self.floor_ns - SECOND_NS // 100 and not self.persons:
            self._fault("the floor went back without a person")
        if floor_ns > true_ns() + TOLERANCE_S * SECOND_NS and not self.colluded:
            self._fault(f"the floor is {(floor_ns - true_ns()) / SECOND_NS:.0f} s ahead")
        self.floor_ns = floor_ns

    async def _become_calm(self) -> None:
        """Everybody who speaks is right from now on; a person answers when the desk asks."""
        rng = self.rng
        self.calm, self.steps.full = True, 0.0
        first = next(p for p in self.platforms if p.lender.alone and p.lender.lends)
        by = rng.choice(("ntp", "first", "first"))
        for platform in self.platforms:
            platform.behave("honest", 0.0)
        self.meters = dict.fromkeys(self.meters, 0.0)
        self.kernel.ntp_off_s = 0.0 if by == "ntp" or self.kernel.ntp_off_s is not None else None
        settles_s = 120.0 if by == "ntp" else SETTLES_S
        if self._known_by_lying_ntp():
            settles_s += DAY_S
        ends_s = self._now_s() + settles_s
        while self._now_s() < ends_s:
            for platform in self.platforms:
                self._receipt(platform)
            await asyncio.sleep(60)
            self._look()
        await self._answer()
        await asyncio.sleep(60)
        self._judge_the_end(first)

    def _known_by_lying_ntp(self) -> bool:
        """An NTP that was feigned and is gone counts for a day."""
        status = self.clock.status()
        wrong = status.wall_ns is not None and abs(status.wall_ns - true_ns()) > SECOND_NS
        return wrong and status.trust is Trust.NTP and self.kernel.ntp_off_s is None

    async def _answer(self) -> None:
        status = self.clock.status()
        if status.doubt or status.trust is Trust.NONE:
            self._person(self.rng.uniform(-30, 30))
            await asyncio.sleep(1)
            for platform in self.platforms:
                self._receipt(platform)

    def _judge_the_end(self, first: Platform) -> None:
        status = self.clock.status()
        off_s = None if status.wall_ns is None else (status.wall_ns - true_ns()) / SECOND_NS
        if off_s is None or abs(off_s) > TOLERANCE_S:
            self._fault(f"in the end station time is {off_s} s off ({status})")
        ahead_s = (self.clock.floor_ns - true_ns()) / SECOND_NS
        if ahead_s > (ASKED_S if self.colluded else TOLERANCE_S):
            self._fault(f"in the end the floor is {ahead_s:.0f} s ahead")
        if self.clock.stamp_of(first.lender.name).wall_ns is None:
            self._fault("in the end nothing can be judged")
        try:
            certificate_doubt(_certificate(-60, 200), self.clock)
        except ssl.SSLCertVerificationError:
            self._fault("in the end the platform is locked out")

    async def _start(self, *, cut: bool, off_s: float = 0.5) -> None:
        """Begin, anew after a kill or a power cut; half of the kills are stops."""
        if self.boots:
            if self.rng.random() < 0.5 and not cut:
                self.time.keep_floor()
            await self._stop()
        # A person may have let it sink since it was looked at.
        before_ns = (
            floor_file.read_floor(self.state) if cut else min(self.floor_ns, self.clock.floor_ns)
        )
        await asyncio.sleep(off_s)
        if cut:
            self.boots += 1
            self.kernel.cut()
            self.kernel.ntp_off_s = None
            self.heard.clear()
            self.said_s.clear()
            self.person_s = None
        self.clock = Clock(
            f"{self.boots:016x}",
            self.kernel,
            floor_file.read_floor(self.state),
            self.state / "of-boot",
        )
        self.clock.lend([platform.lender for platform in self.platforms])
        if self.clock.floor_ns < before_ns - SECOND_NS // 100:
            self._fault("a start lost the floor")
        self.floor_ns = self.clock.floor_ns
        self.time = ClockSync(self.clock, self.steps, self.state, lambda: None)  # type: ignore[arg-type]  # all it uses
        self.time.handle_step(self.clock.poll())
        self._began_s = self._now_s()
        self._running = asyncio.create_task(self.time.run())

    async def _stop(self) -> None:
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        told = [at for at in self.steps.told_s if at >= self._began_s]
        close = [b - a for a, b in pairwise(told) if b - a < 60]
        if close:
            self._fault(f"steps were told {close[0]:.0f} s after each other")

    def _at(self, off_s: float) -> int:
        return true_ns() + round(off_s * SECOND_NS)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _fault(self, what: str) -> None:
        if len(self.wrong) < 5:
            self.wrong.append(f"at {self._now_s() - 1000:.0f} s: {what}")


def _lenders(rng: random.Random) -> list[UplinkTimeSource]:
    """The first is required and may stand alone; of the others anything is possible."""
    found = [UplinkTimeSource("first", "a.example", secure=rng.random() < 0.8)]
    for number in range(rng.randrange(3)):
        plain, required = rng.random() < 0.3, rng.random() < 0.5
        site = rng.choice(("a.example", f"site-{number}"))
        lends = rng.random() < 0.9
        alone, secure = required or not plain, not plain
        found.append(UplinkTimeSource(f"other-{number}", site, lends, alone, secure, required))
    return found


def _certificate(begins_days: float, ends_days: float) -> Mapping[str, object]:
    """As `getpeercert` shows one, of the true time."""

    def of(days: float) -> str:
        moment = datetime.datetime.fromtimestamp(true_ns() / 1e9 + days * DAY_S, tz=datetime.UTC)
        return moment.strftime("%b %d %H:%M:%S %Y GMT")

    return {"notBefore": of(begins_days), "notAfter": of(ends_days)}
