"""The families of requests: each one transition table, drawn into `docs/requests.md`."""

from kiosk.flows import call, ride, work
from kiosk.flows.family import Family

FAMILIES: dict[str, Family] = {
    family.name: family for family in (ride.FAMILY, call.FAMILY, work.FAMILY)
}

__all__ = ["FAMILIES", "Family"]
