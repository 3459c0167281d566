"""Text made to hang or crash a reader: it is read, and nothing is raised."""

import pytest

from windlass.checks.files import check_file

FAMILIES = ("security", "secrets")
SIZE = 200_000
TEXTS = [
    b"- ",
    b"password: ",
    b'"password":',
    b"password=\\",
    b"://:@",
    b"a://b:c@",
    b"-----BEGIN PRIVATE KEY-----",
    b"curl -u ",
    b"--password ",
    b"AKIA",
    b"bearer ",
    b"name: a\nvalue: b\n",
    b"key \xff\xfe",
    b"token {{ ",
    b"A_",
    b"<",
]


@pytest.mark.parametrize("path", ["a.yaml", "a.json", "a.env", "a.sh", "a.md"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_one_thing_again_and_again_is_read(path: str, text: bytes) -> None:
    check_file(path, text * (SIZE // len(text)), FAMILIES)


@pytest.mark.parametrize(
    "source",
    [
        '"a" + ' * 900 + '"b"',
        "x = [" + '"password",' * 20_000 + "]",
        "#" + " password=" * 20_000,
        'x = "' + "{{ dag_run.conf " * 10_000 + '"',
        'BashOperator(bash_command="' + "rm - " * 40_000 + '")',
        "\n".join(f"def f{n}(): f{n + 1}()" for n in range(5_000)) + "\nf0()",
        "\n".join(f"a{n} = a{n - 1} + a{n - 1}" for n in range(1, 5_000)),
        "class A:\n"
        + "".join(f"  def m{n}(self): self.m{n + 1}()\n" for n in range(4_000))
        + "A().m0()",
        "x = " + "getattr(" * 80 + "os" + ',"a")' * 80,
        "from os import *\n" * 10_000,
        'f"{a}{b}" ' * 10_000,
    ],
    ids=range(11),
)
def test_python_of_one_thing_again_and_again_is_read(source: str) -> None:
    check_file("a.py", source.encode(), FAMILIES)
