"""What is wrong with a value, in our words and not in those of the library that found it."""

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "is no text",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "holds characters that are not allowed there",
    "int_parsing": "is no whole number",
    "int_type": "is no whole number",
    "int_from_float": "is no whole number",
    "float_parsing": "is no number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "dict_type": "has no keys",
    "model_attributes_type": "has no keys",
    "list_type": "is no list",
    "json_invalid": "is no JSON",
    "enum": "is not one of {expected}",
    "literal_error": "is not one of {expected}",
    "greater_than_equal": "is less than {ge}",
    "greater_than": "is not more than {gt}",
    "less_than_equal": "is more than {le}",
    "less_than": "is not less than {lt}",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
}


def complaint(kind: str, message: str, known: Mapping[str, Any]) -> str:
    """The words for a kind of problem of pydantic's; without words of ours its own `message`.

    >>> complaint("less_than_equal", "Input should be …", {"le": 24})
    'is more than 24'
    >>> complaint("value_error", "Value error, expected a host", {})
    'expected a host'
    """
    words = _WORDS.get(kind)
    return words.format_map(known) if words else message.removeprefix("Value error, ")
