"""`[upstream.<name>]` of `station.toml`."""

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from gateway.errors import SettingsError
from gateway.signing import is_public_key

PLAIN_HTTP = "upstream.plain-http"
BAD_URL = "upstream.bad-url"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One platform.

    `required`: nothing is deleted before its receipt. `credential` is a name, never the secret.
    `plain` allows http:// beyond this machine; without it that is a mistake in the settings.
    `command_key` is the public key that signed commands are checked with, where no enrolment has
    brought it. `clock`: whether its receipts may tell the station the time.
    """

    url: str
    kind: Literal["http"] = "http"
    dialect: Literal["cloudevents"] = "cloudevents"
    required: bool = True
    credential: str | None = None
    ca_file: str | None = None
    plain: bool = False
    commands: bool = True
    command_key: str | None = None
    clock: bool | None = None

    @property
    def lends_time(self) -> bool:
        """As the settings say; else all but an optional one whose word anybody could feign."""
        return (self.required or not self.plain) if self.clock is None else self.clock

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.url)
            usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
        except ValueError:
            raise SettingsError(BAD_URL, key="url") from None
        if not usable or url.query or url.username is not None:
            raise SettingsError(BAD_URL, key="url")  # not repeated: it may hold a password
        if url.scheme == "http" and not self.plain and not _is_loopback(url.hostname or ""):
            raise SettingsError(PLAIN_HTTP, key="url", host=url.hostname)
        if self.command_key is not None and not is_public_key(self.command_key):
            raise SettingsError("upstream.bad-key", key="command_key")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
