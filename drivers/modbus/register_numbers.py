"""Entry numbers of manuals (30013, 40001) beside the addresses that travel on the wire (12, 0)."""

from typing import NamedTuple

# The first digit of a five-digit entry number says the table; coils have none.
_LEADS = {1: "discrete", 3: "input", 4: "holding"}

_LEAD = 10_000


class RegisterNumber(NamedTuple):
    """What an entry number says: the table, and the address in it."""

    kind: str
    address: int


def parse_register_number(address: int | str) -> RegisterNumber | None:
    """What that address would be if it were copied from a manual; None if it cannot be.

    A device may really have such an address (SunSpec begins at 40000): this is a question.
    """
    if not isinstance(address, int):
        return None
    lead, number = divmod(address, _LEAD)
    if lead not in _LEADS or not number:
        return None
    return RegisterNumber(_LEADS[lead], number - 1)
