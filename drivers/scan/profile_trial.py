"""One profile tried on one device: the requests, the replies and their values."""

from collections.abc import Iterable

import msgspec

from drivers.bus.bus_plan import polled_driver
from drivers.bus.link import BusLink
from drivers.bus.quarantine import late_window_s
from drivers.contract import Device, DeviceFault, NoReply, RequestRefused, Sample
from drivers.family import Transaction, WireCost
from drivers.serial_line import SerialLine

TRIES = 2


class TrialValue(msgspec.Struct, frozen=True):
    """One point's sample, and its bytes (empty if they are not known)."""

    sample: Sample
    raw: bytes


class TrialExchange(msgspec.Struct, frozen=True):
    """One request and its outcome: the reply and its values, or the fault.

    `instead`: its parts were requested instead.
    """

    request: bytes
    reply: bytes
    values: tuple[TrialValue, ...]
    fault: DeviceFault | None = None
    missing: tuple[str, ...] = ()
    instead: bool = False


async def try_profile(
    link: BusLink, device: Device, line: SerialLine, wire: WireCost
) -> list[TrialExchange]:
    """Read all points of the model as the bus would; LineDown if the port is lost.

    If the device does not answer a block, its parts are requested; of a device that never answered
    only the first.
    """
    planned = list(polled_driver(device.family).plan(device, device.points, wire))
    done: list[TrialExchange] = []
    speaks = False
    while planned:
        asked = planned.pop(0)
        exchange = await _exchange(link, asked, line, device.timeout_s)
        speaks = speaks or bool(exchange.reply)
        parts = _parts(asked, exchange.fault)
        if isinstance(exchange.fault, NoReply) and parts and not speaks:
            first = await _exchange(link, parts[0], line, device.timeout_s)
            speaks = bool(first.reply)
            parts = parts[1:] if speaks else []
            exchange = msgspec.structs.replace(exchange, instead=bool(parts))
            done += [exchange, first]
            planned[:0] = parts
            continue
        if parts:
            exchange = msgspec.structs.replace(exchange, instead=True)
            planned[:0] = parts
        done.append(exchange)
    return done


def _parts(asked: Transaction, fault: DeviceFault | None) -> list[Transaction]:
    """The parts of a block that was refused or not answered."""
    silent = isinstance(fault, NoReply)
    denied = isinstance(fault, RequestRefused) and fault.divisible
    return list(asked.divide()) if (silent or denied) and asked.divide is not None else []


async def _exchange(
    link: BusLink, asked: Transaction, line: SerialLine, timeout_s: float
) -> TrialExchange:
    fault: DeviceFault | None = None
    for _ in range(TRIES):
        reply = b""
        try:
            reply = (await link.exchange(asked, line, timeout_s)).frame
            samples, pieces = await _whole(link, asked, reply, line, timeout_s)
            return TrialExchange(asked.request, reply, _values(asked, samples, reply, pieces))
        except RequestRefused as refused:
            return _failed(asked, reply, refused)
        except DeviceFault as error:
            fault = error
            # A late reply must not be taken for the reply to the next request.
            await link.settle(late_window_s(timeout_s))
    assert fault is not None, "every try has ended with one"
    return _failed(asked, b"", fault)


async def _whole(
    link: BusLink, asked: Transaction, reply: bytes, line: SerialLine, timeout_s: float
) -> tuple[Iterable[Sample], int]:
    """The samples of a reply that may come in pieces, and the number of pieces."""
    pieces = 1
    while asked.more is not None and (rest := asked.more(reply)) is not None:
        asked, pieces = rest, pieces + 1
        reply = (await link.exchange(asked, line, timeout_s)).frame
    return asked.decode(reply), pieces


def _values(
    asked: Transaction, samples: Iterable[Sample], reply: bytes, pieces: int
) -> tuple[TrialValue, ...]:
    samples = tuple(samples)
    places = asked.places if pieces == 1 else ()
    raw = [reply[slice(*place)] for place in places] or [b""] * len(samples)
    return tuple(TrialValue(sample, own) for sample, own in zip(samples, raw, strict=True))


def _failed(asked: Transaction, reply: bytes, fault: DeviceFault) -> TrialExchange:
    return TrialExchange(asked.request, reply, (), fault, tuple(point.id for point in asked.points))
