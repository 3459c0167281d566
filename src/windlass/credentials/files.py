"""The logins of Windlass at other people's stores: one line in a file that the settings name."""

from pathlib import Path

from windlass.domain.errors import Invalid


def secret_of(file: Path | None, setting: str) -> str:
    """What the file holds, without the end of its line; Invalid CRED045 where it cannot be read."""
    try:
        text = file.read_text("utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        words = f"the login for a store of secrets, in {str(file)!r} of {setting}: {why}"
        raise Invalid("CRED045", words) from None
    if not text:
        raise Invalid("CRED045", f"{setting} names no file, or one that is empty")
    return text
