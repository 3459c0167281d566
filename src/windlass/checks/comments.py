"""The comments of a Python file that may be meant for a checker."""

import io
import re
import tokenize

from windlass.domain.suppression import comment_lines

_COMMENTED = re.compile(r"(?i)\.ya?ml$|requirements[^/]*\.txt$")
_MAX_TEXT_BYTES = 300_000
_WORDS = (b"windlass", b"noqa", b"nosec", b"nosemgrep", b"allowlist", b"gitleaks")


def text_comments_of(path: str, content: bytes) -> list[tuple[int, str]]:
    """As `comments_of`, of a text in which `#` begins a comment: YAML and requirements.

    >>> text_comments_of("pod.yaml", b"image: x  # windlass: ignore[POD012]\\n")
    [(1, '# windlass: ignore[POD012]')]
    """
    is_known = _COMMENTED.search(path) is not None and len(content) <= _MAX_TEXT_BYTES
    if not is_known or not any(word in content for word in _WORDS):
        return []
    return [*comment_lines(content.decode("utf-8", "replace"))]


def comments_of(content: bytes) -> list[tuple[int, str]]:
    """Line and text of each comment, where any is of interest: most files need not be read again
    for it. What only looks like a comment, in a string, is none.

    >>> comments_of(b"x = '# nosec'  # noqa: S105\\n")
    [(1, '# noqa: S105')]
    """
    if not any(word in content for word in _WORDS):
        return []
    try:
        return [
            (token.start[0], token.string)
            for token in tokenize.tokenize(io.BytesIO(content).readline)
            if token.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError):  # a file that `ast` reads and `tokenize` does not
        return []
