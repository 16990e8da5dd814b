"""A form that lacked something.

The page comes back with what was typed, and says what is missing.
"""

from typing import NamedTuple

from aiohttp import web

from gateway.errors import UsageError

# The field of the page beside which a refusal is shown, by its code.
FIELDS = {"cast.no-zone": "zone", "cast.no-text": "text", "cast.long-text": "text"}

URGENT_ZONE = "urgent-zone"
TEXT_SHOWN_MAX = 2000


class RefusedForm(NamedTuple):
    """What stood in the form, and why it was refused; `field` is where that is said."""

    error: UsageError
    field: str
    text: str
    cls: str
    repeat: str
    zones: frozenset[str]
    urgent: frozenset[str] | None


async def read_refused(request: web.Request, error: UsageError) -> RefusedForm:
    """What this form held."""
    form = await request.post()
    asked = frozenset(map(str, form.getall(URGENT_ZONE, [])))
    return RefusedForm(
        error,
        error.data.get("field") or FIELDS[error.code],
        str(form.get("text", ""))[:TEXT_SHOWN_MAX],
        str(form.get("class", ""))[:20],
        str(form.get("repeat", ""))[:3],
        frozenset(map(str, form.getall("zone", []))),
        asked if "urgent-zones" in form else None,
    )
