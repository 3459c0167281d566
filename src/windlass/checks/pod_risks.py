"""What gives a pod power over its node, or shows a secret to whoever may see pods."""

import re
from collections.abc import Iterator

from windlass.checks.pod_schema import TYPES, field_of
from windlass.checks.pod_shape import Flaw
from windlass.checks.pod_values import Value
from windlass.domain.finding import Severity

_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock")
_SCRATCH = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # of the node, for all to write
_MIGHTY = frozenset({"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "BPF"})
_SECRET_NAME = re.compile(
    r"(?i)(^|.*_)(PASSWORD|PASSWD|PASSPHRASE|PGPASSWORD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY"
    r"|PRIVATE_?KEY|SECRET_?KEY|CREDENTIALS?)"
)
_NO_SECRET = re.compile(
    r"(?i)[<{$]|^(true|false|none|null|[0-9]{1,3}|.*change.?me.*|x+|\*+)$|^[/.]"
    r"|^[a-z][a-z0-9+.-]{1,20}://[^@]*$"  # where it is: vault://etl/minio#secret_key
)
_HOST = {"hostNetwork": "network", "hostPID": "processes", "hostIPC": "shared memory"}


def risk_flaws(value: Value, kind: str) -> Iterator[Flaw]:
    """What is dangerous about a value of a type, and about what lies in it."""
    if value.kind != "map" or kind not in TYPES:
        return
    known = _known(value, kind)
    if kind == "PodSpec":
        yield from _host_flaws(known)
    elif kind == "HostPathVolumeSource":
        yield _host_path(known.get("path") or value)
    elif kind in ("SecurityContext", "PodSecurityContext"):
        yield from _context_flaws({**value.entries, **known})  # of a pod too: it is meant so
    elif kind == "EnvVar":
        yield from _secret_flaws(known)
    elif kind == "Container":
        yield from _image_flaws(known)
    for field, item in known.items():
        inner = TYPES[kind][field]
        for one in item.items if inner.endswith("[]") else (item,):
            yield from risk_flaws(one, inner.removesuffix("[]"))


def _known(value: Value, kind: str) -> dict[str, Value]:
    in_python = bool(value.model)
    found = {field_of(kind, key, in_python=in_python): item for key, item in value.entries.items()}
    return {field: item for field, item in found.items() if field is not None}


def _host_flaws(known: dict[str, Value]) -> Iterator[Flaw]:
    for field, what in _HOST.items():
        found = known.get(field)
        if found is not None and found.plain is True:
            message = f"{field} gives the pod the {what} of its node"
            yield Flaw("POD010", Severity.HIGH, found, message, "Take it away.")


def _host_path(at: Value) -> Flaw:
    path = at.plain if isinstance(at.plain, str) else "…"
    if path.endswith(_SOCKETS):
        return Flaw(
            "POD010",
            Severity.CRITICAL,
            at,
            f"the volume is {path[:60]!r}: who has it rules the node",
            "Build images outside of Airflow, or with a builder that needs no such socket.",
        )
    is_scratch = path.rstrip("/").startswith(_SCRATCH)  # Airflow's own example has /tmp
    return Flaw(
        "POD010",
        Severity.MEDIUM if is_scratch else Severity.HIGH,
        at,
        f"the volume is the folder {path[:60]!r} of the node",
        "Use a PersistentVolumeClaim, a ConfigMap, a Secret or an emptyDir.",
    )


def _context_flaws(known: dict[str, Value]) -> Iterator[Flaw]:
    privileged = known.get("privileged")
    if privileged is not None and privileged.plain is True:
        message = "a privileged container may do on its node whatever root may"
        yield Flaw("POD009", Severity.HIGH, privileged, message, "Take it away.")
    rising = known.get("allowPrivilegeEscalation")
    if rising is not None and rising.plain is True:
        message = "allowPrivilegeEscalation lets a program get more rights than it began with"
        yield Flaw("POD009", Severity.MEDIUM, rising, message, "Write false.")
    shown = known.get("procMount")
    if shown is not None and shown.plain == "Unmasked":
        message = "procMount Unmasked shows the container all of its node's /proc"
        yield Flaw("POD009", Severity.MEDIUM, shown, message, "Take it away.")
    user = known.get("runAsUser")
    if user is not None and user.plain == 0 and not isinstance(user.plain, bool):
        message = "runAsUser 0 is root"
        yield Flaw("POD009", Severity.LOW, user, message, "Use an account of its own.")
    capabilities = known.get("capabilities")
    added = capabilities.get("add") if capabilities is not None else None
    for one in added.items if added is not None else ():
        name = str(one.plain).upper().removeprefix("CAP_")
        if name in _MIGHTY:
            message = f"the capability {name} is nearly as much as being privileged"
            yield Flaw("POD009", Severity.HIGH, one, message, "Add only what is needed.")


def _secret_flaws(known: dict[str, Value]) -> Iterator[Flaw]:
    name, value = known.get("name"), known.get("value")
    if name is None or value is None or not isinstance(value.plain, str):
        return
    if not _SECRET_NAME.fullmatch(str(name.plain)):
        return
    text = value.plain
    if len(text) < 4 or _NO_SECRET.search(text) or _is_same(text, str(name.plain)):
        return
    yield Flaw(
        "POD011",
        Severity.HIGH,
        value,
        f"the variable {str(name.plain)[:60]!r} holds its secret in plain text",
        "Give it by valueFrom.secretKeyRef, or by Secret() of the operator.",
    )


def _is_same(text: str, name: str) -> bool:
    """Whether a value only says its own name again, as of a key in a Secret."""
    return re.sub(r"[-_.]", "", text).lower() in re.sub(r"[-_.]", "", name).lower()


def _image_flaws(known: dict[str, Value]) -> Iterator[Flaw]:
    image = known.get("image")
    if image is None or not isinstance(image.plain, str) or not image.plain:
        return
    text = image.plain
    if "{{" in text or "@" in text or "$" in text:
        return
    tag = text.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        message = f"the image {text[:80]!r} has no tag, or 'latest': it may be another one tomorrow"
        yield Flaw("POD012", Severity.LOW, image, message, "Name a version, or a digest.")
