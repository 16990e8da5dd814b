"""The keys that the platform signs commands with: one for all, one a station after a change.

A station takes another key only with the former's signature (`key.rotate`), and until it has said
that it did, commands go on being signed with the former.
"""

import re
from pathlib import Path
from typing import Any

from gateway.signing import Signer

_STATION = re.compile(r"[a-z0-9-]{1,63}")


class CommandSigner:
    """Signs; the key files lie in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._forger = Signer(b"not the platform's key, and ours")
        self.signer = Signer.open(folder / "command-key")

    def signer_for(self, station: str) -> Signer:
        """The key in force for that station."""
        own = self._own(station)
        return Signer.open(own) if own is not None and own.exists() else self.signer

    def sign(self, body: dict[str, Any], station: str) -> dict[str, Any]:
        """The command with the platform's signature; UsageError for what cannot be signed."""
        return {**body, "signature": self.signer_for(station).sign(body)}

    def forge(self, body: dict[str, Any]) -> dict[str, Any]:
        """The command with the signature of somebody else."""
        return {**body, "signature": self._forger.sign(body)}

    def rotation(self, station: str) -> dict[str, Any]:
        """The data of a `key.rotate`: a new key and the proof that it is ours."""
        own = self._own(station)
        if own is None:
            return {}
        key = Signer.open(own.with_suffix(".next"))
        named = {"key": key.public, "station": station}
        return {"key": key.public, "proof": key.sign(named)}

    def rotated(self, station: str, key: str) -> None:
        """That station has taken that key: it is in force from now on."""
        own = self._own(station)
        if own is None or not (fresh := own.with_suffix(".next")).exists():
            return
        if Signer.open(fresh).public == key:
            fresh.replace(own)

    def _own(self, station: str) -> Path | None:
        named = _STATION.fullmatch(station)
        return self._folder / f"command-key-{station}.key" if named else None
