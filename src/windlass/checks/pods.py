"""Pods: templates in YAML, and what DAG files say with Kubernetes' client or as dicts.

A pod that Kubernetes refuses fails its task, and one that Airflow cannot read may stop its
scheduler; both are found here, before anything runs.
"""

import ast
import re
from collections.abc import Iterator

from windlass.checks.aliases import dotted, imported_names, keyword, last_part
from windlass.checks.excerpt import with_excerpt
from windlass.checks.module import Module
from windlass.checks.pod_risks import risk_flaws
from windlass.checks.pod_schema import TYPES
from windlass.checks.pod_shape import Flaw, shape_flaws
from windlass.checks.pod_values import (
    Expressions,
    Unreadable,
    Value,
    model_of,
    read_keywords,
    read_python,
    read_yaml,
)
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.nearest import suggest

MAX_BYTES = 300_000
_IS_POD = re.compile(rb"(?m)^kind:[ \t]*[\"']?Pod[\"']?[ \t]*(#.*)?\r?$")
_MAY_BE_POD = re.compile(rb"\bkind[\"']?[ \t]{0,9}:[ \t]{0,9}[\"']?Pod\b")  # in braces, say
_IS_TEMPLATE = re.compile(r"(?i)(pod|worker|executor)[^/]*templ|templ[^/]*pod|pod_?templates?/")
_BASE = "base"
# How KubernetesPodOperator calls parts of a pod; cncf.kubernetes 10.
_OPERATOR_PARTS = {
    "container_resources": "ResourceRequirements",
    "container_security_context": "SecurityContext",
    "security_context": "PodSecurityContext",
    "volumes": "Volume[]",
    "volume_mounts": "VolumeMount[]",
    "tolerations": "Toleration[]",
    "ports": "ContainerPort[]",
    "init_containers": "Container[]",
    "image_pull_policy": "imagePullPolicy",
    "hostnetwork": "bool",
    "labels": "str{}",
    "annotations": "str{}",
    "full_pod_spec": "Pod",
    "pod_template_dict": "Pod",
}
_WORDS = (b"kubernetes", b"executor_config", b"docker")
# Whoever has these of a machine has the machine.
_WHOLE = frozenset({"/", "/etc", "/root", "/var/run", "/run", "/proc", "/dev"})
_EXECUTOR_KEYS = ("pod_override", "pod_template_file")


def is_pod_file(path: str, content: bytes) -> bool:
    """Whether a file is YAML, or JSON, that may say it is a pod."""
    is_yaml = path.lower().endswith((".yaml", ".yml", ".json"))
    return is_yaml and len(content) <= MAX_BYTES and _MAY_BE_POD.search(content) is not None


def check_pod_file(path: str, content: bytes) -> list[Finding]:
    """Judge every pod of a YAML file; nothing of a file that is none."""
    if not is_pod_file(path, content):
        return []
    flaws: list[Flaw] = []
    try:
        for document in read_yaml(content.decode("utf-8", "replace")):
            for one in (document, *_items(document)):
                kind = one.get("kind")
                if kind is not None and kind.plain == "Pod":
                    flaws += _template_flaws(path, one)
    except Unreadable as error:
        if b"{{" in content or b"{%" in content:
            return []  # a template of a template: only rendering it would tell
        if not _IS_POD.search(content):
            return []  # something else may be of that kind, deep in it
        at = Value("unknown", error.line, 1)
        flaws.append(
            Flaw(
                "POD001",
                Severity.HIGH,
                at,
                f"the pod template is no YAML: {error.what}",
                "Mend it; Airflow cannot start a pod from it.",
            )
        )
    except ImportError:
        at = Value("unknown", 1, 1)
        message = "the pod template was not checked: the environment's Python has no PyYAML"
        flaws.append(
            Flaw("POD014", Severity.LOW, at, message, "Airflow brings PyYAML: is it there?")
        )
    return [*dict.fromkeys(_finding(path, flaw) for flaw in flaws)]  # an alias tells it again


def _items(document: Value) -> tuple[Value, ...]:
    """What a List of Kubernetes holds."""
    kind, items = document.get("kind"), document.get("items")
    is_list = kind is not None and str(kind.plain).endswith("List")
    return items.items if is_list and items is not None else ()


def check_pod_code(module: Module) -> list[Finding]:
    """Judge what a DAG file says about pods, as far as it is written out."""
    if not any(word in module.content for word in _WORDS):
        return []
    names = imported_names(module)
    found = [_finding(module.path, flaw) for flaw in _code_flaws(module, names)]
    return [with_excerpt(one, module.content) for one in dict.fromkeys(found)]


def _template_flaws(path: str, pod: Value) -> list[Flaw]:
    flaws = [*shape_flaws(pod, "Pod", ""), *risk_flaws(pod, "Pod")]
    version = pod.get("apiVersion")
    if version is None or version.plain != "v1":
        flaws.append(
            Flaw(
                "POD002", Severity.HIGH, version or pod, "a Pod is of apiVersion v1", "Write it so."
            )
        )
    spec = pod.get("spec")
    if spec is None:
        flaws.append(
            Flaw("POD002", Severity.HIGH, pod, "the pod has no spec", "Give it its containers.")
        )
        return flaws
    is_template = _IS_TEMPLATE.search(path) is not None
    flaws += _base_flaws(spec, Severity.HIGH if is_template else Severity.MEDIUM)
    restart = spec.get("restartPolicy")
    if restart is not None and restart.plain in ("Always", "OnFailure"):
        message = f"restartPolicy {restart.plain!r} would start a task again behind Airflow's back"
        flaws.append(Flaw("POD013", Severity.MEDIUM, restart, message, "Write Never."))
    return flaws


def _base_flaws(spec: Value, severity: Severity) -> Iterator[Flaw]:
    """The first container must be the one that Airflow puts its task into."""
    containers = spec.get("containers")
    if containers is None or not containers.items:
        return
    name = containers.items[0].get("name")
    if name is not None and name.kind == "scalar" and name.plain != _BASE:
        yield Flaw(
            "POD003",
            severity,
            name,
            f"the first container is named {str(name.plain)[:60]!r}: Airflow runs the task in the "
            f"first one, and knows it by the name {_BASE!r}",
            f"Name it {_BASE!r}; sidecars come after it.",
        )


# ------------------------------------------------------------------------------------------ code


def _code_flaws(module: Module, names: dict[str, str]) -> Iterator[Flaw]:
    calls, stands_for = module.all(ast.Call), module.names.folder.expression
    models = [call for call in calls if model_of(call, names)]
    inner = {id(one) for call in models for key in call.keywords for one in _direct(key.value)}
    for call in models:
        model = model_of(call, names)
        if id(call) not in inner and model in TYPES:
            value = read_python(call, names, stands_for)
            yield from shape_flaws(value, model, "")
            yield from risk_flaws(value, model)
    for call in calls:
        yield from _call_flaws(call, names, stands_for)
    for assign in module.all(ast.Assign):
        if any(isinstance(t, ast.Name) and "executor_config" in t.id for t in assign.targets):
            yield from _executor_flaws(assign.value, names, stands_for)


def _call_flaws(call: ast.Call, names: dict[str, str], stands_for: Expressions) -> Iterator[Flaw]:
    config = keyword(call, "executor_config")
    if isinstance(config, ast.Name):
        config = stands_for(config.id)
    if config is not None:
        yield from _executor_flaws(config, names, stands_for)
    name = dotted(call.func, names).removesuffix(".partial")
    if last_part(name).startswith("KubernetesPod"):
        yield from _operator_flaws(call, names, stands_for)
    elif last_part(name) in ("DockerOperator", "DockerSwarmOperator"):
        yield from _docker_flaws(read_keywords(call, names, stands_for)[0])
    elif name.startswith("docker.") and last_part(name) == "Mount":
        yield from _mount_flaws(read_keywords(call, names, stands_for)[0])


def _direct(node: ast.expr) -> Iterator[ast.expr]:
    """The calls that are a value, or in a list or dict that is."""
    if isinstance(node, ast.Call):
        yield node
    elif isinstance(node, ast.List | ast.Tuple):
        for one in node.elts:
            yield from _direct(one)
    elif isinstance(node, ast.Dict):
        for one in node.values:
            yield from _direct(one)


def _docker_flaws(given: dict[str, Value]) -> Iterator[Flaw]:
    privileged = given.get("privileged")
    if privileged is not None and privileged.plain is True:
        message = "a privileged container may do on its machine whatever root may"
        yield Flaw("POD009", Severity.HIGH, privileged, message, "Take it away.")


def _mount_flaws(given: dict[str, Value]) -> Iterator[Flaw]:
    source = given.get("source")
    kind = given.get("type")
    path = str(source.plain) if source is not None else ""
    is_bound = kind is not None and kind.plain == "bind"
    if source is not None and is_bound and path and (path.rstrip("/") or "/") in _WHOLE:
        message = f"the container gets {path[:60]!r} of its machine"
        yield Flaw("POD010", Severity.HIGH, source, message, "Mount the folder that it needs.")


def _executor_flaws(
    config: ast.expr, names: dict[str, str], stands_for: Expressions
) -> Iterator[Flaw]:
    value = read_python(config, names, stands_for)
    for key, part in value.entries.items():
        if key == "KubernetesExecutor":
            message = "executor_config has the key 'KubernetesExecutor', which Airflow 2 dropped"
            hint = "Write {'pod_override': V1Pod(…)}."
            yield Flaw("POD004", Severity.MEDIUM, part, message, hint)
        elif key not in _EXECUTOR_KEYS and "Did you mean" in (near := suggest(key, _EXECUTOR_KEYS)):
            message = f"executor_config has the key {key[:60]!r}, which no executor reads"
            yield Flaw("POD004", Severity.HIGH, part, message, near)
    override = value.get("pod_override")
    if override is None or override.kind == "unknown":
        return
    if override.model != "Pod":
        what = f"a V1{override.model}" if override.model else f"a {override.kind}"
        yield Flaw(
            "POD004",
            Severity.HIGH,
            override,
            f"pod_override is {what}: expected a V1Pod of kubernetes.client",
            "Airflow refuses all else when it starts the task: write V1Pod(spec=V1PodSpec(…)).",
        )
        if not override.model:
            yield from shape_flaws(override, "Pod", "")
            yield from risk_flaws(override, "Pod")
    spec = override.get("spec")
    if spec is not None:
        yield from _base_flaws(spec, Severity.HIGH)


def _operator_flaws(
    call: ast.Call, names: dict[str, str], stands_for: Expressions
) -> Iterator[Flaw]:
    given, _ = read_keywords(call, names, stands_for)
    for name, kind in _OPERATOR_PARTS.items():
        value = given.get(name)
        if value is None or value.model or any(item.model for item in value.items):
            continue  # models are looked at where they are made
        if name in ("volumes", "volume_mounts", "init_containers", "ports", "tolerations"):
            continue  # lists of models, or of what only running tells
        yield from shape_flaws(value, kind, name)
        if kind in TYPES:
            yield from risk_flaws(value, kind)
    yield from risk_flaws(_as_container(call, given), "Container")
    network = given.get("hostnetwork")
    if network is not None and network.plain is True:
        yield from risk_flaws(_spec_with(network), "PodSpec")


def _as_container(call: ast.Call, given: dict[str, Value]) -> Value:
    """What KubernetesPodOperator makes its container of."""
    entries = {key: given[key] for key in ("image",) if key in given}
    variables = given.get("env_vars")
    if variables is not None and variables.kind == "map" and not variables.model:
        items = tuple(
            Value(
                "map",
                value.line,
                value.column,
                entries={"name": Value("scalar", value.line, value.column, key), "value": value},
            )
            for key, value in variables.entries.items()
        )
        entries["env"] = Value("list", variables.line, variables.column, items=items)
    return Value("map", call.lineno, call.col_offset + 1, entries=entries)


def _spec_with(network: Value) -> Value:
    return Value("map", network.line, network.column, entries={"hostNetwork": network})


def _finding(path: str, flaw: Flaw) -> Finding:
    return Finding(
        flaw.code,
        flaw.severity,
        FindingType.POD,
        path,
        flaw.message,
        flaw.hint,
        flaw.at.line,
        flaw.at.column,
    )
