"""`yizhan scan --ble`: list the sensors in the air."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

from drivers.ble.bluez import BluezScanner
from drivers.ble.discovery import DiscoveredSensor, SensorDiscovery, matching_models
from drivers.ble.scanner import Advert, BleScanner
from drivers.profile import Profile
from gateway.scan.progress import SearchTerminal, as_json
from gateway.scan.toml_lines import sensor_lines

# Most sensors advertise within half a minute; some only when something happens.
AIR_S = 30.0

BUS = "air"


async def scan_air(
    adapter: str | None,
    seconds: float,
    profiles: Sequence[Profile],
    screen: SearchTerminal,
    open_scanner: Callable[[str | None], BleScanner] = BluezScanner,
) -> int:
    """Listen for `seconds` or until Ctrl-C; 0 if a sensor was heard. LineDown without a radio."""
    scanner, lookout, ended = open_scanner(adapter), SensorDiscovery(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    def hear(advert: Advert) -> None:
        seen = lookout.add_advert(advert)
        if seen is not None and seen.adverts == 1:
            screen.say(
                "scan.heard", address=seen.address, format=seen.format, rssi=seen.rssi,
                sealed=screen.texts.say("scan.sealed") if seen.sealed else "",
            )  # fmt: skip

    await scanner.start(hear)
    screen.say("scan.listens", seconds=f"{seconds:g}")
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        await scanner.stop()
    _tell(list(lookout.seen.values()), profiles, screen)
    return 0 if lookout.seen else 1


def _tell(
    seen: Sequence[DiscoveredSensor], profiles: Sequence[Profile], screen: SearchTerminal
) -> None:
    likely = [(each, matching_models(each, profiles)) for each in seen]
    toml = "\n".join(
        sensor_lines(each, fitting[0], BUS, screen.texts) for each, fitting in likely if fitting
    )
    if screen.quiet:
        found = [
            {
                "address": each.address,
                "format": each.format,
                "rssi": each.rssi,
                "sealed": each.sealed,
                "adverts": each.adverts,
                "says": each.says,
                "profiles": [profile.id for profile in fitting],
            }
            for each, fitting in likely
        ]
        sys.stdout.write(as_json({"found": found, "toml": toml}))
        return
    for each, fitting in likely:
        said = ", ".join(f"{what} {value}" for what, value in each.says.items())
        named = ", ".join(profile.id for profile in fitting) or "?"
        screen.say("scan.sensor", address=each.address, said=said or "–", models=named)
    screen.say("scan.air-ended", count=len(seen))
    if toml:
        screen.say("scan.paste")
        sys.stdout.write(f'\n[bus.{BUS}]\nkind = "ble"\n\n{toml}')
