"""Which families look at a repository."""

import pytest

from windlass.domain.families import families_for
from windlass.domain.options import Options


@pytest.mark.parametrize(
    ("options", "off"),
    [
        (Options(), set()),
        (Options(security_scan=False), {"security", "secrets"}),
        (Options(validation=False), {"lint", "security", "secrets", "structure", "pods"}),
    ],
)
def test_an_option_switches_its_families_off_and_validation_all_of_them(
    options: Options, off: set[str]
) -> None:
    asked = set(families_for(Options())) - set(families_for(options))

    assert asked & {"lint", "security", "secrets", "structure", "pods"} == off
