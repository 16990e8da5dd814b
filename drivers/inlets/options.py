"""The settings of `[inlet.*]`."""

import ipaddress
from typing import Annotated, ClassVar

import msgspec

from drivers.contract import WrongUse

_PORT_MAX = 65_535

Listen = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\[[0-9A-Fa-f:]+\]|\d{1,3}(\.\d{1,3}){3}):\d{1,5}$",
        examples=["192.168.1.20:8081"],
    ),
]
CredentialName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["cameras"])
]


def host_and_port(listen: str) -> tuple[str, int]:
    """The two parts of a `listen`."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


class HttpInletOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "http"`: devices POST to `http://<listen>/in/<their address>/<secret>`.

    `listen` is an address of this machine in the devices' network, and a port of its own.
    `credential` names the secret; it is never written here.
    """

    shared: ClassVar[bool] = True

    listen: Listen
    credential: CredentialName

    def __post_init__(self) -> None:
        """WrongUse if `listen` is not an address and a port."""
        _check(self.listen)

    @property
    def where(self) -> str:
        return self.listen


class TcpInletOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "tcp"`: devices connect to `listen` and speak the protocol of their family."""

    shared: ClassVar[bool] = False

    listen: Listen

    def __post_init__(self) -> None:
        """WrongUse if `listen` is not an address and a port."""
        _check(self.listen)

    @property
    def where(self) -> str:
        return self.listen


def _check(listen: str) -> None:
    host, port = host_and_port(listen)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise WrongUse("inlet.bad-listen", key="listen", listen=listen) from None
    if not 1 <= port <= _PORT_MAX:
        raise WrongUse("inlet.bad-listen", key="listen", listen=listen)
