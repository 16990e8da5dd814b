"""Finds the model of a device: reads that known models share, and values that fit one of them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from drivers.bus.bus_plan import polled_driver
from drivers.contract import DeviceFault, GarbledReply, RequestRefused, Sample
from drivers.family import Transaction, WireCost
from drivers.profile import Profile
from drivers.scan.evidence import IMPOSSIBLE, weight
from drivers.scan.probe import FamilyScanner, ScanHit
from drivers.serial_line import SerialLine

CANDIDATES_MAX = 3
# A model is clearly the right one if its score is this multiple of the next one's.
CLEAR_RATIO = 1.25

# Carries out one read; returns the frame or the fault.
CarryOutRead = Callable[[Transaction], Awaitable[bytes | DeviceFault]]


class ModelMatch(msgspec.Struct, frozen=True):
    """A model that fits, and its score."""

    profile: Profile
    score: float


class ModelMatcher:
    """The models of one family, and how a device is recognised as one of them."""

    def __init__(self, finder: FamilyScanner, profiles: Iterable[Profile]) -> None:
        """`profiles` of other families are ignored."""
        self._finder = finder
        self._profiles = [each for each in profiles if each.family == finder.family]
        self._driver = polled_driver(finder.family)

    async def find_matches(
        self, sign: ScanHit, line: SerialLine, wire: WireCost, read: CarryOutRead
    ) -> list[ModelMatch]:
        """The models that fit, best first. Models share their reads."""
        once = _ReadCache(read)
        found = [
            ModelMatch(profile, await self._try(self._plan(profile, sign, line, wire), once))
            for profile in self._profiles
            if self._finder.fits_profile(profile, sign)
        ]
        fitting = [each for each in found if each.score > 0]
        fitting.sort(key=lambda each: (-each.score, each.profile.unverified, each.profile.id))
        return fitting[:CANDIDATES_MAX]

    def cost_s(self, sign: ScanHit, line: SerialLine, wire: WireCost, wait_s: float) -> float:
        """About how long that takes: most models are excluded by their first read."""
        plans = [
            self._plan(each, sign, line, wire)
            for each in self._profiles
            if self._finder.fits_profile(each, sign)
        ]
        firsts = {plan[0].request: plan[0] for plan in plans if plan}.values()
        whole = max((sum(map(_chars, plan)) for plan in plans), default=0)
        chars = sum(len(each.request) + _REFUSAL_CHARS for each in firsts) + whole
        return chars * line.char_s + len(firsts) * 2 * line.silence_s + wait_s

    def _plan(
        self, profile: Profile, sign: ScanHit, line: SerialLine, wire: WireCost
    ) -> tuple[Transaction, ...]:
        device = profile.device("device", sign.address, line=line)
        if self._driver.check(device):
            return ()
        return self._driver.plan(device, device.points, wire)

    async def _try(self, plan: Sequence[Transaction], once: "_ReadCache") -> float:
        """A model's score; 0 if the device contradicts it."""
        total, left = 0.0, list(plan)
        while left:
            asked = left.pop(0)
            samples = await once(asked)
            if (
                isinstance(samples, RequestRefused)
                and samples.divisible
                and asked.divide is not None
            ):
                parts = asked.divide()
                if not parts:
                    return 0.0
                left[:0] = parts
            elif isinstance(samples, DeviceFault):
                return 0.0
            else:
                weights = [weight(sample) for sample in samples]
                if IMPOSSIBLE in weights:
                    return 0.0
                total += sum(weights)
        return total


_REFUSAL_CHARS = 16


def _chars(asked: Transaction) -> int:
    return len(asked.request) + asked.reply_bytes


class _ReadCache:
    """Carries out each read once and decodes its reply for each model."""

    def __init__(self, read: CarryOutRead) -> None:
        self._read = read
        self._known: dict[bytes, bytes | DeviceFault] = {}

    async def __call__(self, asked: Transaction) -> Sequence[Sample] | DeviceFault:
        """The samples of this model in the device's reply."""
        if asked.request not in self._known:
            self._known[asked.request] = await self._read(asked)
        frame = self._known[asked.request]
        if isinstance(frame, DeviceFault):
            return frame
        if asked.more is not None and asked.more(frame) is not None:
            return GarbledReply("scan.more-follows")  # a scan does not fetch long items
        try:
            return asked.decode(frame)
        except DeviceFault as fault:
            return fault


def is_clear_match(matches: Sequence[ModelMatch]) -> bool:
    """True if the first model is beyond doubt."""
    if not matches:
        return False
    return len(matches) == 1 or matches[0].score >= CLEAR_RATIO * matches[1].score
