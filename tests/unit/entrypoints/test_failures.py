"""The table from errors to HTTP statuses and exit codes."""

from collections.abc import Iterator

import pytest

from windlass.domain.errors import (
    AppError,
    Conflict,
    EngineFailed,
    Forbidden,
    Invalid,
    LeaseLost,
    NotFound,
    Throttled,
    Unavailable,
)
from windlass.entrypoints.failures import error_of, exit_code, http_status


def kinds_of(base: type[AppError]) -> Iterator[type[AppError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == AppError.__module__:
            yield kind
            yield from kinds_of(kind)


KINDS = tuple(kinds_of(AppError))
EXPECTED = {
    Invalid: (422, 1),
    Forbidden: (403, 1),
    NotFound: (404, 1),
    Conflict: (409, 1),
    LeaseLost: (409, 1),
    Unavailable: (503, 75),
    Throttled: (503, 75),
    EngineFailed: (503, 75),
}
OVER_HTTP = [kind for kind in KINDS if kind not in (LeaseLost, Throttled, EngineFailed)]


def error(kind: type[AppError]) -> AppError:
    return kind("dags") if kind is LeaseLost else kind("CODE", "message", "hint")


def test_every_error_has_a_status_and_an_exit_code() -> None:
    table = {kind: (http_status(error(kind)), exit_code(error(kind))) for kind in KINDS}

    assert table == EXPECTED


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_what_a_server_answers_comes_back_as_the_same_error(kind: type[AppError]) -> None:
    sent = error(kind)

    got = error_of(http_status(sent), sent.code, sent.message, sent.hint)

    assert (type(got), got.args) == (kind, sent.args)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (401, Invalid), (499, Invalid), (500, Unavailable), (502, Unavailable)],
)
def test_a_status_that_is_not_in_the_table_is_the_callers_fault_below_500(
    status: int, kind: type[AppError]
) -> None:
    assert type(error_of(status, "X", "y", "")) is kind
