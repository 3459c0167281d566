"""Reports on what was judged before, as the database has them."""

import json

from windlass.database.reports import StoredReport
from windlass.domain.repository import Repository
from windlass.engine.reporter import Wording
from windlass.entrypoints.reports.sarif import as_sarif
from windlass.entrypoints.reports.subject import Origin, Subject


def subject_of(repository: Repository, stored: StoredReport, public_url: str | None) -> Subject:
    """A stored report with what it is about."""
    prefix = "" if repository.path == "." else f"{repository.path}/"
    branch = repository.ref.name if repository.ref.kind == "branch" else ""
    return Subject(
        report=stored.report,
        name=f"{repository.name} {stored.revision[:7]}",
        prefix=prefix,
        here=prefix,
        python="",
        files=(),
        dag_ids=(),
        seconds=0,
        origin=Origin(repository.url, stored.revision, branch),
        public_url=public_url,
    )


def _sarif(repository: Repository, stored: StoredReport, public_url: str | None) -> bytes:
    return json.dumps(as_sarif(subject_of(repository, stored, public_url))).encode()


WORDING = Wording(sarif=_sarif)
"""How Git hosts are told."""
