"""The registers of one emulated device, as a datasheet's table gives them."""

from collections.abc import Iterable, Mapping

TABLES = ("coil", "discrete", "input", "holding")


class RegisterImage:
    """Four tables of words (or bits); an address that is in none of them does not exist.

    `writable` names what the master may change; everything else refuses. `max_block` is the most
    that the device gives in one answer, by table.
    """

    def __init__(
        self,
        tables: Mapping[str, Mapping[int, int]] | None = None,
        *,
        writable: Iterable[tuple[str, int]] = (),
        max_block: Mapping[str, int] | None = None,
    ) -> None:
        """Take the tables over; KeyError for a table that Modbus does not have."""
        self._tables: dict[str, dict[int, int]] = {name: {} for name in TABLES}
        for name, words in (tables or {}).items():
            self._tables[name].update(words)
        self.writable = set(writable)
        self.max_block = dict(max_block or {})

    def put(self, table: str, address: int, words: Iterable[int]) -> None:
        """Set words from `address` on, making the addresses exist."""
        self._tables[table].update(enumerate(words, address))

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """These words; None if one does not exist or they are too many for one answer."""
        words = self._tables[table]
        wanted = range(address, address + count)
        too_many = count > self.max_block.get(table, self.max_block.get("", count))
        if too_many or any(at not in words for at in wanted):
            return None
        return [words[at] for at in wanted]

    def write(self, table: str, address: int, words: list[int]) -> bool:
        """The master writes; False if an address may not be written."""
        at = [(table, address + offset) for offset in range(len(words))]
        if not words or any(place not in self.writable for place in at):
            return False
        self.put(table, address, words)
        return True
