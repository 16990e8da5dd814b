"""Applies a receipt: positions, holes, rejections."""

import logging
from typing import NamedTuple

from gateway.errors import BadReceipt
from gateway.event import Lane
from gateway.upstream.feed.batch_load import BatchLoad, ResendRange
from gateway.upstream.feed.batch_source import BatchSource
from gateway.upstream.feed.in_flight import BatchInFlight
from gateway.upstream.feed.receipt import (
    STUCK,
    LaneRange,
    ReceiptVerdict,
    judge_receipt,
    receipted_lanes,
)
from gateway.upstream.feed.uplink_route import UplinkRoute
from gateway.upstream.uplinks.contract import DeliveryReceipt

_log = logging.getLogger(__name__)


class SettlementResult(NamedTuple):
    """`unsettled`: some of the batch is neither receipted nor beyond a reported hole."""

    verdict: ReceiptVerdict
    unsettled: bool


class ReceiptSettlement:
    """Applies the receipts for one lane sender; holes go to the batch source of their lane."""

    def __init__(self, route: UplinkRoute, loader: BatchSource) -> None:
        self._route = route
        self._loader = loader

    async def settle(
        self, flight: BatchInFlight, receipt: DeliveryReceipt, *, last: bool
    ) -> SettlementResult:
        """Apply a receipt; BadReceipt if it cannot be true, or settles nothing.

        `last`: nothing else of this lane sender is in flight.
        """
        route, load = self._route, flight.load
        verdict = self._judged(flight, receipt)
        await route.poison.record_rejections(load.entries, verdict.rejected)
        route.poison.on_settled(load.entries, verdict.upto)
        route.follower.receipt(verdict.upto)
        self._hear_held(flight, verdict)
        self._loader.note_taken(load, holed=verdict.holed, last=last)
        self._fill(load, receipt, verdict)
        unsettled = load.resend is None and self._loader.is_unsettled(load)
        alone = not {entry.lane for entry in load.entries} & flight.lanes_beside
        if unsettled and alone and not (verdict.upto or verdict.missing):
            raise BadReceipt(STUCK, lane=load.entries[0].lane.wire, seq=load.entries[-1].seq)
        return SettlementResult(verdict, unsettled)

    def _judged(self, flight: BatchInFlight, receipt: DeliveryReceipt) -> ReceiptVerdict:
        route = self._route
        lanes = frozenset(entry.lane for entry in flight.load.entries)
        begun = self._begin(receipt, lanes)
        now = route.follower.position
        verdict = judge_receipt(
            receipt,
            epoch=route.journal.epoch,
            lanes=lanes,
            position={lane: min(seq, now.get(lane, 0)) for lane, seq in flight.position.items()},
            heads=route.journal.heads(),
            beside=flight.beside,
            again=flight.load.resend is not None,
        )
        moved = {lane: seq for lane, seq in verdict.upto.items() if seq > now.get(lane, 0)}
        return verdict._replace(upto=moved, holed=verdict.holed | begun)

    def _begin(self, receipt: DeliveryReceipt, lanes: frozenset[Lane]) -> set[Lane]:
        """Start an optional uplink's follower at the platform's watermark, not at our end.

        Returns the lanes in which that is further back.
        """
        route = self._route
        begun: set[Lane] = set()
        if route.follower.retaining or receipt.epoch != route.journal.epoch:
            return begun
        heads = route.journal.heads()
        for lane in route.unbegun.intersection(receipted_lanes(receipt, lanes)):
            upto = receipt.upto.get(lane.wire, -1)
            if 0 <= upto <= heads.get(lane, 0):
                route.unbegun.discard(lane)
                if upto < route.follower.position.get(lane, 0):
                    route.follower.begin({lane: upto})
                    route.loaders[lane].on_moved_back()
                    begun.add(lane)
        return begun

    def _hear_held(self, flight: BatchInFlight, verdict: ReceiptVerdict) -> None:
        for loader in set(self._route.loaders.values()):
            if verdict.held is None:
                loader.send_oldest_first()
            else:
                loader.note_held(verdict.held, doubtful=flight.lanes_beside)

    def _fill(self, load: BatchLoad, receipt: DeliveryReceipt, verdict: ReceiptVerdict) -> None:
        sent = load.resend
        if sent is not None and sent.doubted and not sent.done.done():
            self._believe(sent, receipt)
        for hole in (*verdict.missing, *verdict.doubted):
            if sent is not None and sent.done.done() and hole.overlaps(sent.wanted):
                raise BadReceipt(STUCK, lane=hole.lane.wire, seq=hole.last)
        for hole in verdict.missing:
            self._ask_again(hole)
        for hole in verdict.doubted:
            if hole.lane not in self._route.deaf:
                self._ask_again(hole, doubted=True)

    def _ask_again(self, hole: LaneRange, *, doubted: bool = False) -> None:
        loader = self._route.loaders[hole.lane]
        if not loader.is_resending(hole):
            loader.request_resend(hole, doubted=doubted)

    def _believe(self, sent: ResendRange, receipt: DeliveryReceipt) -> None:
        # Some platforms answer an empty batch with zeros; their answer to a full one counts.
        lane = sent.wanted.lane
        if receipt.upto.get(lane.wire, 0) >= sent.wanted.last:
            sent.finish()
            self._route.deaf.add(lane)
            name = self._route.name
            _log.warning("uplink %s: its answer to an empty batch is wrong of %s", name, lane.wire)
