"""Texts in Python code that give themselves away: paths of secrets, shell commands, templates."""

import ast
import re
from collections.abc import Iterator

from windlass.checks.module import Module
from windlass.domain.finding import Finding, FindingType, Severity

_SOCKET = re.compile(r"docker\.sock\b")
_HOST = re.compile(
    r"/proc/(?:self|\d{1,8}|\*|thread-self)/(?:environ|mem)\b"
    r"|/etc/shadow\b"
    r"|/run/secrets/kubernetes\.io/serviceaccount(?:/token|/?$)"
    r"|\b169\.254\.169\.254\b|\bmetadata\.google\.internal\b|\bfd00:ec2::254\b|100\.100\.100\.200"
    r"|\b169\.254\.170\.2\b|//2852039166\b|//0x[aA]9[fF][eE][aA]9[fF][eE]\b"
    r"|\$\{?AIRFLOW__(?:CORE__FERNET_KEY|\w{1,20}__SQL_ALCHEMY_CONN|\w{1,20}__(?:JWT_)?SECRET_KEY)\b"
)
_FILE = re.compile(
    r"(?:^|/)(?:airflow\.cfg|unittests\.cfg|webserver_config\.py)$"
    r"|/etc/passwd$|\.aws/credentials$|\.ssh/id_[a-z0-9]{2,12}$|\.docker/config\.json$|\.netrc$"
)
_READ_BY_SHELL = re.compile(
    r"\b(?:cat|less|head|tail|cp|scp|base64|grep|curl)\b[^\n|;]{0,200}"
    r"(?:airflow\.cfg|\.aws/credentials|\.ssh/id_[a-z0-9]{2,12}|/etc/passwd)\b"
)
_SOMEBODY = "gives a shell to whoever answers"
_SENDS_ALL = "sends the whole environment, with the connections in it, to somebody"
# What a text has to hold, what it looks like, and what that does.
_SHELL = tuple(
    (need, re.compile(pattern), does)
    for need, pattern, does in (
        ("/dev/", r"/dev/(?:tcp|udp)/", "opens a connection that gives a shell to whoever answers"),
        ("nc", r"\bnc(?:at)?\b[^\n|;]{0,80}\s-(?:e|c)\b", _SOMEBODY),
        ("rm ", r"\brm\s{1,9}(?:-{1,2}[\w-]{1,20}\s{1,9}){1,4}/(?:\s|\*|$)", "deletes all"),
        (":()", r":\(\)\s{0,9}\{\s{0,9}:\s{0,9}\|\s{0,9}:", "starts processes without end"),
        (
            "base64",
            r"\bbase64\s+(?:-d|-D|--decode)\b[^\n]{0,200}\|\s{0,9}(?:ba|z|da)?sh\b",
            "runs a script that nobody can read before",
        ),
        ("mkfs", r"\bmkfs(?:\.\w{1,10})?\s[^\n|;]{0,80}/dev/", "formats a disk"),
        ("of=/dev", r"\bdd\b[^\n|;]{0,200}\bof=/dev/(?!null|std|tty|shm)", "overwrites a disk"),
        (
            "env",
            r"\b(?:env|printenv)\s{0,9}\|\s{0,9}(?:base64[^\n|]{0,40}\|\s{0,9})?"
            r"(?:curl|wget|nc|ncat)\b",
            _SENDS_ALL,
        ),
        ("env", r"\b(?:curl|wget)\b[^\n]{0,200}(?:\$\(|`)\s{0,9}(?:env|printenv)\b", _SENDS_ALL),
        ("airflow", r"\bairflow\s{1,9}db\s{1,9}reset\b", "empties Airflow's own database"),
        (
            "rm ",
            r"\brm\s{1,9}(?:-{1,2}[\w-]{1,20}\s{1,9}){1,4}[\"']?"
            r"(?:~|\$\{?HOME\}?|(?:\$\{?AIRFLOW_HOME\}?|/opt/airflow)(?:/(?:dags|plugins))?)"
            r"/?\*?[\"']?(?:\s|;|&|$)",
            "deletes what Airflow runs on",
        ),
        (
            "/",
            r"(?:>>?|\btee\b)[^\n|;&]{0,60}(?:\.ssh/authorized_keys|/etc/(?:sudoers|passwd|cron))",
            "gives somebody a way in",
        ),
        ("sh -i", r"\|\s{0,9}(?:/bin/)?(?:ba|z|da)?sh -i\b", _SOMEBODY),
        ("socat", r"\bsocat\b[^\n|;]{0,200}\b(?:EXEC|exec|SYSTEM|system):", _SOMEBODY),
        ("perl", r"\bperl\s{1,9}-\w{0,4}e\b[^\n]{0,200}\bSocket\b", _SOMEBODY),
        ("-rsocket", r"\bruby\s{1,9}-rsocket\b", _SOMEBODY),
        ("fsockopen", r"\bfsockopen\(", _SOMEBODY),
        ("stratum+", r"\bstratum\+(?:tcp|ssl)://", "digs for somebody's coins"),
        ("xmrig", r"\bxmrig\b", "digs for somebody's coins"),
    )
)
_EXPORTS = re.compile(r"\bairflow\s{1,9}(?:connections|variables)\s{1,9}(?:export|get|list)\b")
_SHELL_OF_PYTHON = ("socket", "connect(", "python")
_FETCHED = re.compile(
    r"\b(?:curl|wget)\b[^\n|]{0,300}\|\s{0,9}(?:sudo\s+)?(?:(?:ba|z|da)?sh|python[\d.]{0,4}|perl|ruby)\b"
    r"|\b(?:(?:ba|z|da)?sh(?:\s+-c)?|eval|source)\s{1,9}[\"']?(?:\$\(|<\(|`)\s{0,9}(?:curl|wget)\b"
)
_TEMPLATE = re.compile(r"\{\{[^{}]{0,300}dag_run\.conf[^{}]{0,300}\}\}")
_TWISTED = re.compile(r"\{[{%][^{}]{0,300}__(?:globals|subclasses|builtins|mro|import)__")
_NUMBER = re.compile(r"\|\s{0,9}(?:int|float)\b")
_NEEDS = frozenset({"docker", ".sock", "/proc/", "shadow", "serviceaccount", "169.254", ".cfg"})
_NEEDS |= {
    "metadata.g",
    "fd00:",
    "100.100",
    "config.py",
    "passwd",
    ".aws",
    ".ssh",
    "netrc",
    "/dev/",
}
_NEEDS |= {"nc ", "ncat", "rm -", ":()", "base64", "curl", "wget", "dag_run", "mkfs", "of=/dev"}
_NEEDS |= {"authorized_keys", "sudoers", "sh -i", "socat", "perl -", "-rsocket", "stratum"}
_NEEDS |= {"fsockopen", "xmrig", "__globals__", "__subclasses__", "__builtins__", "/cron"}
_NEEDS |= {"env", "airflow ", "AIRFLOW__", "2852039166", "0x", "connect("}
_SHELL_ARGUMENTS = frozenset({"bash_command", "command", "ssh_command", "cmd", "remote_command"})
_SAID_ONLY = frozenset({"description", "doc", "doc_md", "doc_rst", "help", "docs", "title"})
_SAID_ONLY |= {"mount_path", "mountPath"}  # where a container has something of its own
_OPENERS = frozenset({"open", "Path", "PosixPath", "read", "read_text", "read_bytes", "read_file"})
_OPENERS |= {"join", "expanduser"}
_TALKERS = frozenset({"print", "debug", "info", "warning", "error", "exception", "critical"})
_TALKERS |= {"Exception", "ValueError", "AirflowException"}


def check_phrases(module: Module) -> Iterator[Finding]:
    """Judge the texts of one Python file; docstrings and descriptions are only read."""
    whole = module.names.whole
    needed = [need for need in _NEEDS if need in whole]
    if not needed:
        return
    said = only_said(module)
    for node, text in module.names.texts:
        if any(need in text for need in needed) and id(node) not in said:
            yield from _check_text(module, node, text)
    for call in module.all(ast.Call):
        yield from _check_call(module, call, said)
    for scope in module.scopes if "dag_run" in needed else ():
        if scope.function is not None and _is_bash_task(scope.function):
            for given in scope.all(ast.Return):
                if given.value is not None:
                    yield from _check_bash_text(module, given.value)


def _is_bash_task(function: ast.AST) -> bool:
    """Whether it is decorated with `@task.bash`: what it returns is run by a shell."""
    for one in getattr(function, "decorator_list", ()):
        maker = one.func if isinstance(one, ast.Call) else one
        if isinstance(maker, ast.Attribute) and maker.attr == "bash":
            return True
    return False


def _check_bash_text(module: Module, value: ast.expr) -> Iterator[Finding]:
    found = [*_check_template(module, value)]
    parts = value.values if isinstance(value, ast.JoinedStr) else ()
    has_conf = any(
        isinstance(one, ast.Attribute)
        and one.attr == "conf"
        and "dag_run" in ast.unparse(one.value)
        for part in parts
        for one in ast.walk(part)
    )
    if has_conf and not found:
        found.append(_from_conf(module, value, ""))
    yield from found


def _check_text(module: Module, node: ast.expr, text: str) -> Iterator[Finding]:
    if found := _SOCKET.search(text):
        yield _finding(
            module,
            "DNG009",
            Severity.HIGH,
            node,
            text[: found.start()],
            "docker.sock gives whoever reaches it the whole machine",
            "Use KubernetesPodOperator, or a Docker connection over TLS: docker_conn_id.",
        )
    if found := _HOST.search(text):
        yield _host(module, node, text[: found.start()], found[0])
    elif found := _READ_BY_SHELL.search(text):
        yield _host(module, node, text[: found.start()], found[0].split()[-1])
    for need, pattern, does in _SHELL:
        if need in text and (found := pattern.search(text)):
            yield _finding(
                module,
                "DNG018",
                Severity.HIGH,
                node,
                text[: found.start()],
                f"the shell command {found[0].strip()[:40]!r} {does}",
                "Remove it; run scripts that are in the repository or in the image.",
            )
    if "__" in text and (found := _TWISTED.search(text)):
        yield _finding(
            module,
            "DNG007",
            Severity.HIGH,
            node,
            text[: found.start()],
            "a template reaches what it does not name, and may run anything",
            "Write what the template is to show.",
        )
    if all(word in text for word in _SHELL_OF_PYTHON) and ("dup2" in text or "pty." in text):
        yield _finding(
            module,
            "DNG018",
            Severity.HIGH,
            node,
            "",
            "the shell starts a Python that gives a shell to whoever answers",
            "Remove it; run scripts that are in the repository or in the image.",
        )
    if found := _EXPORTS.search(text):
        yield _finding(
            module,
            "DNG008",
            Severity.MEDIUM,
            node,
            text[: found.start()],
            f"the shell command {found[0]!r} reads every connection or variable of Airflow",
            "Use a connection by its name, in a task or as a template.",
        )
    if found := _FETCHED.search(text):
        yield _finding(
            module,
            "DNG018",
            Severity.MEDIUM,
            node,
            text[: found.start()],
            "the shell runs what it downloads, which nobody checked",
            "Put the program into the image, or compare a digest before it runs.",
        )


def _check_call(module: Module, call: ast.Call, said: set[int]) -> Iterator[Finding]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _OPENERS:
        owner = [function.value] if isinstance(function, ast.Attribute) else []
        for given in (*call.args, *(one for one in owner if _is_made_up(one))):
            text = module.names.folder.text(given)
            if text and id(given) not in said and (found := _FILE.search(text)):
                yield _host(module, given, "", found[0].lstrip("/"))
    for keyword in call.keywords:
        if keyword.arg in _SHELL_ARGUMENTS:
            yield from _check_template(module, keyword.value)


def _is_made_up(node: ast.expr) -> bool:
    """Whether a path is put together: `Path.home() / ".netrc"`, not `Path("…")`, whose argument is
    judged by itself."""
    joined = node.func if isinstance(node, ast.Call) else None
    return isinstance(node, ast.BinOp) or getattr(joined, "attr", "") == "joinpath"


def _check_template(module: Module, value: ast.expr) -> Iterator[Finding]:
    text = module.names.folder.text(value)
    if text is None and isinstance(value, ast.JoinedStr):
        text = "".join(
            str(part.value) if isinstance(part, ast.Constant) else "x" for part in value.values
        )
    for found in _TEMPLATE.finditer(text or ""):
        if not _NUMBER.search(found[0]):
            yield _from_conf(module, value, (text or "")[: found.start()])
            return


def _from_conf(module: Module, value: ast.expr, before: str) -> Finding:
    return _finding(
        module,
        "DNG017",
        Severity.MEDIUM,
        value,
        before,
        "whoever triggers the DAG can put shell commands into dag_run.conf",
        'Pass it as a variable: env={"DAY": "{{ dag_run.conf[\'day\'] }}"}, and use "$DAY".',
    )


def _host(module: Module, node: ast.expr, before: str, what: str) -> Finding:
    return _finding(
        module,
        "DNG010",
        Severity.HIGH,
        node,
        before,
        f"{what!r} holds secrets of the machine or of Airflow, which are not the DAG's",
        "Use a connection of your own, or the identity that the provider's hook takes by itself.",
    )


def only_said(module: Module) -> set[int]:
    """Texts that do nothing: docstrings, descriptions, messages."""
    found = {id(one.value) for one in module.all(ast.Expr) if isinstance(one.value, ast.Constant)}
    for keyword in module.all(ast.keyword):
        if keyword.arg in _SAID_ONLY:
            found |= {id(node) for node in ast.walk(keyword.value)}
    found |= {id(one.slice) for one in module.all(ast.Subscript)}
    for compared in module.all(ast.Compare):
        found |= {id(one) for one in (compared.left, *compared.comparators)}
    for call in module.all(ast.Call):
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _TALKERS:
            found |= {id(one) for given in call.args for one in ast.walk(given)}
    for statement in module.all(ast.Assign):
        if any(getattr(target, "attr", "") in _SAID_ONLY for target in statement.targets):
            found |= {id(node) for node in ast.walk(statement.value)}
    return found


def _finding(
    module: Module, code: str, severity: Severity, node: ast.expr, before: str, *said: str
) -> Finding:
    """Where it was found; `said` is message and hint. The lines of the text `before` it are counted
    where the file has them."""
    line = node.lineno + before.count("\n")
    place = module.place(node, line if line <= (node.end_lineno or 0) else None)
    message, hint = said
    return Finding(
        code, severity, FindingType.DANGEROUS_OPERATION, module.path, message, hint, *place
    )
