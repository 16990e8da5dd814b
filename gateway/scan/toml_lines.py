"""The result of a search as lines for `station.toml`. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from drivers.ble.discovery import DiscoveredSensor
from drivers.profile import Profile
from drivers.scan.line_scan import ScannedDevice
from drivers.serial_line import SerialLine
from gateway.texts import Texts

# Placeholder for what only the installer knows; `yizhan check` reports it until it is replaced.
UNKNOWN = "?"

_ID_CHARS_MAX = 63
_TAIL = 4


def bus_lines(bus: str, port: str, found: Sequence[ScannedDevice]) -> str:
    """`[bus.*]` for the port, with the line on which most devices were found."""
    return f'[bus.{bus}]\nkind = "serial"\nport = "{port}"\nline = "{usual_line(found)}"\n'


def usual_line(found: Sequence[ScannedDevice]) -> SerialLine:
    """The line on which most devices were found."""
    return Counter(each.line for each in found).most_common(1)[0][0] if found else SerialLine()


def device_lines(found: ScannedDevice, bus: str, line: SerialLine, texts: Texts) -> str:
    """`[device.*]` for one device; `line` is only written if it differs from the bus."""
    if not found.matches:
        what = texts.say("scan.no-model", family=found.family, address=found.address)
        return f"# {what}\n"
    profile = found.matches[0].profile
    own_line = [] if _line_of(profile, line) == found.line else [f'line = "{found.line}"']
    return _device(profile, found.address, bus, own_line, texts)


def sensor_lines(seen: DiscoveredSensor, profile: Profile, bus: str, texts: Texts) -> str:
    """`[device.*]` for one BLE sensor."""
    key = [f'bind_key = "{UNKNOWN}"  # {texts.say("scan.fill-key")}'] if seen.sealed else []
    return _device(profile, seen.address, bus, key, texts)


def _line_of(profile: Profile, line: SerialLine) -> SerialLine:
    """The line that a device uses by default: its model's, else the bus's."""
    return line if profile.line is None else SerialLine.parse(profile.line)


def _device(profile: Profile, address: str, bus: str, more: Iterable[str], texts: Texts) -> str:
    return "\n".join(
        [
            f"[device.{device_id(profile.id, address)}]",
            f'name = "{getattr(profile.name, texts.lang)} {address[-_TAIL:]}"',
            f'profile = "{profile.id}"',
            f'bus = "{bus}"',
            f'address = "{address}"',
            *more,
            f'place = "{UNKNOWN}"  # {texts.say("scan.fill-place")}',
            *_inputs(profile, texts),
            "",
        ]
    )


def _inputs(profile: Profile, texts: Texts) -> Iterator[str]:
    """A line to fill in for the first input of a contact module."""
    if any(spec.id == "input-1" for spec in profile.point):
        name = texts.say("scan.fill-input")
        yield f'# inputs.1 = {{ is = "smoke", id = "smoke", name = "{name}", place = "{UNKNOWN}" }}'


def device_id(profile: str, address: str) -> str:
    """An id that is probably unique on the station."""
    tail = "".join(each for each in address.lower() if each.isalnum())[-_TAIL:].lstrip("0") or "0"
    return f"{profile[: _ID_CHARS_MAX - _TAIL - 1]}-{tail}"
