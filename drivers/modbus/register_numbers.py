"""Register numbers of manuals (30013, 40001) and the addresses in requests (12, 0)."""

from typing import NamedTuple

# The first digit of a five-digit register number gives the table; coils have none.
_LEADS = {1: "discrete", 3: "input", 4: "holding"}

_LEAD = 10_000


class RegisterNumber(NamedTuple):
    """The meaning of a register number: the table, and the address in it."""

    kind: str
    address: int


def parse_register_number(address: int | str) -> RegisterNumber | None:
    """The address, if this is a register number from a manual; None if it cannot be one.

    A device may really have such an address (SunSpec begins at 40000), so this is only a suspicion.
    """
    if not isinstance(address, int):
        return None
    lead, number = divmod(address, _LEAD)
    if lead not in _LEADS or not number:
        return None
    return RegisterNumber(_LEADS[lead], number - 1)
