"""The registration office: one-time claim tokens, certificates for stations, and who is who.

A token belongs to one station and, from its first use, to one key: the same station that asks
again (its answer was lost on the way) is answered again, anybody else is refused.
"""

import hashlib
import secrets
import time
from typing import Any

import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.demo.platform.authority import CertificateAuthority, CertificateRefused
from gateway.demo.platform.enrolment_store import EnrolmentStore
from gateway.demo.platform.signing_keys import CommandSigner

TOKEN_TTL_S = 600.0
_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is mistaken for another


class EnrolmentRequest(msgspec.Struct, frozen=True):
    """What a station sends to claim or renew."""

    csr: str
    token: str = ""


_asked = msgspec.json.Decoder(EnrolmentRequest)


class EnrolmentService:
    """Answers `/v1/claim` and `/v1/renew`."""

    def __init__(
        self, register: EnrolmentStore, authority: CertificateAuthority, hand: CommandSigner
    ) -> None:
        """`hand` signs commands: stations are told its public key."""
        self._register = register
        self._authority = authority
        self._hand = hand
        self.url: str | None = None

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [web.post("/v1/claim", self._claim), web.post("/v1/renew", self._renew)]

    def token(self, station: str, ttl_s: float = TOKEN_TTL_S) -> str:
        """A fresh one-time token for that station."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(12))
        token = "-".join((letters[:4], letters[4:8], letters[8:]))
        self._register.offer(_hash(token), station, _now_ms() + int(ttl_s * 1000))
        return token

    async def _claim(self, request: web.Request) -> web.Response:
        if not over_tls(request):
            return _no(400, "plain")  # a token that went in the clear is a token that is known
        asked = await _read(request)
        key = _key_of(asked.csr)
        station = self._register.claim(_hash(asked.token), key, _now_ms())
        if station is None:
            return _no(403, "token")
        return self._grant(asked.csr, station)

    async def _renew(self, request: web.Request) -> web.Response:
        station = station_of(request)
        if station is None:
            return _no(401, "certificate")
        return self._grant((await _read(request)).csr, station)

    def _grant(self, csr: str, station: str) -> web.Response:
        try:
            certificate = self._authority.client(csr, station)
        except CertificateRefused as error:
            return _no(422, "csr", str(error))
        self._register.enrolled(station, _key_of(csr), _now_ms())
        granted = {"certificate": certificate, "command_key": self._hand.signer_for(station).public}
        return web.json_response(granted if self.url is None else {**granted, "url": self.url})


def over_tls(request: web.Request) -> bool:
    """Whether this connection is encrypted."""
    return request.transport is not None and bool(request.transport.get_extra_info("ssl_object"))


def station_of(request: web.Request) -> str | None:
    """The station whose certificate this connection has shown; None if it has shown none."""
    tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    certificate = (tls.getpeercert() if tls is not None else None) or {}
    for ((name, value),) in certificate.get("subject", ()):
        if name == "commonName":
            return str(value)
    return None


async def _read(request: web.Request) -> EnrolmentRequest:
    try:
        return _asked.decode(await request.read())
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _key_of(csr: str) -> str:
    """The fingerprint of the key behind a request; 400 for what is no request."""
    try:
        public = x509.load_pem_x509_csr(csr.encode()).public_key()
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def _no(status: int, code: str, detail: str = "") -> web.Response:
    answer: dict[str, Any] = {"code": code}
    return web.json_response({**answer, "detail": detail} if detail else answer, status=status)


def _hash(token: str) -> str:
    return hashlib.sha256(token.strip().upper().encode()).hexdigest()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
