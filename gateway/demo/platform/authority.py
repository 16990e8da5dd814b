"""The platform's small certificate authority: it vouches for stations, and for the platform itself.

What lies in its folder: `ca-key.pem` (authority, key first; never leaves), `ca.pem` (what a station
is given as `ca_file`).
"""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.toml import replace_file
from gateway.web.certificate import CertificatePair

CLIENT_DAYS = 365
OWN_DAYS = 3650
# A station's clock may be a little slow when it first looks at its certificate.
BACK = datetime.timedelta(hours=1)


class CertificateRefused(Exception):
    """A signing request that nobody may have a certificate for."""


class CertificateAuthority:
    """Issues certificates; `file` is what vouches for them."""

    def __init__(self, folder: Path) -> None:
        """Open the authority in that folder, made at the first time."""
        kept = folder / "ca-key.pem"
        if not kept.exists():
            replace_file(kept, _root(_now()).pem(), mode=0o600)
        self._pair = CertificatePair.read(kept.read_bytes())
        self.file = folder / "ca.pem"
        replace_file(self.file, self._pair.certificate.public_bytes(Encoding.PEM), mode=0o644)

    def client(self, csr: str, station: str, *, begins: datetime.datetime | None = None) -> str:
        """A certificate (PEM) for the key that signed the request; Unfit if it names another."""
        try:
            asked = x509.load_pem_x509_csr(csr.encode())
            named = [a.value for a in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        except ValueError as error:
            raise CertificateRefused(str(error)) from error
        public = asked.public_key()
        if not asked.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise CertificateRefused("signature")
        if named != [station]:
            raise CertificateRefused(f"common name {named}")
        made = self._issue(public, station, begins or _now(), CLIENT_DAYS).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        return self._signed(made).public_bytes(Encoding.PEM).decode()

    def server(
        self, hosts: tuple[str, ...], *, begins: datetime.datetime | None = None
    ) -> CertificatePair:
        """The platform's own certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self._issue(key.public_key(), hosts[0], begins or _now(), OWN_DAYS)
            .add_extension(x509.SubjectAlternativeName([_name(h) for h in hosts]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        return CertificatePair(key, self._signed(made))

    def _issue(
        self, public: ec.EllipticCurvePublicKey, name: str, begins: datetime.datetime, days: int
    ) -> x509.CertificateBuilder:
        issuer = self._pair.certificate
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            _dated(begins, days)
            .subject_name(_called(name))
            .issuer_name(issuer.subject)
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known),
                critical=False,
            )
        )

    def _signed(self, made: x509.CertificateBuilder) -> x509.Certificate:
        return made.sign(self._pair.key, hashes.SHA256())


def server_context(
    authority: CertificateAuthority, own: CertificatePair, folder: Path
) -> ssl.SSLContext:
    """TLS for a listener that asks for a client certificate and can do without.

    Without, because a station that claims has none yet; each address then demands its own.
    """
    shown = folder / "server.pem"
    replace_file(shown, own.pem(), mode=0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(shown)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _root(begins: datetime.datetime) -> CertificatePair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _called("Yizhan reference platform")
    made = (
        _dated(begins, OWN_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return CertificatePair(key, made.sign(key, hashes.SHA256()))


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _dated(begins: datetime.datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - BACK)
        .not_valid_after(begins + datetime.timedelta(days=days))
    )


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
