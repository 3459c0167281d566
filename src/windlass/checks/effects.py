"""What importing a file leaves behind: files, variables of the process, where modules come from."""

import ast
import re
from collections.abc import Iterator

from windlass.checks.module import Module
from windlass.domain.finding import Finding, FindingType, Severity

_HIGH, _MEDIUM = Severity.HIGH, Severity.MEDIUM
_MODE = re.compile(r"[rwax][bt+]{0,3}")
_WRITING = re.compile(r"[wax+]")
# Where a file is code, or settings, that something runs or believes later.
_RUN_LATER = re.compile(
    r"\.(?:py|pth|so|pyc)$|^(?:/etc/|/usr/|/bin/|/lib)|/plugins/|site-packages|airflow\.cfg$"
    r"|(?:^|/)\.(?:ssh|aws|kube|docker)/|\.(?:bashrc|bash_profile|profile|netrc)$|/cron"
)
_SCRATCH = re.compile(r"/(?:tmp|var/tmp|dev/shm)(?:/|$)")
_TO_SECOND = frozenset(
    {
        *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move")),
        *(f"os.{name}" for name in ("rename", "renames", "replace", "symlink", "link")),
    }
)
_TO_FIRST = frozenset({"os.chmod", "os.chown", "os.mkfifo", "shutil.unpack_archive"})
_FINDERS = frozenset(
    f"sys.{holder}.{method}"
    for holder in ("meta_path", "path_hooks")
    for method in ("insert", "append", "extend", "clear")
)
_PATHS = frozenset({"sys.path.insert", "sys.path.append", "sys.path.extend"})
_SETTERS = frozenset({"os.environ.setdefault", "os.putenv"})
_LAST = frozenset(
    name.rpartition(".")[2] for name in (*_TO_SECOND, *_TO_FIRST, *_FINDERS, *_PATHS, *_SETTERS)
)
_LOADED = frozenset({"LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP"})
_WRITERS = frozenset({"write_text", "write_bytes"})
_ALL = _LAST | _WRITERS | {"open", "extractall"}
_NAMED = frozenset(
    {*_TO_SECOND, *_TO_FIRST, *_FINDERS, *_PATHS, *_SETTERS, "io.open", "codecs.open"}
)
_MODULES = frozenset({"os", "shutil", "sys", "pathlib", "io", "codecs", "tarfile", "zipfile"})
_HINT = "Do it in a task: importing happens every few seconds, in Airflow's own processor."


def check_effects(module: Module) -> Iterator[Finding]:
    """What one file changes while Airflow imports it."""
    tops = {whole.partition(".")[0] for _, whole in module.imports}
    if b"open(" in module.content or not tops.isdisjoint(_MODULES):
        yield from _Effects(module).all()


class _Effects:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.text = module.names.folder.text
        self._sets_variables = b"environ" in module.content

    def all(self) -> Iterator[Finding]:
        for scope in self.module.scopes:
            for call in scope.all(ast.Call):
                function = call.func
                last = function.attr if isinstance(function, ast.Attribute) else None
                last = function.id if isinstance(function, ast.Name) else last
                is_one = last in _ALL or self.module.names.is_bound_to(last, _NAMED)
                if is_one and self.module.running.reaches(scope, call):
                    yield from self._call(call, last or "")
            for given in scope.all(ast.Assign) if self._sets_variables else ():
                for target in given.targets:
                    if isinstance(target, ast.Subscript) and self.module.running.reaches(
                        scope, given
                    ):
                        yield from self._variable(given, target.value, target.slice)

    def _call(self, call: ast.Call, last: str) -> Iterator[Finding]:
        function = call.func
        if last in _WRITERS and isinstance(function, ast.Attribute):
            yield self._written(call, last, function.value)
        elif last == "extractall":
            given = [k.value for k in call.keywords if k.arg == "path"]
            yield self._written(call, last, *(call.args[:1] or given))
        elif last == "open":
            yield from self._opened(call)
        else:
            yield from self._named(call, self.module.names.name_of(function) or "")

    def _named(self, call: ast.Call, name: str) -> Iterator[Finding]:
        if name in _TO_SECOND:
            yield self._written(call, name, *call.args[1:2])
        elif name in _TO_FIRST:
            yield self._written(call, name, *call.args[:1])
        elif name in _FINDERS:
            yield self._finding(
                call,
                "DNG014",
                _HIGH,
                f"{name}(…) decides for all code in Airflow's process what an import finds",
                "Leave it out; put modules into the DAG root, or install them with the image.",
            )
        elif name in _PATHS and any(_SCRATCH.match(self.text(one) or "") for one in call.args):
            yield self._finding(
                call,
                "DNG014",
                _MEDIUM,
                f"{name}(…) lets Python import from a folder that everybody may write to",
                "Put the modules into the DAG root, or install them with Airflow's image.",
            )
        elif name in _SETTERS and call.args:
            yield from self._set(call, self.text(call.args[0]) or "")

    def _opened(self, call: ast.Call) -> Iterator[Finding]:
        """`open(path, "w")`, and `Path(…).open("w")`."""
        function = call.func
        named = [k.value for k in call.keywords if k.arg == "mode"]
        is_method = isinstance(function, ast.Attribute) and self.module.names.name_of(
            function
        ) not in ("io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "tarfile.open")
        modes = named or call.args[0 if is_method else 1 :][:1]
        mode = self.text(modes[0]) if modes else None
        if not mode or not _MODE.fullmatch(mode) or not _WRITING.search(mode):
            return
        if is_method and isinstance(function, ast.Attribute):
            yield self._written(call, "open", function.value)
        else:
            yield self._written(call, "open", *call.args[:1])

    def _written(self, call: ast.Call, name: str, *where: ast.expr) -> Finding:
        path = (self.text(where[0]) if where else None) or ""
        is_code = _RUN_LATER.search(path) is not None
        what = "code or settings that are run later" if is_code else "files"
        return self._finding(
            call,
            "DNG021",
            _HIGH if is_code else _MEDIUM,
            f"{name}(…) changes {what} while Airflow imports the file",
            _HINT,
        )

    def _variable(self, node: ast.Assign, owner: ast.expr, key: ast.expr) -> Iterator[Finding]:
        """`os.environ["LD_PRELOAD"] = …`."""
        if self.module.names.name_of(owner) == "os.environ":
            yield from self._set(node, self.text(key) or "")

    def _set(self, node: ast.AST, name: str) -> Iterator[Finding]:
        if name in _LOADED:
            yield self._finding(
                node,
                "DNG014",
                _HIGH,
                f"{name} makes every program that is started from here load other code",
                "Leave it out; put libraries into Airflow's image.",
            )

    def _finding(
        self, node: ast.AST, code: str, severity: Severity, message: str, hint: str
    ) -> Finding:
        kind, path, place = FindingType.DANGEROUS_OPERATION, self.module.path, self.module.place
        return Finding(code, severity, kind, path, message, hint, *place(node))
