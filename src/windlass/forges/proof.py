"""How a call shows that it knows a secret. Everything is compared in constant time."""

import base64
import binascii
import hashlib
import hmac


def is_signed(body: bytes, secret: bytes, given: str | None, *, prefix: str = "") -> bool:
    """Whether `given` is `prefix` and the hex HMAC-SHA256 of the body (RFC 2104)."""
    wanted = prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return is_same(wanted.encode(), given)


def is_same(secret: bytes, given: str | None) -> bool:
    """Whether a header is just this; None and an empty secret never are."""
    shown = (given or "").encode("latin-1", "replace")
    return hmac.compare_digest(secret, shown) and bool(secret)


def basic_password(authorization: str | None) -> str | None:
    """The password of an Authorization header (RFC 7617); None where it has none."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(":")[2] or None


def is_standard(body: bytes, secret: bytes, headers: tuple[str | None, ...]) -> bool:
    """Whether `webhook-id`, `webhook-timestamp` and `webhook-signature` sign the body, as Standard
    Webhooks (github.com/standard-webhooks/standard-webhooks, "Signature scheme") has it."""
    name, at, given = headers
    if not (name and at and given):
        return False
    signed = b".".join((name.encode("latin-1"), at.encode("latin-1"), body))
    digest = hmac.new(_standard_key(secret), signed, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(digest)
    return any([is_same(wanted, one) for one in given.split(" ")[:10]])  # noqa: C419  # all, always


def _standard_key(secret: bytes) -> bytes:
    """`whsec_` and base64 is how such secrets are written; any other is taken as it is."""
    if secret.startswith(b"whsec_"):
        try:
            return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            return secret
    return secret
