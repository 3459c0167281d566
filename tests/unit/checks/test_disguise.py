"""Files that are not what their names say: archives that Airflow would open, programs."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.disguise import check_disguise, may_be_disguised
from windlass.domain.finding import Severity


def archive(*names: str, before: bytes = b"", comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, "x = 1")
        file.comment = comment
    return before + made.getvalue()


def told(content: bytes) -> list[tuple[str, Severity]]:
    return [(f.code, f.severity) for f in check_disguise("report.xlsx", content)]


@pytest.mark.parametrize(
    "content",
    [
        archive("evil.py"),
        archive("xl/workbook.xml", "evil.pyc"),
        archive("evil.py", before=b"\x89PNG\r\n"),
        archive("evil.py", comment=b"c" * 65_535),
    ],
)
def test_an_archive_whose_modules_airflow_would_import_is_refused(content: bytes) -> None:
    assert may_be_disguised(content)
    assert told(content) == [("INT017", Severity.HIGH)]


def test_the_module_is_named() -> None:
    [found] = check_disguise("a.dat", archive("z.py", "evil.py"))

    assert found.message == (
        "the file is a zip archive with 'evil.py', which Airflow would import unseen"
    )


@pytest.mark.parametrize(
    "content",
    [
        archive("xl/workbook.xml", "docProps/app.xml"),
        archive("package/module.py"),
        b"PK\x05\x06 is how one ends",
        b"select 1",
        b"MZ,Maputo\n" * 10,
        b"",
    ],
)
def test_an_office_document_and_plain_text_are_fine(content: bytes) -> None:
    assert told(content) == []


def test_an_archive_that_cannot_be_listed_is_refused() -> None:
    whole = bytearray(archive("evil.py"))
    start = whole.rindex(b"PK\x01\x02")
    whole[start + 2] = 9  # the entry of the central directory

    assert told(bytes(whole)) == [("INT017", Severity.HIGH)]


@pytest.mark.parametrize(
    "magic", [b"\x7fELF", b"MZ" + b"\0" * 58 + b"\x40\0\0\0PE\0\0", b"\xcf\xfa\xed\xfe"]
)
def test_a_program_in_machine_code_is_advice(magic: bytes) -> None:
    assert may_be_disguised(magic + b"...")
    assert told(magic + b"...") == [("INT018", Severity.MEDIUM)]


@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x05\x06", archive("a.txt")]))
def test_no_content_is_too_odd(content: bytes, tail: bytes) -> None:
    assert len(check_disguise("a", content + tail)) <= 1
