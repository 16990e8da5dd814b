"""Keeps the station's certificate valid: renewed at two thirds of its life, by the station's clock.

A third of its life is left then for retries, so that nothing depends on any one day. A renewal that
keeps failing is logged once a day.
"""

import asyncio
import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import StationError
from gateway.event import rfc3339
from gateway.upstream.enrolment.certificates import EnrolmentFiles, is_renewal_due
from gateway.upstream.enrolment.client import request_renewal
from gateway.upstream.uplinks.platform_tls import PlatformTls

LOOK_EVERY_S = 3600.0
TELL_EVERY_LOOKS = 24
# A clock that is far ahead finds the new certificate due, too: then once a day is enough.
RENEWS_EVERY_LOOKS = 24

# A documented name: gateway/logs.py.
_log = logging.getLogger("gateway.upstream.renew")

# Called with the first and last instant at which our certificate is valid, UTC in ns.
OnLifetime = Callable[[tuple[int, int]], None]


async def keep_certificate_valid(
    papers: EnrolmentFiles,
    tls: PlatformTls | None,
    station: str,
    clock: Clock,
    tell: OnLifetime = lambda _: None,
) -> None:
    """Check once an hour until cancelled; `tell` gets the dates at first and after each renewal."""
    failed = rests = 0
    while True:
        rests = max(0, rests - 1)
        try:
            tell(papers.lifetime())
            if not rests and is_renewal_due(papers.lifetime(), clock):
                await renew_certificate(papers, tls, station)
                tell(papers.lifetime())
                rests = RENEWS_EVERY_LOOKS
            failed = 0
        except StationError as error:
            if failed % TELL_EVERY_LOOKS == 0:
                _log.warning("our certificate for %s is not renewed: %s", station, error)
            failed += 1
        await asyncio.sleep(LOOK_EVERY_S)


async def renew_certificate(papers: EnrolmentFiles, tls: PlatformTls | None, station: str) -> None:
    """Renew the certificate and use it; on StationError the former one stays in use."""
    enrolment = papers.enrolment()
    assert enrolment is not None, "only who is enrolled has papers to renew"
    key = papers.key()
    refused = papers.renew(key, await request_renewal(enrolment.url, key, station, tls))
    for name in refused:
        _log.error("the renewal of our certificate would have changed %s: not taken", name)
    if tls is not None:
        tls.reload()
    _log.info("our certificate is renewed until %s", rfc3339(papers.lifetime()[1]))
