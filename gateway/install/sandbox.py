"""The drop-ins that narrow the shipped units to what `station.toml` names.

A list in systemd is cleared by an empty assignment and then filled again. What cannot be narrowed
is mentioned in the drop-in and to the installer.
"""

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from broadcast.audio_protocol.speaker_options import (
    MulticastOptions,
    SipOptions,
    SoundCardOptions,
    SpeakerOptions,
    UnicastOptions,
)
from gateway.config.schema import BusSetting, Settings
from gateway.toml import Phrase

DISCOVERY_PORT = 5353
_NEAR = ("localhost", "link-local", "multicast")
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")
_BY_PREFIX = (
    ("/dev/ttyAMA", ("char-ttyAMA",)),
    ("/dev/yizhan/uart", ("char-ttyAMA",)),
    ("/dev/ttyUSB", ("char-ttyUSB",)),
    ("/dev/ttyACM", ("char-ttyACM",)),
    ("/dev/serial/", ("char-ttyUSB", "char-ttyACM")),
    ("/dev/yizhan/", ("char-ttyUSB", "char-ttyACM")),
    # the Pi's primary UART is ttyAMA or, on models whose radio takes that, the mini UART ttyS
    ("/dev/serial0", ("char-ttyAMA", "char-ttyS")),
    ("/dev/ttyS", ("char-ttyS",)),
)
_ANY_TTY = ("char-ttyUSB", "char-ttyACM", "char-ttyAMA", "char-ttyS")

HEAD = """\
# 由 yizhan install 根据 station.toml 算出；改了接线或平台，请再运行一次 yizhan install。
# Derived from station.toml by `yizhan install`; run it again after a change. Not edited by hand.
[Service]
"""


class Dropin(NamedTuple):
    """The text of a drop-in, and remarks about it."""

    text: str
    notes: tuple[Phrase, ...]


# For a station that is still being set up: nothing of the unit is narrowed.
WHILE_WIRING = Dropin(
    """\
# 还在网页上接线、接平台，平台可能在任何地址；都接好了，再运行一次 yizhan install。
# Written by `yizhan install`: the wiring is still to come, and the platform may be anywhere.
[Service]
IPAddressAllow=any
""",
    (),
)

_LISTS = frozenset({"DeviceAllow", "IPAddressAllow", "SocketBindAllow", "SupplementaryGroups"})


def is_tighter(present: str, needed: str) -> bool:
    """Whether the present unit, drop-in included, forbids what the needed one allows."""
    there, wanted = _allowed(present), _allowed(needed)
    reached = there["IPAddressAllow"]
    wanted["IPAddressAllow"] = {
        each for each in wanted["IPAddressAllow"] if not _reaches(reached, each)
    }
    shut = "PrivateDevices=yes" in present and "PrivateDevices=yes" not in needed
    return shut or any(not words <= there[key] for key, words in wanted.items())


def _reaches(allowed: set[str], address: str) -> bool:
    """Whether the address, network or host name is allowed."""
    if "any" in allowed or address in allowed:
        return True
    wanted = _network(address)
    return wanted is not None and any(
        each.version == wanted.version and wanted.subnet_of(each)  # type: ignore[arg-type]  # alike
        for each in map(_network, allowed)
        if each is not None
    )


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _allowed(unit: str) -> dict[str, set[str]]:
    """Each narrowed list as systemd reads it: an empty assignment clears it."""
    found: dict[str, set[str]] = {key: set() for key in _LISTS}
    for line in unit.splitlines():
        key, _, value = line.partition("=")
        if key in _LISTS:
            found[key] = found[key] | set(value.split()) if value else set()
    return found


def gateway_dropin(settings: Settings) -> Dropin:
    """What the gateway's unit needs for these settings, and no more."""
    buses = settings.buses.values()
    ports = _ports(settings)
    addresses, notes = _addresses(settings)
    lines = [
        *_devices(
            sorted({each for bus in buses for each in _device_classes(bus)}),
            without="no serial line",
        ),
        *_groups(settings),
        "SocketBindAllow=",
        *(f"SocketBindAllow={port}" for port in ports),
        *_listening(settings),
        "IPAddressAllow=",
        f"IPAddressAllow={' '.join(addresses)}",
    ]
    return Dropin(HEAD + "\n".join(lines) + "\n", notes)


def audio_dropin(settings: Settings) -> Dropin:
    """What the audio process needs for these speakers, and no more."""
    speakers = settings.sound.speakers.values()
    cards = any(isinstance(each, SoundCardOptions) or each.microphone for each in speakers)
    cards = cards or bool(settings.sound.microphones)
    hosts = sorted({host for each in speakers for host in _hosts(each)})
    allowed = ["localhost", *(host for host in hosts if _literal(host) is not None)]
    notes = [
        Phrase("install.speaker-by-name", {"host": host}) for host in hosts if not _literal(host)
    ]
    if any(isinstance(each, MulticastOptions) for each in speakers):
        allowed.append("multicast")
    lines = [
        *_devices(["char-alsa"] if cards else [], without="no sound card"),
        "IPAddressAllow=",
        f"IPAddressAllow={' '.join([*allowed, *(_PRIVATE if notes else ())])}",
    ]
    return Dropin(HEAD + "\n".join(lines) + "\n", tuple(notes))


def _hosts(speaker: SpeakerOptions) -> Iterator[str]:
    """The hosts of a speaker, apart from multicast groups."""
    if isinstance(speaker, UnicastOptions):
        yield from (each.rpartition(":")[0].strip("[]") for each in speaker.to)
    elif isinstance(speaker, SipOptions):
        yield speaker.uri.partition("@")[2].partition(":")[0]


def _device_classes(bus: BusSetting) -> tuple[str, ...]:
    """The classes of character device behind a bus: a replugged adapter gets a new number."""
    port = getattr(bus.options, "port", "")
    if bus.kind != "serial" or "://" in port:
        return ()
    return next((classes for prefix, classes in _BY_PREFIX if port.startswith(prefix)), _ANY_TTY)


def _devices(classes: list[str], *, without: str) -> Iterator[str]:
    yield "DeviceAllow="
    if not classes:
        yield f"# {without}: no device at all"
        yield "PrivateDevices=yes"
    yield from (f"DeviceAllow={each} rw" for each in classes)


def _groups(settings: Settings) -> Iterator[str]:
    buses = settings.buses.values()
    yield "SupplementaryGroups="
    if any(_device_classes(bus) for bus in buses):
        yield "SupplementaryGroups=dialout"
    if any(bus.kind == "ble" for bus in buses):
        yield "# BLE: BlueZ on the system bus answers this group"
        yield "SupplementaryGroups=bluetooth"


def _ports(settings: Settings) -> Iterator[str]:
    web = settings.web
    yield from (f"tcp:{port}" for port in (web.lan_port, web.port) if port)
    yield f"udp:{DISCOVERY_PORT}"
    yield from _inlets(settings)


def _inlets(settings: Settings) -> Iterator[str]:
    """The ports of inlets that have a device; others stay closed."""
    for bus in settings.buses.values():
        if bus.inlet and settings.devices_on(bus.id):
            listen = str(getattr(bus.options, "listen", ""))
            yield f"tcp:{listen.rpartition(':')[2]}"


def _listening(settings: Settings) -> Iterator[str]:
    if settings.sound.speakers:
        yield "# the desk listens in: the audio process sends it here, to a port of the kernel's"
        yield "SocketBindAllow=ipv4:udp"


def _addresses(settings: Settings) -> tuple[tuple[str, ...], tuple[Phrase, ...]]:
    """Allowed peers: the community's network, and the hosts of the settings."""
    notes: list[Phrase] = []
    allowed = [*_NEAR, *_PRIVATE]
    for name, host in _partners(settings):
        literal = _literal(host)
        if literal is None and host != "localhost":
            notes.append(Phrase("install.reached-by-name", {"key": name, "host": host}))
        elif literal is not None and not (literal.is_private or literal.is_loopback):
            allowed.append(str(literal))
    # systemd matches addresses, and a name's may change any day
    return (("any",) if notes else tuple(allowed)), tuple(notes)


def _partners(settings: Settings) -> Iterator[tuple[str, str]]:
    """The key in `station.toml` and the host of everything that the gateway connects to."""
    for name, uplink in settings.uplinks.items():
        if uplink.host:
            yield f"upstream.{name}", uplink.host
    for name, options in settings.requests.services.items():
        for key, url in getattr(options, "partners", {}).items():
            yield f"service.{name}.{key}", urlsplit(url).hostname or ""
    for bus in settings.buses.values():
        if address := getattr(bus.options, "address", ""):
            yield f"bus.{bus.id}", address.rpartition(":")[0].strip("[]")
        elif "://" in (port := getattr(bus.options, "port", "")):
            yield f"bus.{bus.id}", urlsplit(port).hostname or ""


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
