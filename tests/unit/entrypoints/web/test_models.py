"""What the API takes as one line of text."""

import pytest
from pydantic import TypeAdapter, ValidationError

from windlass.entrypoints.web.models import Line

LINE: TypeAdapter[str] = TypeAdapter(Line)


@pytest.mark.parametrize("text", ["wrong totals", "été, 注文 ✓", "a" * 500])
def test_ordinary_words_are_a_line(text: str) -> None:
    assert LINE.validate_python(text) == text


@pytest.mark.parametrize(
    "odd", ["\x00", "\t", "\n", "\r", "\x1b[2J", "\x7f", "\x9b", "\u200f", "\u202e", "\u2066"]
)
@pytest.mark.parametrize("form", ["{}", "a{}", "{}a", "a{}b"])
def test_what_steers_terminals_is_refused_wherever_it_stands(form: str, odd: str) -> None:
    with pytest.raises(ValidationError, match="string_pattern_mismatch"):
        LINE.validate_python(form.format(odd))


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValidationError, match="string_unicode"):
        LINE.validate_python("a\ud800")
