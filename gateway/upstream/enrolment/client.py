"""The platform's two addresses for enrolment, called about once a year: claim and renew."""

import aiohttp
import msgspec

from gateway.errors import BadReceipt, DeliveryRejected
from gateway.upstream.enrolment.certificates import (
    EnrolmentClaim,
    EnrolmentGrant,
    PrivateKey,
    certificate_request,
)
from gateway.upstream.uplinks.http.client import translate_errors
from gateway.upstream.uplinks.platform_tls import PlatformTls

ANSWER_S = 20.0
ANSWER_BYTES_MAX = 65_536


async def claim_certificate(
    url: str, key: PrivateKey, station: str, token: str, tls: PlatformTls | None
) -> EnrolmentGrant:
    """Claim a certificate with a one-time token; UpstreamError if it is not granted."""
    return await _ask(
        url, "/v1/claim", EnrolmentClaim(certificate_request(key, station), token), tls
    )


async def request_renewal(
    url: str, key: PrivateKey, station: str, tls: PlatformTls | None
) -> EnrolmentGrant:
    """Request a certificate for a new key; the present one, presented by TLS, identifies us."""
    return await _ask(url, "/v1/renew", EnrolmentClaim(certificate_request(key, station)), tls)


async def _ask(
    url: str, path: str, asked: EnrolmentClaim, tls: PlatformTls | None
) -> EnrolmentGrant:
    async with (
        translate_errors(),
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
        raise DeliveryRejected("enrol.token", status=status)
    if status != 200:  # noqa: PLR2004  # the one status that grants
        raise DeliveryRejected("enrol.refused", status=status)
    try:
        return msgspec.json.decode(body, type=EnrolmentGrant)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReceipt("enrol.no-certificate", reason=str(error)) from error
