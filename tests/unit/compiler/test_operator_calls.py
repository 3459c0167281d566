"""Steps of the type operator beside signatures: what is told, and where."""

import pytest

from windlass.compiler.pipelines.tree import compile_tree
from windlass.domain.pipeline import Bindings
from windlass.domain.signature import Missing, Signature
from windlass.domain.template import Templates

PATH = "pipelines/a.yaml"
CLASS = "airflow.providers.ssh.operators.ssh.SSHOperator"
DOCUMENT = """\
apiVersion: windlass/v1
pipeline:
  name: orders
  domain: sales
  steps:
    - name: run
      type: operator
      class: {path}
      arguments:
        comand: uptime
        ssh_conn_id: host
"""
SSH = Signature(frozenset({"command", "ssh_conn_id", "key"}), frozenset({"command"}))


def told(found: Signature | Missing | None) -> list[str]:
    files = [(PATH, DOCUMENT.format(path=CLASS).encode())]
    tree = compile_tree(files, Bindings(), signature_of=lambda _: found)
    assert (PATH in tree.failed) == bool(tree.findings)
    return [f"{one.place} {one.code} {one.message}. {one.hint}" for one in tree.findings]


def test_an_unknown_argument_and_a_missing_one_are_told_at_their_places() -> None:
    assert told(SSH) == [
        'pipelines/a.yaml:8:14 PIPE072 SSHOperator needs the argument "command". '
        "Add command: below arguments.",
        'pipelines/a.yaml:10:9 PIPE071 SSHOperator has no argument "comand". '
        'Did you mean "command"?',
    ]


def test_what_is_not_known_is_no_error() -> None:
    assert told(None) == []
    assert told(Signature(frozenset(), frozenset(), is_whole=False)) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            Missing(("SSHOperator2", "Other")),
            'airflow.providers.ssh.operators.ssh has no class "SSHOperator". '
            'Did you mean "SSHOperator2"?',
        ),
        (
            Missing(),
            'the environment\'s Airflow has no module "airflow.providers.ssh.operators.ssh". '
            "Correct it, or install its provider.",
        ),
    ],
)
def test_a_class_that_is_not_there_is_told(found: Missing, message: str) -> None:
    assert told(found) == [f"pipelines/a.yaml:8:14 PIPE070 {message}"]


def test_in_a_template_the_place_is_that_of_its_use_and_its_own() -> None:
    body = DOCUMENT.format(path=CLASS).replace("  name: orders\n  domain: sales\n", "")
    text = body.replace("pipeline:", "template: {description: x}\npipeline:", 1).encode()
    files = {"templates/ssh/1.0.0/template.yaml": text}
    lock = Templates.of(files).locked([]).text.encode()
    templates = Templates.of({**files, "pipelines.lock": lock})
    document = DOCUMENT.partition("  steps")[0] + "  template: ssh@1.0.0\n"
    tree = compile_tree(
        [(PATH, document.encode())], Bindings(), templates=templates, signature_of=lambda _: SSH
    )

    assert [(one.place, one.message.partition(" (in ")[2]) for one in tree.findings] == [
        ("pipelines/a.yaml:5:13", "templates/ssh/1.0.0/template.yaml:9:9)"),
        ("pipelines/a.yaml:5:13", "templates/ssh/1.0.0/template.yaml:7:14)"),
    ]
