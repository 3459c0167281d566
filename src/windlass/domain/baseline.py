"""A baseline: the findings that were there when it was written, and need not be mended yet."""

import json
from collections.abc import Iterable
from typing import Any

from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding

FORMAT = 1


def read_baseline(text: str) -> frozenset[str]:
    """The fingerprints of a baseline; Invalid POL013 where it is none."""
    try:
        rows = {FORMAT: (document := json.loads(text))["findings"]}[document["format"]]
        return frozenset(str(row["fingerprint"]) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "POL013",
            "the baseline is not one that Windlass wrote",
            "Make one: windlass check PATH --baseline FILE --write-baseline",
        ) from error


def write_baseline(
    findings: Iterable[Finding], before: frozenset[str] | None, *, add_new: bool = False
) -> str:
    """The text of a baseline of these findings. It only shrinks: of one that was there `before`
    nothing is left that is gone, and nothing is added unless that is asked for."""
    kept = [f for f in findings if before is None or add_new or f.fingerprint in before]
    ordered = sorted(kept, key=lambda f: (f.path, f.code, f.fingerprint))
    rows: list[dict[str, Any]] = [
        {"fingerprint": f.fingerprint, "rule": f.code, "path": f.path} for f in ordered
    ]
    return json.dumps({"format": FORMAT, "findings": rows}, indent=1) + "\n"
