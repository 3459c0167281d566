"""Every rule there is. A family has a module here with its `RULES`; nothing else names them."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from windlass.domain.errors import NotFound
from windlass.domain.nearest import suggest
from windlass.domain.rule import Rule


@cache
def all_rules() -> dict[str, Rule]:
    """Code → rule, by code. Two rules with one code are a bug of ours, told at once."""
    found: dict[str, Rule] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        for rule in import_module(module.name).RULES:
            assert rule.code not in found, f"two rules have the code {rule.code}"
            found[rule.code] = rule
    return dict(sorted(found.items()))


def get_rule(code: str) -> Rule:
    """The rule of a code; NotFound POL012 names the nearest."""
    rule = find_rule(code)
    if rule is None:
        hint = suggest(code, all_rules()) or "docs/rules/README.md lists every rule."
        raise NotFound("POL012", f"there is no rule {code[:40]!r}", hint)
    return rule


def find_rule(code: str) -> Rule | None:
    """The rule of a code; None for what is not found in repositories."""
    return all_rules().get(code)
