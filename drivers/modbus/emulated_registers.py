"""The registers of one emulated device, as in its datasheet."""

from collections.abc import Iterable, Mapping

TABLES = ("coil", "discrete", "input", "holding")


class RegisterImage:
    """Four tables of words (or bits); an address that is in none of them does not exist.

    `writable` has the addresses that the master may write; all others refuse. `max_block` is the
    most that the device returns in one reply, by table.
    """

    def __init__(
        self,
        tables: Mapping[str, Mapping[int, int]] | None = None,
        *,
        writable: Iterable[tuple[str, int]] = (),
        max_block: Mapping[str, int] | None = None,
    ) -> None:
        """Copy the tables; KeyError for a table that Modbus does not have."""
        self._tables: dict[str, dict[int, int]] = {name: {} for name in TABLES}
        for name, words in (tables or {}).items():
            self._tables[name].update(words)
        self.writable = set(writable)
        self.max_block = dict(max_block or {})

    def put(self, table: str, address: int, words: Iterable[int]) -> None:
        """Set words from `address` on; new addresses begin to exist."""
        self._tables[table].update(enumerate(words, address))

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """These words; None if one does not exist or they are too many for one reply."""
        words = self._tables[table]
        wanted = range(address, address + count)
        too_many = count > self.max_block.get(table, self.max_block.get("", count))
        if too_many or any(at not in words for at in wanted):
            return None
        return [words[at] for at in wanted]

    def write(self, table: str, address: int, words: list[int]) -> bool:
        """A write by the master; False if an address may not be written."""
        at = [(table, address + offset) for offset in range(len(words))]
        if not words or any(place not in self.writable for place in at):
            return False
        self.put(table, address, words)
        return True
