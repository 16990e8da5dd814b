"""What every `[upstream.<name>]` of `station.toml` may say; each kind of uplink adds its own."""

from urllib.parse import urlsplit

import msgspec

from gateway.errors import SettingsError
from gateway.signing import is_public_key


class UplinkOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One platform. A kind derives its options from this and sets `kind` to its own name.

    `required`: nothing is deleted before its receipt. `credential` is a name, never the secret.
    `ca_file` is the authority that the platform's certificate is checked with, for one of its own.
    `command_key` is the public key that signed commands are checked with, where no enrolment has
    brought it. `clock`: whether its receipts may tell the station the time.
    """

    url: str
    kind: str = ""
    required: bool = True
    credential: str | None = None
    ca_file: str | None = None
    commands: bool = True
    command_key: str | None = None
    clock: bool | None = None

    @property
    def scheme(self) -> str:
        """What the address begins with, in lower case; it chooses the kind."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """The machine that is called, "" where the address names none."""
        return urlsplit(self.url).hostname or ""

    @property
    def secure(self) -> bool:
        """Whether nobody on the way could feign the platform's answers; a kind that knows says."""
        return False

    @property
    def lends_time(self) -> bool:
        """As the settings say; else all but an optional one whose word anybody could feign."""
        return (self.required or self.secure) if self.clock is None else self.clock

    def __post_init__(self) -> None:
        if self.command_key is not None and not is_public_key(self.command_key):
            raise SettingsError("upstream.bad-key", key="command_key")


class TransportedOptions(UplinkOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of a kind whose answers are worth no more than `transported`.

    `accept_transported`: the station may require this platform and delete what was handed over,
    although nobody can know that it is stored there.
    """

    accept_transported: bool = False
