"""`[service.<id>]` of a call for staff."""

from typing import Annotated

import msgspec


class CallOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.staff]`: after `alone_s` without an answer, the person is told what to dial."""

    alone_s: Annotated[float, msgspec.Meta(ge=30, le=900)] = 120.0
