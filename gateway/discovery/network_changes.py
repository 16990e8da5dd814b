"""This machine's interfaces and addresses, and when one comes or goes (rtnetlink(7))."""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Self

import ifaddr

# `struct sockaddr_nl`'s groups: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_GROUPS = 0x1 | 0x10 | 0x100

# Plugging in a cable makes a dozen messages; they count as one change.
QUIET_S = 1.0


def own_addresses(named: Collection[str] = ()) -> tuple[str, ...]:
    """The addresses by which others reach this machine, IPv4 first.

    `named` limits them to interfaces or addresses; loopback counts only if named. OSError (ENODEV)
    if no IPv4 address is left to announce on.
    """
    found = sorted(set(_addresses(named)), key=lambda address: (address.version, address))
    if not found or found[0].version != 4:  # noqa: PLR2004  # IPv4
        raise OSError(errno.ENODEV, "no interface has an address")
    return tuple(map(str, found))


def _addresses(named: Collection[str]) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            address = ipaddress.ip_address(each.ip if isinstance(each.ip, str) else each.ip[0])
            asked = adapter.name in named or str(address) in named
            usual = not (named or address.is_loopback or address.is_link_local)
            if asked or usual:
                yield address


class NetworkChanges:
    """An asynchronous context that tells when a link or an address changes.

    Entering it raises OSError where there is no netlink.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        try:
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise
        self._stirred = asyncio.Event()

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    async def wait_for_change(self) -> None:
        """Return after a change, once it is quiet again."""
        await self._stirred.wait()
        while self._stirred.is_set():
            self._stirred.clear()
            await asyncio.sleep(QUIET_S)

    def _hear(self) -> None:
        # What exactly has changed is asked of the kernel afterwards; messages that were lost
        # because nobody read them (ENOBUFS) are a change, too.
        with contextlib.suppress(OSError):
            while os.read(self._socket.fileno(), 65_536):
                self._stirred.set()
        self._stirred.set()
