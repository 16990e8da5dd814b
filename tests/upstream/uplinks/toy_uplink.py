"""A toy uplink: each request is a line of JSON on a TCP connection of its own, as is its answer.

Tests lay this file as `gateway/upstream/uplinks/toy.py` into a folder beside the product.
"""

import asyncio
import json
from typing import Any, Literal

import msgspec

from gateway.errors import BadReceipt, PlatformUnreachable, SettingsError
from gateway.upstream.uplinks.contract import (
    BROKEN,
    NO_RECEIPT,
    TIMEOUT,
    UNREACHABLE,
    Delivery,
    EventBatch,
    PollAnswer,
    PollPosition,
    QueryRefused,
    QueryReply,
    QueryUnanswered,
    Uplink,
    decode_receipt,
)
from gateway.upstream.uplinks.kind import UplinkContext, UplinkKind
from gateway.upstream.uplinks.options import UplinkOptions

# What an answer is waited for beyond the time that the far side was given.
SPARE_S = 5.0


class ToyOptions(UplinkOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`answer_bytes_max`: a longer line is no answer."""

    kind: Literal["toy"] = "toy"
    answer_bytes_max: int = 1_048_576

    def __post_init__(self) -> None:
        if not self.host:
            raise SettingsError("upstream.bad-url", key="url")
        super().__post_init__()


class ToyUplink:
    """One far side that speaks lines."""

    def __init__(self, context: UplinkContext[ToyOptions]) -> None:
        self._context = context
        self._address = context.options.url.removeprefix("toy+tcp://").rstrip("/").rsplit(":", 1)

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        events = batch.body()
        head = b'{"epoch":"%s","events":' % batch.epoch.encode()
        answer = await self._exchange(head + events + b"}", answer_s)
        if not answer:
            raise BadReceipt(NO_RECEIPT, reason="an empty line")
        return Delivery(decode_receipt(answer), len(events))

    async def ask(
        self, message: bytes, deadline_ns: int
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        left_s = (deadline_ns - self._context.clock.now_ns()) / 1e9
        try:
            return QueryReply(await self._exchange(b'{"ask":' + message + b"}", left_s))
        except PlatformUnreachable as error:
            return (QueryRefused if error.code == UNREACHABLE else QueryUnanswered)(error.code)

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        question = {"after": since.after, "wait_s": wait_s}
        answer = await self._exchange(json.dumps(question).encode(), wait_s + SPARE_S)
        return PollAnswer(
            [bytes(raw) for raw in msgspec.json.decode(answer, type=list[msgspec.Raw])]
        )

    async def close(self) -> None:
        """There is no connection between two requests."""

    async def _exchange(self, line: bytes, within_s: float) -> bytes:
        options = self._context.options
        host, port = self._address
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection(
                    host, int(port), limit=options.answer_bytes_max
                )
                try:
                    writer.write(line + b"\n")
                    await writer.drain()
                    answer = await reader.readline()
                finally:
                    writer.transport.abort()  # a batch that was given up is not sent any more
        except TimeoutError as error:
            raise PlatformUnreachable(TIMEOUT) from error
        except ConnectionRefusedError as error:
            raise PlatformUnreachable(UNREACHABLE, reason=str(error)) from error
        except (OSError, ValueError) as error:
            raise PlatformUnreachable(BROKEN, reason=type(error).__name__) from error
        if not answer.endswith(b"\n"):
            raise PlatformUnreachable(BROKEN, reason="the line broke off")
        return answer.strip()


def _open(context: UplinkContext[ToyOptions]) -> Uplink:
    return ToyUplink(context)


KIND: UplinkKind[Any] = UplinkKind(
    schemes=frozenset({"toy+tcp"}), options=ToyOptions, worth="stored", open=_open
)
