"""Planted faults and innocent look-alikes (tests/cases/gate): what is found, how bad, and where."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from windlass.checks.files import check_file

CASES = Path(__file__).parents[2] / "cases" / "gate"
FAMILIES = ("security", "secrets")


# Put together here, so that no scanner takes this repository for one with secrets in it.
PARTS = {
    "aws": ("AKIA", "Q7MZ3T2WLX5KJ4RB"),
    "aws1": ("AK",),
    "aws2": ("IAQ7MZ3T2WLX5KJ4RB",),
    "aws_secret": ("wJalrXUtnFEMI/K7MDENG+", "bPxRfiCYzQ9vT2kLm1"),
    "github": ("ghp_", "Zk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0aGuEiO"),
    "gitlab": ("glpat-", "Zk3vQ9xT1mB7nR5cW8yL"),
    "slack": ("xoxb-", "748201937465-910284756102-", "Zk3vQ9xT1mB7nR5cW8yL2pD6"),
    "slack_hook": ("hooks.slack", ".com/services/T0Q7MZ3T2/B0LX5KJ4R/", "Zk3vQ9xT1mB7nR5cW8yL2pD6"),
    "google": ("AIza", "SyZk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0aGu"),
    "azure": ("AccountKey=", "Zk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0aGuEiO" * 2, "Zk3vQ9xT1mB7nR", "=="),
    "stripe": ("sk_", "live_", "Zk3vQ9xT1mB7nR5cW8yL2pD6"),
    "sendgrid": ("SG.", "Zk3vQ9xT1mB7nR5cW8yL2p.", "Zk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0aGuEiOZk3vQ9x"),
    "databricks": ("dapi", "3f9a1c8d7e2b4a605b5c4d3e2f1a0b9c"),
    "openai": ("sk-proj-", "Zk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0aGuEiOZk3vQ9xT1mB7"),
    "telegram": ("748201937", ":AA", "Zk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0aGu"),
    "jwt": (
        "eyJhbGciOiJIUzI1NiJ9",
        ".eyJzdWIiOiJldGwtcm9ib3QifQ.",
        "Zk3vQ9xT1mB7nR5cW8yL2pD6fH4jS0",
    ),
    "vault": ("hvs.", "Zk3vQ9xT1mB7nR5cW8yL2pD6"),
    "fernet": ("Zk3vQ9xT1mB7nR5cW8yL2pD6", "fH4jS0aGuEiOZk3vQ9x="),
    "key_begin": ("-----BEGIN ", "PRIVATE KEY-----"),
    "key_body": ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7"),
}
SECRETS = ["".join(p) for name, p in PARTS.items() if name not in ("aws1", "aws2", "slack_hook")]
SECRETS += ["hunter2", "Summer2024", "Tr0ub4dor", "s3cr3tpw", "8f3a1c9d7e2b4a60", "correcthorse"]
SECRETS.remove("".join(PARTS["key_begin"]))
SECRETS.remove("".join(PARTS["azure"]))


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob(f"*_{kind}.yaml"))
        for case in yaml.safe_load(path.read_text("utf-8"))
    ]


def findings(case: dict[str, Any]) -> list[str]:
    """What is found in a case, and a proof that no secret is shown by it."""
    text = case["text"]
    for name, parts in PARTS.items():
        text = text.replace(f"@{{{name}}}", "".join(parts))
    found, _ = check_file(case.get("path", "dags/orders.py"), text.encode(), FAMILIES)
    shown = "".join(f.message + f.hint + f.excerpt for f in found)
    assert not [s for s in SECRETS if s in shown or (len(s) > 4 and s[:5] in shown)]
    return sorted(f"{f.code} {f.severity} {f.line}" for f in found)


@pytest.mark.parametrize("case", cases("planted"))
def test_a_planted_fault_is_found_where_it_is(case: dict[str, Any]) -> None:
    assert findings(case) == sorted(case["expect"])


@pytest.mark.parametrize("case", cases("innocent"))
def test_an_innocent_look_alike_is_not_found(case: dict[str, Any]) -> None:
    assert findings(case) == []
