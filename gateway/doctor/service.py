"""The doctor of the running station: looks regularly and reports changes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gateway.doctor.checks import examine
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import Finding, FindingLevel

# By then lines, loudspeakers and the platform have come up.
FIRST_S = 20.0

EVERY_S = 30.0

GatherFacts = Callable[[], Awaitable[StationFacts]]

# Called with the findings of every look.
ReportFindings = Callable[[Sequence[Finding]], Awaitable[None]]


class DoctorService:
    """The findings of the last look; `at_ns` is its time, None before the first."""

    def __init__(self, look: GatherFacts, tell: ReportFindings, now_ns: Callable[[], int]) -> None:
        """`look` gathers the facts."""
        self._look = look
        self._tell = tell
        self._now_ns = now_ns
        self.findings: tuple[Finding, ...] = ()
        self.at_ns: int | None = None
        self._since: dict[str, int] = {}

    async def look(self) -> None:
        """Look once."""
        self.accept_findings(examine(await self._look()))
        await self._tell(self.findings)

    def accept_findings(self, findings: Sequence[Finding]) -> None:
        """Take these findings as the present state."""
        self.at_ns = self._now_ns()
        wrong = {f.key for f in findings if f.level in (FindingLevel.WARN, FindingLevel.BAD)}
        self._since = {key: self._since.get(key, self.at_ns) for key in wrong}
        self.findings = tuple(findings)

    def since_ns(self, finding: Finding) -> int | None:
        """Since when it has been wrong; None if it is not."""
        return self._since.get(finding.key)

    async def run(self) -> None:
        """Look regularly until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)
