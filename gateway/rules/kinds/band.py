"""A limit above, a limit below, or both; each with its own hysteresis."""

from typing import Annotated, Self

import msgspec

from gateway.errors import UsageError
from gateway.rules.kinds import quantities

Quantity = Annotated[str | float, msgspec.Meta(examples=["0.05 m3/h"])]


class BandLimits(msgspec.Struct, frozen=True):
    """The limits in a point's unit, and the hysteresis of each."""

    above: float | None
    below: float | None
    above_again: float
    below_again: float

    @classmethod
    def from_settings(
        cls, above: Quantity | None, below: Quantity | None, hysteresis: Quantity, unit: str
    ) -> Self:
        """As written in the settings; UsageError if it matches nothing or everything."""
        over, under = (
            None if limit is None else quantities.parse_amount(limit, unit)
            for limit in (above, below)
        )
        if over is not None and under is not None and under >= over:
            raise UsageError("rules.upside-down", above=above, below=below)
        back_above = quantities.parse_share_or_difference(hysteresis, over or 0.0, unit)
        back_below = quantities.parse_share_or_difference(hysteresis, under or 0.0, unit)
        return cls(over, under, (over or 0.0) - back_above, (under or 0.0) + back_below)

    def side(self, measured: float, before: int) -> int:
        """Above (1), below (-1) or neither; returning from one side is not crossing the other."""
        if self.above is not None and (
            measured > self.above or (before > 0 and measured > self.above_again)
        ):
            return 1
        if self.below is not None and (
            measured < self.below or (before < 0 and measured < self.below_again)
        ):
            return -1
        return 0
