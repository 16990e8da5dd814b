"""`[service.<id>]` of a work order: what this station promises, and whom a danger calls."""

from typing import Annotated

import msgspec

from kiosk.requests.catalogue import ServiceTargets


class WorkOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.repair]`: `phones` by picture, where a person is called and a number shown.

    `within` by picture: what this station promises, where that is not as `config/services` has it.
    `close_after_days`: an order that was done so long ago, and for which nobody has pressed a face,
    closes by itself.
    """

    rate_within_h: Annotated[float, msgspec.Meta(ge=1, le=720)] = 48.0
    reopen_within_days: Annotated[float, msgspec.Meta(ge=1, le=90)] = 7.0
    close_after_days: Annotated[float, msgspec.Meta(ge=3, le=365)] = 14.0
    phones: dict[str, Annotated[str, msgspec.Meta(pattern="^[0-9-]{3,20}$")]] = {}
    within: dict[str, ServiceTargets] = {}
