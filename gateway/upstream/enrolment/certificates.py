"""The certificate and keys of an enrolment: claimed with a one-time token, then renewed.

    key pair (made here, never leaves) ─► CSR + token ─► POST /v1/claim ─► certificate, command key
    at two thirds of its life          ─► CSR         ─► POST /v1/renew ─► certificate

Files in the state's `keys/`, for an uplink called `district`:

    district.pem         our key and the platform's certificate for it, in one file: replaced whole
    district.next        a key whose certificate has not come yet; a new request uses it again
    district.enrolment   where we are enrolled, and the platform's command key
"""

import datetime
import hashlib
import logging
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.clock import Clock
from gateway.errors import BadReceipt, StationError
from gateway.signing import is_public_key
from gateway.toml import replace_file

# The part of its life after which a certificate is renewed.
RENEW_AT = 2 / 3

PrivateKey = ec.EllipticCurvePrivateKey

_log = logging.getLogger(__name__)


class EnrolmentClaim(msgspec.Struct, frozen=True):
    """A station's request: signed with the key of `csr`; a first claim has the token, too."""

    csr: str
    token: str = ""


class EnrolmentGrant(msgspec.Struct, frozen=True):
    """The platform's answer: the certificate (PEM, followed by its chain), and where to connect.

    A renewal changes neither `url` nor `command_key`.
    """

    certificate: str
    url: str | None = None
    command_key: str | None = None


class Enrolment(msgspec.Struct, frozen=True):
    """Where a station is enrolled."""

    url: str
    command_key: str | None = None


class EnrolmentFiles:
    """The files of one enrolment."""

    def __init__(self, keys: Path, name: str) -> None:
        self._keys = keys
        self.pem = keys / f"{name}.pem"
        self._next = keys / f"{name}.next"
        self._enrolment = keys / f"{name}.enrolment"

    def enrolment(self, url: str | None = None) -> Enrolment | None:
        """Where we are enrolled; None if nowhere, or not on the host of `url`."""
        try:
            found = msgspec.json.decode(self._enrolment.read_bytes(), type=Enrolment)
        except FileNotFoundError:
            return None
        except ValueError as error:  # includes msgspec.DecodeError and UnicodeDecodeError
            raise StationError("enrol.damaged", path=str(self._enrolment)) from error
        if url is not None and urlsplit(url).hostname != urlsplit(found.url).hostname:
            return None
        return found

    def key(self) -> PrivateKey:
        """The key to request a certificate for: of a request under way, else a new one."""
        try:
            return _private(self._next.read_bytes(), self._next)
        except FileNotFoundError:
            pass
        except StationError as error:  # no certificate exists for it yet: another is as good
            _log.warning("a new key is made: %s", error)
        key = ec.generate_private_key(ec.SECP256R1())
        self._keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._next, _pem(key), mode=0o600)
        return key

    def store_grant(self, key: PrivateKey, granted: EnrolmentGrant, url: str) -> None:
        """Store a certificate for use; a power cut leaves the former or the new one.

        BadReceipt if it is not for this key, or what came with it cannot be used.
        """
        _check(key, granted)
        former = self.enrolment()
        command_key = granted.command_key or (former.command_key if former else None)
        enrolment = Enrolment(granted.url or (former.url if former else url), command_key)
        self._take(key, granted)
        if enrolment != former:
            replace_file(self._enrolment, msgspec.json.encode(enrolment), mode=0o600)
        self._next.unlink(missing_ok=True)

    def renew(self, key: PrivateKey, granted: EnrolmentGrant) -> list[str]:
        """Store the certificate of a renewal for use, and nothing else that came with it.

        The command key and the address change only by an installer's claim, or by `key.rotate`,
        which the key in force signs: a renewal proves no more than who holds the address. Returns
        the fields that the answer would have changed.
        """
        _check(key, granted)
        former = self.enrolment()
        self._take(key, granted)
        self._next.unlink(missing_ok=True)
        told = {"url": granted.url, "command_key": granted.command_key}
        return [
            name
            for name, value in told.items()
            if value is not None and (former is None or value != getattr(former, name))
        ]

    def _take(self, key: PrivateKey, granted: EnrolmentGrant) -> None:
        replace_file(self.pem, _pem(key) + granted.certificate.encode(), mode=0o600)

    def lifetime(self) -> tuple[int, int]:
        """The first and last instant at which our certificate is valid, UTC in ns."""
        certificate = self._pair()[1]
        return _ns(certificate.not_valid_before_utc), _ns(certificate.not_valid_after_utc)

    def fingerprint(self) -> str:
        """SHA-256 of our public key, as a person compares it with the platform's page."""
        return key_fingerprint(self._pair()[0])

    def _pair(self) -> tuple[PrivateKey, x509.Certificate]:
        """Our key and the certificate for it; StationError if the file holds anything else."""
        try:
            pem = self.pem.read_bytes()
            key, certificate = _private(pem, self.pem), _first_certificate(pem)
        except (FileNotFoundError, ValueError) as error:
            raise StationError("enrol.damaged", path=str(self.pem)) from error
        if certificate.public_key() != key.public_key():
            raise StationError("enrol.damaged", path=str(self.pem))
        return key, certificate


def key_fingerprint(key: PrivateKey) -> str:
    """SHA-256 of the public half, in groups of four."""
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashlib.sha256(spki).hexdigest()[:32]
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def renewal_time_ns(life: tuple[int, int]) -> int:
    """When a certificate of that lifetime is renewed, UTC in ns."""
    begins_ns, ends_ns = life
    return round(begins_ns + (ends_ns - begins_ns) * RENEW_AT)


def is_renewal_due(life: tuple[int, int], clock: Clock) -> bool:
    """Whether it is time to renew; by the last known time while the time is unknown."""
    wall_ns = clock.status().wall_ns
    return (clock.floor_ns if wall_ns is None else wall_ns) >= renewal_time_ns(life)


def certificate_request(key: PrivateKey, station: str) -> str:
    """The certificate signing request of that station, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station)])
    signed = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _check(key: PrivateKey, granted: EnrolmentGrant) -> None:
    try:
        certificate = _first_certificate(granted.certificate.encode())
    except ValueError as error:
        raise BadReceipt("enrol.no-certificate", reason=str(error)) from error
    if certificate.public_key() != key.public_key():
        raise BadReceipt("enrol.other-key")
    if granted.command_key is not None and not is_public_key(granted.command_key):
        raise BadReceipt("enrol.bad-command-key")


def _first_certificate(pem: bytes) -> x509.Certificate:
    found = x509.load_pem_x509_certificates(pem)
    return found[0]


def _private(pem: bytes, path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except ValueError as error:
        raise StationError("enrol.damaged", path=str(path)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StationError("enrol.damaged", path=str(path))
    return key


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _ns(moment: datetime.datetime) -> int:
    return round(moment.timestamp()) * 1_000_000_000
