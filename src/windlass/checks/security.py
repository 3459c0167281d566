"""Security: what does harm in Airflow, by what it is called and by when it runs.

Code that only a task runs is judged more mildly than code that Airflow runs at every import.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from windlass.checks.dangers import (
    CALLS,
    CLIENTS,
    DATABASE,
    DATABASE_NAMES,
    EVALUATES,
    LAST_PARTS,
    LOADS,
    PROCESS,
    QUERIES,
    QUERIES_BY_TABLE,
    READS,
    REQUEST,
    SHELL,
    SOCKET,
    Danger,
)
from windlass.checks.effects import check_effects
from windlass.checks.folding import DECODING
from windlass.checks.kinds import is_test_module
from windlass.checks.module import Module, Scope
from windlass.checks.naming import Meaning
from windlass.checks.phrases import check_phrases
from windlass.domain.finding import Finding, FindingType, Severity

_MAX_FINDINGS = 100  # of one file; the next ones say nothing new
_BUILTINS = frozenset({"eval", "exec", "exit", "quit", "getattr", "setattr", "__import__", "print"})
_BUILTINS |= {"input", "breakpoint"}
_REFERENCES = frozenset({"eval", "exec", "os.system", "os.popen", "subprocess.getoutput"})
_REFERENCED = frozenset(name.rpartition(".")[2] for name in _REFERENCES)
_REFERENCED_BYTES = tuple(sorted(name.encode() for name in _REFERENCED))
_WORD = re.compile(rb"\b(?:" + b"|".join(_REFERENCED_BYTES) + rb")\b")
_JUDGED = CALLS.keys() | {"getattr", "__import__", "setattr", "print"}
_JUDGED |= READS | QUERIES_BY_TABLE
_JUDGED |= {"yaml.load", "yaml.load_all", "numpy.load", "torch.load"}
_EXITS = frozenset({"exit", "quit", "sys.exit", "os._exit"})  # at the top, STR010 tells of them
_ODD, _PLACES = (ast.Call, ast.Subscript), (ast.Attribute, ast.Subscript)
_TWISTS = frozenset({"__globals__", "__builtins__", "__subclasses__", "__code__", "__reduce_ex__"})
_ANCESTRY = frozenset({"__class__", "__base__", "__bases__", "__mro__"})
_OPEN_MODULES = frozenset({"os", "subprocess", "builtins", "sys", "socket", "ctypes", "shutil"})
# The options that hold secrets, by Airflow's configuration reference.
_SECRET_OPTIONS = frozenset({"fernet_key", "secret_key", "jwt_secret", "sql_alchemy_conn"})
_SECRET_OPTIONS |= {"sql_alchemy_conn_async", "result_backend", "broker_url", "smtp_password"}
_SECRET_OPTIONS |= {"flower_basic_auth", "backend_kwargs", "bind_password"}
_SECRET_VARIABLE = re.compile(
    rf"__(?:{'|'.join(sorted(_SECRET_OPTIONS))})(?:_CMD)?$", re.IGNORECASE
)
_PROGRAMS = frozenset({"sh"})  # the package of that name makes a function of every program
_HAVE_CLIENTS = frozenset(
    ".".join(parts[: at + 1])
    for parts in (n.split(".") for n in CLIENTS)
    for at in range(len(parts))
)
_CONF = ("airflow.configuration.", "airflow.sdk.configuration.")
_CONF_GET = frozenset({"get", "get_mandatory_value", "getsection", "as_dict", "get_or_raise"})
_READERS = frozenset({"get", "getenv", "pop"})
_NOTED = _CONF_GET | _READERS
# Methods of clients that talk to nobody.
_ADDRESS = re.compile(r"(?:https?|ftp|s3[an]?|gs|gcs|abfss?|wasbs?|hdfs)://")
_PICKLES = ("pickle.", "_pickle.", "cPickle.", "dill.", "cloudpickle.", "marshal.")
_OFFLINE = frozenset(
    {"bucket", "dataset", "close", "mount", "get_paginator", "get_waiter", "pipeline"}
)


def check_security(module: Module) -> list[Finding]:
    """The dangerous operations of one Python file."""
    found: list[Finding] = []
    for one in _Security(module).findings():
        found.append(one)
        if len(found) == _MAX_FINDINGS:
            break
    return found


class _Security:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = module.names
        self.text = module.names.folder.text
        bound = {name for name, meaning in self.names.bound() if meaning.name in _REFERENCES}
        self._referenced = _REFERENCED | bound
        content = module.content  # Python reads other letters than ASCII's as these, too
        named = not content.isascii() or (
            any(word in content for word in _REFERENCED_BYTES) and _WORD.search(content) is not None
        )
        self._has_references = named or bool(bound)
        self._has_variables = b"AIRFLOW__" in content
        self._has_clients = any(_may_be_client(meaning.name) for _, meaning in self.names.bound())

    def findings(self) -> Iterator[Finding]:
        for scope in self.module.scopes:
            for call in scope.all(ast.Call):
                if self._has_references or self._may_matter(call.func):
                    yield from self._check_call(scope, call)
            for part in scope.all(ast.Attribute):
                if part.attr in _TWISTS:
                    yield from self._check_twist(part)
            for item in scope.all(ast.Subscript) if self._has_variables else ():
                yield from self._check_item(item)
            for kind, look in self._statements:
                for statement in scope.nodes.get(kind, ()):
                    yield from look(scope, statement)
            if self._has_references:
                yield from self._check_held(scope)
        yield from self._check_database()
        yield from check_effects(self.module)
        yield from check_phrases(self.module)

    @property
    def _statements(self) -> tuple[tuple[type, Callable[[Scope, Any], Iterator[Finding]]], ...]:
        return (
            (ast.Assign, self._check_assignment),
            (ast.While, self._check_loop),
            (ast.Raise, self._check_raise),
        )

    def _may_matter(self, function: ast.expr) -> bool:
        """Whether `_check_call` may have to say anything of what is called; quick."""
        if isinstance(function, ast.Name):
            return function.id in _BUILTINS or self.names.is_known(function.id)
        if not isinstance(function, ast.Attribute):
            return True
        value, attr = function.value, function.attr
        if attr in LAST_PARTS or attr in _NOTED or self._has_clients or isinstance(value, _ODD):
            return True
        if attr in self.names.attributes:
            return True
        return self._is_program(value)

    def _check_call(self, scope: Scope, call: ast.Call) -> Iterator[Finding]:
        function = call.func
        if self._has_references:
            yield from self._check_references(scope, call)
        if not self._may_matter(function):
            return
        if isinstance(function, ast.Attribute):
            yield from self._check_method(scope, call, function)
            is_program = self._is_program(function.value)
            is_named = function.attr in LAST_PARTS or function.attr in self.names.attributes
            if is_program or not (is_named or isinstance(function.value, _ODD)):
                return
        meaning = self.names.meaning(function)
        if meaning is None or not _is_judged(meaning.name) or self.module.running.is_never(call):
            return
        is_told = scope is self.module.top and b"airflow" in self.module.content.lower()
        if not (is_told and meaning.name in _EXITS):
            at_import = self.module.running.reaches(scope, call)
            yield from self._check_meaning(call, meaning, at_import=at_import)

    def _check_method(
        self, scope: Scope, call: ast.Call, function: ast.Attribute
    ) -> Iterator[Finding]:
        """What the last part of a name and its owner say, whatever the whole name is."""
        if function.attr in _CONF_GET:
            yield from self._check_conf(call, function)
        if function.attr in _READERS:
            yield from self._check_variable(call, call.args[:1])
        if self._is_program(function.value):
            at_import = self.module.running.reaches(scope, call)
            yield from self._danger(call, f"sh.{function.attr}", PROCESS, at_import=at_import)
        elif self._has_clients:
            yield from self._check_client(scope, call, function)

    def _is_program(self, owner: ast.expr) -> bool:
        return self.names.is_bound_to(getattr(owner, "id", None), _PROGRAMS)

    def _check_client(
        self, scope: Scope, call: ast.Call, function: ast.Attribute
    ) -> Iterator[Finding]:
        """`boto3.client("s3").list_buckets()`, also where a name stands for the client."""
        owner: ast.expr | None = function.value
        if isinstance(owner, ast.Name):
            owner = self.names.folder.expression(owner.id)
        if not isinstance(owner, ast.Call) or function.attr in _OFFLINE:
            return
        name = self.names.name_of(owner.func) or ""
        if (name in CLIENTS or _is_hook(name)) and self.module.running.reaches(scope, call):
            yield from self._danger(call, f"{name}(…).{function.attr}", REQUEST, at_import=True)

    def _check_meaning(
        self, call: ast.Call, meaning: Meaning, *, at_import: bool
    ) -> Iterator[Finding]:
        name = meaning.name
        danger = self._danger_of(call, name)
        if name in ("getattr", "__import__"):
            yield from self._check_dynamic(call, name, at_import=at_import)
        elif name == "setattr" and call.args:
            yield from self._check_patch(call, call.args[0])
        elif name == "print" or name.startswith("logging."):
            yield from self._check_printed(call)
        if danger is not None and meaning.hidden:
            severity = Severity.HIGH if at_import or danger.in_task else Severity.MEDIUM
            severity = Severity.HIGH if danger is PROCESS else severity
            yield self._hidden(call, f"{name} is reached by another name", severity)
        elif danger in (EVALUATES, LOADS) and not at_import and self._is_fetched(call):
            yield self._hidden(call, f"{name}(…) runs what another machine sends")
        elif self._is_unreadable(call, name, danger, at_import=at_import):
            yield self._hidden(call, f"{name}(…) runs text that nobody can read before")
        elif danger in (SOCKET, REQUEST) and self._gives_environment(call):
            yield self._given_away(call, name)
        elif danger is not None:
            yield from self._danger(call, name, danger, at_import=at_import)

    def _danger_of(self, call: ast.Call, name: str) -> Danger | None:
        """What a call does, by its name and by what it is given."""
        danger = CALLS.get(name)
        if name in ("yaml.load", "yaml.load_all"):
            return LOADS if _is_unsafe_yaml(call) else None
        if name in QUERIES_BY_TABLE:
            return REQUEST
        if name in READS:
            return REQUEST if _ADDRESS.match(self._beginning(call.args[:1])) else None
        if name == "torch.load":
            return None if _is_true(call, "weights_only") else LOADS
        if name == "numpy.load":
            return LOADS if _is_true(call, "allow_pickle") else None
        if danger is PROCESS and _has_shell(call, self.names.folder.expression):
            return SHELL
        return danger

    def _danger(
        self, node: ast.AST, name: str, danger: Danger, *, at_import: bool
    ) -> Iterator[Finding]:
        severity = danger.at_import if at_import else danger.in_task
        if severity is not None and danger is QUERIES:
            severity = self._in_test(severity)
        if severity is not None:
            when = "while Airflow imports the file" if at_import else "in a task"
            said = f"{name}(…) {danger.does}"
            yield self._finding(node, danger.code, severity, f"{said}, {when}", danger.hint)

    def _check_references(self, scope: Scope, call: ast.Call) -> Iterator[Finding]:
        """`map(eval, texts)`, `Thread(target=os.system)`."""
        given = call.args + [one.value for one in call.keywords] if call.keywords else call.args
        for one in given:
            last = one.id if type(one) is ast.Name else getattr(one, "attr", None)
            meaning = self.names.meaning(one) if last in self._referenced else None
            if meaning and meaning.name in _REFERENCES:
                at_import = self.module.running.reaches(scope, call)
                danger = CALLS[meaning.name]
                yield from self._danger(one, meaning.name, danger, at_import=at_import)

    def _check_held(self, scope: Scope) -> Iterator[Finding]:
        """`{"run": os.system}`, `[exec]`, `os.system if x else y`, `def f(run=os.system)`."""
        for one in _held(scope):
            last = one.id if isinstance(one, ast.Name) else getattr(one, "attr", None)
            if last not in self._referenced or self.names.is_given(one):
                continue
            meaning = self.names.meaning(one)
            if meaning and meaning.name in _REFERENCES:
                at_import = self.module.running.reaches(scope, one)
                danger = CALLS[meaning.name]
                yield from self._danger(one, meaning.name, danger, at_import=at_import)

    def _check_dynamic(self, call: ast.Call, name: str, *, at_import: bool) -> Iterator[Finding]:
        """A name that only running the file would tell."""
        if not call.args:
            return
        if name == "__import__":
            is_open = self.text(call.args[0]) is None
        else:
            owner = self.names.meaning(call.args[0])
            is_risky = owner is not None and owner.name in _OPEN_MODULES
            is_open = is_risky and len(call.args) > 1 and self.text(call.args[1]) is None
        if is_open:
            severity = Severity.HIGH if at_import else Severity.MEDIUM
            yield self._hidden(call, f"{name}(…) takes a name that is made up as it runs", severity)

    def _is_decoded(self, call: ast.Call) -> bool:
        """Whether what is evaluated was encoded."""
        return any(self._decodes(node) for one in call.args[:1] for node in _shallow(one))

    def _is_fetched(self, call: ast.Call) -> bool:
        """Whether what is run comes from another machine: `exec(requests.get(url).text)`."""
        return any(self._fetches(node) for one in call.args[:1] for node in _shallow(one))

    def _fetches(self, node: ast.AST) -> bool:
        found = self.names.folder.expression(node.id) if isinstance(node, ast.Name) else node
        return isinstance(found, ast.Call) and (
            CALLS.get(self.names.name_of(found.func) or "") is REQUEST
        )

    def _is_unreadable(
        self, call: ast.Call, name: str, danger: Danger | None, *, at_import: bool
    ) -> bool:
        """Whether what is evaluated was encoded, or what is loaded stands in the file itself."""
        if danger is EVALUATES:
            return self._is_decoded(call)
        is_load = danger is LOADS and name.startswith(_PICKLES) and not at_import
        return is_load and bool(call.args) and self.text(call.args[0]) is not None

    def _beginning(self, given: Sequence[ast.expr]) -> str:
        """How a text begins, as far as that is written."""
        first = given[0] if given else None
        if isinstance(first, ast.JoinedStr) and first.values:
            first = first.values[0]
        return self.text(first) or ""

    def _decodes(self, node: ast.AST) -> bool:
        found = self.names.folder.expression(node.id) if isinstance(node, ast.Name) else node
        if not isinstance(found, ast.Call):
            return False
        name = self.names.name_of(found.func) or ""
        is_method = isinstance(found.func, ast.Attribute) and found.func.attr == "decode"
        return is_method or name in DECODING or name.startswith("marshal.")

    def _gives_environment(self, call: ast.Call) -> bool:
        given = (*call.args, *(keyword.value for keyword in call.keywords))
        return any(self._is_environment(one) for one in given)

    def _is_environment(self, node: ast.AST, depth: int = 0) -> bool:
        """Whether a value holds all of the environment, not one variable of it."""
        if isinstance(node, ast.Attribute) and self.names.name_of(node) == "os.environ":
            return True
        inner: list[ast.AST] = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Subscript):
            inner = [node.slice]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_whole = node.func.attr in ("copy", "items", "values")
            inner = [*([node.func.value] if is_whole else []), *node.args, *node.keywords]
        return depth < 6 and any(self._is_environment(one, depth + 1) for one in inner)

    def _check_printed(self, call: ast.Call) -> Iterator[Finding]:
        if any(self._is_environment(one) for one in call.args):
            yield self._finding(
                call,
                "DNG020",
                Severity.MEDIUM,
                "the whole environment, with the connections in it, is written to the log",
                "Write the names that you want to see.",
            )
        if any(_is_password(part) for one in call.args for part in _parts_of(one)):
            yield self._finding(
                call,
                "DNG020",
                Severity.MEDIUM,
                "a password is written to the log",
                "Write the name of the connection; Airflow masks only what it knows to be secret.",
            )

    def _given_away(self, call: ast.Call, name: str) -> Finding:
        return self._finding(
            call,
            "DNG020",
            Severity.HIGH,
            f"{name}(…) sends the whole environment, with the connections in it, to somebody",
            "Send the values that are needed, by name.",
        )

    def _check_conf(self, call: ast.Call, function: ast.Attribute) -> Iterator[Finding]:
        """`conf.get("core", "fernet_key")`."""
        name = self.names.name_of(function) or ""
        if not name.startswith(_CONF):
            return
        given = {self.text(one) for one in (*call.args, *(k.value for k in call.keywords))}
        if given & _SECRET_OPTIONS or _is_true(call, "display_sensitive"):
            yield self._secret_of_airflow(call, "its configuration")

    def _check_item(self, node: ast.Subscript) -> Iterator[Finding]:
        """`os.environ["AIRFLOW__CORE__FERNET_KEY"]`."""
        if isinstance(node.ctx, ast.Load):
            yield from self._check_variable(node, [node.slice])

    def _check_variable(self, node: ast.AST, names: Sequence[ast.expr]) -> Iterator[Finding]:
        if not self._has_variables:
            return
        for name in names:
            text = self.text(name) or ""
            if text.startswith("AIRFLOW__") and _SECRET_VARIABLE.search(text):
                yield self._secret_of_airflow(node, "the environment")

    def _secret_of_airflow(self, node: ast.AST, source: str) -> Finding:
        return self._finding(
            node,
            "DNG011",
            self._in_test(),
            f"the file reads a secret of Airflow itself from {source}",
            "Use a connection of your own: whoever has these keys has every connection.",
        )

    def _check_twist(self, node: ast.Attribute) -> Iterator[Finding]:
        """`().__class__.__bases__[0].__subclasses__()`, `f.__globals__["os"]`."""
        if node.attr in ("__subclasses__", "__reduce_ex__"):
            owners = {one.attr for one in _shallow(node.value) if isinstance(one, ast.Attribute)}
            if not owners & _ANCESTRY:
                return
        yield self._hidden(node, f"{node.attr} reaches what the file does not name")

    def _check_assignment(self, scope: Scope, statement: ast.Assign) -> Iterator[Finding]:
        for target in statement.targets:
            if not isinstance(target, _PLACES):
                continue
            at_import = self.module.running.reaches(scope, statement)
            if isinstance(target, ast.Attribute) and at_import:
                yield from self._check_patch(statement, target.value, target.attr)
            elif self.names.name_of(target.value) == "sys.modules":
                severity = Severity.HIGH if at_import else Severity.MEDIUM
                yield self._patched(statement, "sys.modules", severity)

    def _check_patch(
        self, node: ast.AST, owner: ast.expr, attr: str | None = None
    ) -> Iterator[Finding]:
        """Something of Airflow or of Python is replaced for everybody in the process."""
        meaning = self.names.meaning(owner)
        if meaning is None:
            return
        top, _, rest = meaning.name.partition(".")
        last = meaning.name.rpartition(".")[2]
        is_module = bool(rest) and isinstance(owner, ast.Attribute)
        is_of_airflow = top == "airflow" and (last[:1].isupper() or is_module)
        if is_of_airflow or meaning.name in ("builtins", "__builtins__"):
            yield self._patched(node, meaning.name)
        elif f"{meaning.name}.{attr}" in CALLS and self.names.is_known(top):
            yield self._patched(node, f"{meaning.name}.{attr}", Severity.MEDIUM)

    def _check_loop(self, scope: Scope, loop: ast.While) -> Iterator[Finding]:
        is_endless = isinstance(loop.test, ast.Constant) and bool(loop.test.value)
        if not is_endless or not self.module.running.reaches(scope, loop):
            return
        if not any(isinstance(n, ast.Break | ast.Return | ast.Raise) for n in ast.walk(loop)):
            yield self._finding(
                loop,
                "DNG019",
                Severity.HIGH,
                "the import never ends: nothing leaves this loop",
                "Loop in a task, or use a sensor.",
            )

    def _check_raise(self, scope: Scope, error: ast.Raise) -> Iterator[Finding]:
        raised = error.exc.func if isinstance(error.exc, ast.Call) else error.exc
        if isinstance(raised, ast.Name) and raised.id == "SystemExit":
            at_import = self.module.running.reaches(scope, error)
            yield from self._danger(error, "SystemExit", CALLS["sys.exit"], at_import=at_import)

    def _check_database(self) -> Iterator[Finding]:
        wanted = {name for name, m in self.names.bound() if m.name in DATABASE_NAMES}
        for node in self.module.all(ast.Name) if wanted else ():
            if node.id in wanted and isinstance(node.ctx, ast.Load):
                yield self._database(node, node.id)
        for one in self.module.all(ast.Attribute):
            if one.attr in LAST_PARTS and self.names.name_of(one) in DATABASE_NAMES:
                yield self._database(one, self.names.name_of(one) or one.attr)

    def _database(self, node: ast.AST, name: str) -> Finding:
        message = f"{name} {DATABASE.does}"
        return self._finding(node, DATABASE.code, self._in_test(), message, DATABASE.hint)

    def _in_test(self, severity: Severity = Severity.HIGH) -> Severity:
        """The severity of what tests do with an Airflow of their own: they make and remove what
        they need in its database, and put their own in the place of its parts."""
        return Severity.MEDIUM if is_test_module(self.module.path) else severity

    def _patched(self, node: ast.AST, name: str, severity: Severity = Severity.HIGH) -> Finding:
        return self._finding(
            node,
            "DNG012",
            self._in_test(severity),
            f"a part of {name} is replaced for all code in Airflow's process",
            "Derive a class of your own, or wrap the function where you call it.",
        )

    def _hidden(self, node: ast.AST, message: str, severity: Severity = Severity.HIGH) -> Finding:
        hint = "Write the name and the code as they are; what is needed can be said plainly."
        return self._finding(node, "DNG007", severity, message, hint)

    def _finding(
        self, node: ast.AST, code: str, severity: Severity, message: str, hint: str
    ) -> Finding:
        kind, path, place = FindingType.DANGEROUS_OPERATION, self.module.path, self.module.place
        return Finding(code, severity, kind, path, message, hint, *place(node))


def _held(scope: Scope) -> Iterator[ast.expr]:
    """Expressions that are kept, handed on or chosen, and not called where they stand."""
    for dictionary in scope.all(ast.Dict):
        yield from dictionary.values
    for row in scope.all(ast.List):
        yield from row.elts
    for pair in scope.all(ast.Tuple):
        yield from pair.elts
    for choice in scope.all(ast.IfExp):
        yield from (choice.body, choice.orelse)
    for either in scope.all(ast.BoolOp):
        yield from either.values
    for given in scope.all(ast.arguments):
        yield from (*given.defaults, *(one for one in given.kw_defaults if one is not None))
    for function in scope.all(ast.FunctionDef):
        yield from function.decorator_list
    for made in scope.all(ast.ClassDef):
        yield from made.decorator_list


def _parts_of(node: ast.expr) -> Iterator[ast.expr]:
    """What is written of an argument of `print`: itself, and what stands in its braces."""
    yield node
    for part in node.values if isinstance(node, ast.JoinedStr) else ():
        if isinstance(part, ast.FormattedValue):
            yield part.value


def _is_password(node: ast.expr) -> bool:
    """`conn.password`, `conn.get_uri()`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("get_uri", "get_password")
    return isinstance(node, ast.Attribute) and node.attr == "password"


def _is_hook(name: str) -> bool:
    return name.startswith("airflow.") and name.endswith("Hook")


def _may_be_client(name: str) -> bool:
    """Whether what is imported is a client, or a module that has some."""
    return name in _HAVE_CLIENTS or _is_hook(name)


def _is_judged(name: str) -> bool:
    """Whether anything is said of a call of that name."""
    return name in _JUDGED or name.startswith("logging.")


def _is_true(call: ast.Call, name: str) -> bool:
    given = next((k.value for k in call.keywords if k.arg == name), None)
    return isinstance(given, ast.Constant) and given.value is True


def _has_shell(call: ast.Call, options: Callable[[str], ast.expr | None]) -> bool:
    """Whether a process is started through a shell, also where only running it would tell.
    `options` gives what a name stands for: `run(command, **OPTIONS)`."""
    given = next((k.value for k in call.keywords if k.arg == "shell"), None)
    for keyword in call.keywords if given is None else ():
        held = keyword.value if keyword.arg is None else None
        held = options(held.id) if isinstance(held, ast.Name) else held
        if isinstance(held, ast.Dict):
            pairs = zip(held.keys, held.values, strict=True)
            given = next((v for k, v in pairs if getattr(k, "value", None) == "shell"), given)
    return given is not None and not (isinstance(given, ast.Constant) and not given.value)


def _shallow(node: ast.AST, depth: int = 0) -> Iterator[ast.AST]:
    """A node and what it is made of, a few levels deep."""
    yield node
    if depth < 6:
        for child in ast.iter_child_nodes(node):
            yield from _shallow(child, depth + 1)


def _is_unsafe_yaml(call: ast.Call) -> bool:
    given = next((k.value for k in call.keywords if k.arg == "Loader"), None)
    given = call.args[1] if given is None and len(call.args) > 1 else given
    if given is None:
        return True
    last = given.attr if isinstance(given, ast.Attribute) else getattr(given, "id", "")
    return last in ("Loader", "CLoader", "UnsafeLoader", "CUnsafeLoader")
