"""When to try again after a failure: by what kind of failure it was."""

from windlass.domain.errors import AppError, Forbidden, Invalid, NotFound, Throttled

FIRST_S = 15.0
CAP_S = 600.0
PERSON_FIRST_S = 60.0
PERSON_CAP_S = 1800.0
SPREAD = 0.2


def needs_person(error: AppError) -> bool:
    """Whether trying again unchanged is pointless: somebody must correct something first."""
    return isinstance(error, Invalid | Forbidden | NotFound)


def retry_wait_s(error: AppError, failures: int, interval_s: float, spread: float) -> float:
    """Seconds until the next try, after `failures` earlier ones in a row.

    What may pass by itself doubles from 15 s, or the interval where that is shorter, to ten minutes
    or the interval. What a person must correct doubles from the interval, at least a minute, to
    half an hour. A host that names a time is given it. `spread`, 0 to 1, moves the result by a
    fifth to either side, so that many that failed together do not come back together.
    """
    if needs_person(error):
        first = max(interval_s, PERSON_FIRST_S)
        cap = max(interval_s, PERSON_CAP_S)
    else:
        first = min(interval_s, FIRST_S)
        cap = max(interval_s, CAP_S)
    wait = min(cap, first * float(2 ** min(failures, 16)))
    if isinstance(error, Throttled):
        return max(wait, error.retry_after_s) * (1 + SPREAD * spread)
    return wait * (1 - SPREAD + 2 * SPREAD * spread)
