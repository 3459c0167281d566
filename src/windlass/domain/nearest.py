"""What somebody probably meant: the nearest of the words that are known."""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_CHOICES = 5


def suggest(word: str, known: Iterable[str], else_say: str = "Expected one of") -> str:
    """A sentence that says what to write instead: the nearest word, else the words there are.

    >>> suggest("brnach", ["branch", "tag"])
    'Did you mean "branch"?'
    >>> suggest("x", ["branch", "tag"])
    'Expected one of: branch, tag.'
    """
    words = sorted(known)
    near = get_close_matches(word[:80].lower(), words, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    if not words:
        return ""
    more = f" and {len(words) - MAX_CHOICES} more" if len(words) > MAX_CHOICES else ""
    return f"{else_say}: {', '.join(words[:MAX_CHOICES])}{more}."
