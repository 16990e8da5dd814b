"""Telling staff that somebody calls."""

from typing import Protocol

from gateway.rules.duty import DESK, PLATFORM
from kiosk.requests.request import Request


class StaffBell(Protocol):
    """Tells staff; the sounding room is behind it."""

    async def ring(self, request: Request, to: str, by: tuple[str, ...]) -> tuple[str, ...]:
        """Tell `to` by these channels: the desk, the platform, or a zone where a chime sounds.

        Returns those by which it has been taken; StationError where it is by none.
        """


class NullBell:
    """Where there is no loudspeaker: the desk and the platform hear of every call by the feed."""

    async def ring(self, request: Request, to: str, by: tuple[str, ...]) -> tuple[str, ...]:
        """The record that goes with it is what they hear."""
        del request, to
        return tuple(way for way in by if way in (DESK, PLATFORM))
