"""Certificates: a station's own authority, and the certificate that it presents. Pure.

The authority is limited to this station's names and to addresses of private networks, so a desk
computer that trusts it is not at risk if the station is stolen.
"""

import datetime
import ipaddress
from collections.abc import Collection
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.web.certificate_state import PRIVATE, Address, CertificateState

AUTHORITY_DAYS = 20 * 365
# The longest that browsers accept for public ones; renewed at two thirds of it.
SHOWN_DAYS = 397

# Computers with a slow clock must not find it too young.
BACK_DAYS = 1

NAME_MAX = 64


class CertificatePair(NamedTuple):
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """Both in PEM, key first."""
        return key_pem(self.key) + self.certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def read(cls, pem: bytes) -> "CertificatePair":
        """Decode what `pem` returns; ValueError for anything else."""
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(type(key).__name__)  # noqa: TRY004   # a wrong file, not a wrong caller
        return cls(key, x509.load_pem_x509_certificate(pem))


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key alone, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def create_authority(
    station: str, names: Collection[str], now: datetime.datetime
) -> CertificatePair:
    """A new authority, limited to the station's names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Yizhan {station}")
    public = key.public_key()
    permitted: list[x509.GeneralName] = [
        *map(x509.DNSName, sorted(names)),
        *(x509.IPAddress(ipaddress.ip_network(network)) for network in PRIVATE),
    ]
    certificate = (
        _dated(x509.CertificateBuilder(), now, AUTHORITY_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return CertificatePair(key, certificate)


def create_certificate(
    by: CertificatePair,
    names: Collection[str],
    addresses: Collection[Address],
    now: datetime.datetime,
    since: datetime.datetime | None = None,
) -> CertificatePair:
    """A certificate for those names and addresses, with a fresh key.

    It is valid from `since` (default: now), for as long as the clock is uncertain.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    alternatives: list[x509.GeneralName] = [
        *map(x509.DNSName, sorted(names)),
        *map(x509.IPAddress, sorted(addresses, key=lambda a: (a.version, int(a)))),
    ]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    certificate = (
        _dated(x509.CertificateBuilder(), now, SHOWN_DAYS, since)
        .subject_name(_name(min(names)))
        .issuer_name(by.certificate.subject)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(identifier, critical=False)
        .sign(by.key, hashes.SHA256())
    )
    return CertificatePair(key, certificate)


def describe_certificate(pair: CertificatePair, of: str) -> CertificateState:
    """What that certificate says of itself."""
    found = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return CertificateState(
        of,
        pair.certificate.not_valid_before_utc,
        pair.certificate.not_valid_after_utc,
        frozenset(found.get_values_for_type(x509.DNSName)),
        frozenset(map(str, found.get_values_for_type(x509.IPAddress))),
    )


def _dated(
    builder: x509.CertificateBuilder,
    now: datetime.datetime,
    days: int,
    since: datetime.datetime | None = None,
) -> x509.CertificateBuilder:
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before((since or now) - datetime.timedelta(days=BACK_DAYS))
        .not_valid_after(now + datetime.timedelta(days=days - BACK_DAYS))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:NAME_MAX])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
