"""The certificate authorities that are believed, and what is wrong where one is missing."""

import os
import re
import ssl
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from windlass.domain.errors import Invalid
from windlass.domain.text import plain

SETTING = "WINDLASS_CA_FILE"
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Red Hat, SUSE, and Alpine and macOS keep theirs."""
_NOT_IN_TIME = (9, 10)
_OTHER_NAME = (62, 64)
_SELF_SIGNED = 18
"""X509_V_ERR_… of OpenSSL, X509_STORE_CTX_get_error(3): not yet valid, expired; another host or
address; the certificate is its own issuer."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate of the file, as people know it."""

    name: str
    expires_at: datetime


@dataclass(frozen=True)
class Authorities:
    """The system's authorities, and beside them those of `pem`, the text of WINDLASS_CA_FILE.

    They are added: a private Git host and a public one are asked by the same process. Where there
    is no file, git uses its own idea of the system's.
    """

    pem: str = ""

    @cached_property
    def context(self) -> ssl.SSLContext:
        """For our own connections; any number of threads."""
        context = ssl.create_default_context()
        if self.pem:
            context.load_verify_locations(cadata=self.pem)
        # As git's libraries do: an authority that is named need not be a root, and one that was
        # made by hand may lack what RFC 5280 wants (Python 3.13 insists on that by itself).
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    @cached_property
    def bundle(self) -> str | None:
        """A path under which children of this process can read all authorities, since git takes
        one file in place of the system's; None where there is no file of ours."""
        if not self.pem:
            return None
        system = _system_bundle()
        content = (system.read_text("utf-8", "replace") if system else "") + "\n" + self.pem
        return _kept_file(self, content.encode())


def read_authorities(path: Path | None) -> Authorities:
    """The authorities of a PEM file beside the system's; the system's alone for None.

    Raises Invalid CFG022 where it cannot be read, CFG023 where it holds no certificate or a broken
    one.
    """
    if path is None:
        return Authorities()
    try:
        pem = path.read_text("utf-8", "replace")
    except OSError as error:
        raise Invalid(
            "CFG022",
            f"the file {str(path)!r} of {SETTING} cannot be read: {error.strerror}",
            "Check its path, and that this account may read it.",
        ) from error
    if not list_authorities(pem):
        raise Invalid(
            "CFG023",
            f"the file {str(path)!r} of {SETTING} holds no certificate in PEM, or a broken one",
            "Each begins with -----BEGIN CERTIFICATE-----. From DER: "
            "openssl x509 -inform der -in FILE -out FILE.pem",
        )
    found = "".join(re.findall(_ONE_PEM, pem))  # a private key beside them stays where it is
    return Authorities(found)


_ONE_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\n?")


def list_authorities(pem: str) -> list[Authority]:
    """The certificates of a PEM text in their order; none where one is broken."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        return [Authority(_name(one.subject), one.not_valid_after_utc) for one in found]
    except ValueError:
        return []


def explain_doubt(error: ssl.SSLCertVerificationError, shown: bytes | None) -> tuple[str, str]:
    """Why a certificate was not believed, and what to do; `shown` is the certificate (DER)."""
    why, certificate = error.verify_message, _parsed(shown)
    if error.verify_code in _NOT_IN_TIME:
        return why, "Have it renewed by its operator; or correct this clock."
    if error.verify_code in _OTHER_NAME:
        names = f"; it is for {', '.join(_names(certificate))}" if certificate else ""
        return why + names, "Use a name that the certificate is for."
    if certificate is None:
        return why, f"Name a PEM file with its authority in {SETTING}."
    if error.verify_code == _SELF_SIGNED:
        digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        return (
            f"{why} (SHA-256 {digest})",
            "Compare that with its operator's, then put the certificate into a PEM file, and name "
            f"the file in {SETTING}.",
        )
    return (
        f"{why}; its issuer is {_name(certificate.issuer)}",
        f"Put the certificate of that authority into a PEM file, and name the file in {SETTING}. "
        "If nobody knows that authority, somebody may stand between.",
    )


def shown_certificate(connect: Callable[[ssl.SSLContext], ssl.SSLSocket]) -> bytes | None:
    """The certificate that is shown to whoever believes all; None where none is. Nothing is sent
    to who shows it."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    try:
        with connect(blind) as opened:
            return opened.getpeercert(binary_form=True)
    except OSError:
        return None


def _parsed(der: bytes | None) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der) if der else None
    except ValueError:
        return None


def _name(name: x509.Name) -> str:
    return plain(name.rfc4514_string())[:200] or "without a name"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(one.value) for one in found]
    except (ValueError, x509.ExtensionNotFound):
        names = []
    return [plain(one)[:100] for one in names[:5]] or [_name(certificate.subject)]


def _system_bundle() -> Path | None:
    known = ssl.get_default_verify_paths().cafile
    places = (Path(text) for text in (known, *_BUNDLES) if text)
    return next((place for place in places if place.is_file()), None)


def _kept_file(owner: object, content: bytes) -> str:
    """A path to a file of that content that is there as long as its owner, and has no name where
    that can be."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        number = os.memfd_create("windlass-authorities")
        with os.fdopen(os.dup(number), "wb") as file:
            file.write(content)
        weakref.finalize(owner, os.close, number)
        return f"/proc/{os.getpid()}/fd/{number}"
    number, name = tempfile.mkstemp(prefix="windlass-authorities-")
    with os.fdopen(number, "wb") as file:
        file.write(content)
    weakref.finalize(owner, Path(name).unlink, missing_ok=True)
    return name
