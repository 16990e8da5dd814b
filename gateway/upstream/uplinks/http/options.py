"""`[upstream.<name>]` with an address in http:// or https://."""

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

from gateway.errors import SettingsError
from gateway.upstream.uplinks.options import UplinkOptions

PLAIN_HTTP = "upstream.plain-http"
BAD_URL = "upstream.bad-url"


class HttpOptions(UplinkOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One platform over HTTP.

    `plain` allows http:// beyond this machine; without it that is a mistake in the settings.
    """

    kind: Literal["http"] = "http"
    dialect: Literal["cloudevents"] = "cloudevents"
    plain: bool = False

    @property
    def secure(self) -> bool:
        """By TLS, or within this machine."""
        return not self.plain

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
        super().__post_init__()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
