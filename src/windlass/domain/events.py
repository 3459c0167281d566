"""The one vocabulary of events: log lines, timelines and history use these tags and no others."""

from enum import StrEnum


class Event(StrEnum):
    """What can happen, as `subject:action`."""

    REPOSITORY_ADDED = "repository:added"
    REVISION_NOTICED = "revision:noticed"  # a head that was not known; `by` poll or fetch
    REVISION_FETCHED = "revision:fetched"
    VERDICT_ALLOWED = "verdict:allowed"
    VERDICT_DENIED = "verdict:denied"
    RELEASE_PUBLISHED = "release:published"  # decided; its bundle's pointer follows at once
    RELEASE_ROLLED_BACK = "release:rolled_back"
    RELEASE_QUARANTINED = "release:quarantined"
    REVISION_HELD = "revision:held"  # its content is quarantined
    DEPLOYMENT_LIVE = "deployment:live"  # Airflow was seen with it
    DEPLOYMENT_FAILED = "deployment:failed"  # Airflow reports import errors for it
    DEPLOYMENT_UNSEEN = "deployment:unseen"  # Airflow does not show it yet; asking goes on
    POLL_FAILED = "poll:failed"
    SYNC_FAILED = "sync:failed"
    SYNC_GIVEN_UP = "sync:given_up"  # another worker has the lease, or this one is stopping
    LOOP_FAILED = "loop:failed"
    POINTER_REPAIRED = "pointer:repaired"
    POINTER_FAILED = "pointer:failed"  # it names a release that the database does not know
    JOB_ENDED = "job:ended"  # its worker went silent
    PROCESS_STARTED = "process:started"
    PROCESS_ENDED = "process:ended"  # by itself; it is started again
    PROCESS_STOPPING = "process:stopping"  # by a signal
    PROCESS_STOPPED = "process:stopped"
    TICK_FAILED = "tick:failed"  # the database could not be started again
    REQUEST_FAILED = "request:failed"
