"""A certificate authority made on the spot, for servers on this machine that speak TLS.

For benchmarks and tests: its keys are in files of a folder that is thrown away.
"""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class LocalAuthority:
    """An authority whose certificate is in `file`, PEM."""

    def __init__(self, folder: Path, name: str = "Windlass Local CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        certificate = (
            _builder(self._name, self._key, timedelta(days=3650))
            .issuer_name(self._name)
            .add_extension(basic, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(
        self, host: str = "127.0.0.1", *, lifetime: timedelta = timedelta(days=30)
    ) -> ssl.SSLContext:
        """What a server at that host name or address shows; a negative lifetime is over."""
        return self._context(host, lifetime, self._name, self._key)

    def self_signed_context(self, host: str = "127.0.0.1") -> ssl.SSLContext:
        """What a server shows for which no authority vouches."""
        return self._context(host, timedelta(days=30), None, None)

    def _context(
        self,
        host: str,
        lifetime: timedelta,
        issuer: x509.Name | None,
        signer: ec.EllipticCurvePrivateKey | None,
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = (
            _builder(subject, key, lifetime)
            .issuer_name(issuer or subject)
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
            .sign(signer or key, hashes.SHA256())
        )
        place = self._folder / "server.pem"
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        place.touch(0o600)
        place.write_bytes(text + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place)
        return context


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + lifetime) - timedelta(hours=1))
        .not_valid_after(now + lifetime)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
