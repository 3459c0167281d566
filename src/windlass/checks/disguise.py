"""Files that are not what their names say, by their content."""

import io
import zipfile
from pathlib import PurePosixPath

from windlass.domain.finding import Finding, FindingType, Severity

# The end of the central directory: within its own 22 bytes and a comment of up to 65,535 (APPNOTE
# 4.3.16). Whatever comes before it, Airflow takes the file for an archive of DAGs.
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL_BYTES = 22 + 65_535
_NATIVE = (  # ELF, and Mach-O in both sizes and orders
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)


def may_be_disguised(content: bytes) -> bool:
    """Whether `check_disguise` should look at the content of a file; quick, and on the safe side.

    >>> may_be_disguised(b"select 1")
    False
    """
    return _is_program(content) or _ZIP_END in content[-_ZIP_TAIL_BYTES:]


def check_disguise(path: str, content: bytes) -> list[Finding]:
    """Judge a file that is neither Python nor text for Airflow.

    Airflow opens every file that has the form of a zip archive, whatever its name, and imports the
    modules at its top (airflow/utils/file.py: find_dag_file_paths; DagBag). Office documents have
    that form too, and no modules.
    """
    if _is_program(content):
        return [
            _finding(
                "INT018",
                Severity.MEDIUM,
                path,
                "the file is a program in machine code, which no check can read",
                "Install programs with Airflow's image; keep the DAG root to text.",
            )
        ]
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return []
    found = _module_in(content)
    return [] if found is None else [_archive(path, found)]


def _is_program(content: bytes) -> bool:
    if content.startswith(_NATIVE):
        return True
    header = int.from_bytes(content[60:64], "little")  # "PE Format" of the Windows documentation
    return content.startswith(b"MZ") and content[header : header + 4] == b"PE\0\0"


def _module_in(content: bytes) -> str | None:
    """The first module at the top of an archive, in words; None where there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "a list of contents that cannot be read"
    modules = [str(n) for n in names if n.suffix in (".py", ".pyc") and len(n.parts) == 1]
    return repr(min(modules)[:100]) if modules else None


def _archive(path: str, found: str) -> Finding:
    return _finding(
        "INT017",
        Severity.HIGH,
        path,
        f"the file is a zip archive with {found}, which Airflow would import unseen",
        "Commit the modules themselves; whatever its name, Airflow opens a zip archive.",
    )


def _finding(code: str, severity: Severity, path: str, message: str, hint: str) -> Finding:
    return Finding(code, severity, FindingType.INTAKE, path, message, hint)
