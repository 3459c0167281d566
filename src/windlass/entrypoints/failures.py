"""The one table from errors to HTTP statuses and exit codes."""

from windlass.domain.errors import (
    AppError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUG = 3
EXIT_LATER = 75  # EX_TEMPFAIL, sysexits.h
EXIT_INTERRUPTED = 130

_TABLE: tuple[tuple[type[AppError], int, int], ...] = (
    (Invalid, 422, EXIT_FAILED),
    (Forbidden, 403, EXIT_FAILED),
    (NotFound, 404, EXIT_FAILED),
    (Conflict, 409, EXIT_FAILED),
    (Unavailable, 503, EXIT_LATER),
)


def http_status(error: AppError) -> int:
    """The status that says how the error is to be handled."""
    return next(status for kind, status, _ in _TABLE if isinstance(error, kind))


def exit_code(error: AppError) -> int:
    """The exit code that says how the error is to be handled."""
    return next(code for kind, _, code in _TABLE if isinstance(error, kind))


def error_of(status: int, code: str, message: str, hint: str) -> AppError:
    """The error that a server answered with `status` for."""
    for kind, known, _ in _TABLE:
        if known == status:
            return kind(code, message, hint)
    return (Unavailable if status >= 500 else Invalid)(code, message, hint)
