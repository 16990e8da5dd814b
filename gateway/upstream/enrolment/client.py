"""The two addresses of a platform's registration office, asked once a year: claim and renew."""

import aiohttp
import msgspec

from gateway.errors import BadReceipt, Rejected
from gateway.upstream.enrolment.certificates import Claim, Granted, Key, request
from gateway.upstream.uplinks.http.client import our_errors
from gateway.upstream.uplinks.tls import Tls

ANSWER_S = 20.0
ANSWER_BYTES_MAX = 65_536


async def claim(url: str, key: Key, station: str, token: str, tls: Tls | None) -> Granted:
    """Bind the station with a one-time token; UpstreamError says why not."""
    return await _ask(url, "/v1/claim", Claim(request(key, station), token), tls)


async def renew(url: str, key: Key, station: str, tls: Tls | None) -> Granted:
    """A certificate for another key; the present one, shown by TLS, says who asks."""
    return await _ask(url, "/v1/renew", Claim(request(key, station)), tls)


async def _ask(url: str, path: str, asked: Claim, tls: Tls | None) -> Granted:
    async with (
        our_errors(),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
        session.post(
            url.rstrip("/") + path,
            data=msgspec.json.encode(asked),
            headers={"content-type": "application/json"},
            ssl=True if tls is None else tls.context,
            allow_redirects=False,
        ) as answer,
    ):
        body = await answer.content.read(ANSWER_BYTES_MAX)
        status = answer.status
    if status in (401, 403):
        raise Rejected("enrol.token", status=status)
    if status != 200:  # noqa: PLR2004  # the one status that grants
        raise Rejected("enrol.refused", status=status)
    try:
        return msgspec.json.decode(body, type=Granted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReceipt("enrol.no-certificate", reason=str(error)) from error
