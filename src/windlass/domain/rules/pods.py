"""Rules of the family pods: templates and overrides that Kubernetes or Airflow would refuse, and
what gives a pod power over its node."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Rule, Waiving

_POD = """apiVersion: v1
kind: Pod
metadata:
  name: worker
spec:
  restartPolicy: Never
  containers:
    - name: base
      image: registry.example/airflow:3.3.2
"""
_ADVICE = ("POD012", "POD013")
_CODE = """from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

load = KubernetesPodOperator(task_id="load", image="registry.example/load:1.2", {})
"""


def _rule(
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    *,
    bad: str,
    good: str = _POD,
    untried: str = "",
) -> Rule:
    path = "orders.py" if bad.startswith("from") else "pod_template.yaml"
    return Rule(
        code=code,
        family="pods",
        type=FindingType.POD,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad={path: bad},
        good={path: good},
        waiving=Waiving.INLINE if code in _ADVICE else Waiving.CONTROL,
        untried=untried,
    )


def _container(more: str) -> str:
    return _POD + "".join(f"      {line}\n" for line in more.splitlines())


RULES = (
    _rule(
        "POD001",
        Severity.HIGH,
        "A pod template is no YAML",
        "Airflow reads the template whenever it starts a task; one that cannot be read has stopped "
        "schedulers.",
        "Mend the place that is marked.",
        bad=_POD + "  volumes: [data: {}\n",
    ),
    _rule(
        "POD002",
        Severity.HIGH,
        "A pod template is no Pod of apiVersion v1 with a spec",
        "There is no other version of Pod, and a pod without a spec has no container to run.",
        "Begin it with `apiVersion: v1`, `kind: Pod`, and give it a `spec`.",
        bad=_POD.replace("apiVersion: v1", "apiVersion: v2"),
    ),
    _rule(
        "POD003",
        Severity.HIGH,
        "The first container is not named base",
        "Airflow puts the task into the first container and finds it again by the name `base`: "
        "its command, its logs and its end are looked for there. Of a pod that may be no template "
        "it is advice.",
        "Name the first container `base`; sidecars come after it.",
        bad=_POD.replace("name: base", "name: main"),
    ),
    _rule(
        "POD004",
        Severity.HIGH,
        "An executor_config does not say what its executor reads",
        "The Kubernetes executor reads `pod_override`, which must be a `V1Pod` of the client; it "
        "raises over anything else when it starts the task. Keys that it does not know do nothing.",
        "Write `{'pod_override': k8s.V1Pod(spec=k8s.V1PodSpec(…))}`.",
        bad=_CODE.format('executor_config={"pod_override": {"spec": {}}}'),
        good=_CODE.format('executor_config={"pod_override": k8s.V1Pod()}'),
    ),
    _rule(
        "POD005",
        Severity.HIGH,
        "A pod has a field that there is not, or lacks one that must be there",
        "Kubernetes drops a field that it does not know, so a misspelt one does nothing; a model "
        "of the client raises. What is like no known field is advice: it may be of a newer "
        "Kubernetes.",
        "Write the field as the finding says.",
        bad=_container("imagePullPolicyy: Always"),
        good=_container("imagePullPolicy: Always"),
    ),
    _rule(
        "POD006",
        Severity.HIGH,
        "A value of a pod is of the wrong type",
        "Kubernetes refuses the pod, and the task fails each time it is started.",
        "Write the type that the finding names. Numbers and flags in variables, labels and "
        "annotations go into quotes.",
        bad=_container("imagePullPolicy: always"),
        good=_container("imagePullPolicy: Always"),
    ),
    _rule(
        "POD007",
        Severity.HIGH,
        "The name of a container or a volume cannot be one",
        "Kubernetes takes lower-case letters, digits and `-`, at most 63, and each name once.",
        "Rename it.",
        bad=_POD + "    - name: Side_Car\n      image: registry.example/sidecar:1\n",
        good=_POD + "    - name: sidecar\n      image: registry.example/sidecar:1\n",
    ),
    _rule(
        "POD008",
        Severity.HIGH,
        "An amount of CPU or memory cannot be one",
        "Kubernetes takes `500m` or `2` of CPU and `512Mi` or `2Gi` of memory, and no request "
        "above its limit. A thousandth of a byte, `512m`, is taken, and never meant: that is "
        "advice.",
        "Write the amount in a unit that Kubernetes knows.",
        bad=_container("resources:\n  limits: {memory: 512MB}"),
        good=_container("resources:\n  limits: {memory: 512Mi}"),
    ),
    _rule(
        "POD009",
        Severity.HIGH,
        "A container is privileged, or nearly so",
        "A privileged container may do on its node whatever root may, so whoever may write a DAG "
        "could read every secret of every pod there. To run as root and to allow escalation are "
        "advice.",
        "Take it away. Where a job truly needs it, let the cluster's policy and a waiver say so.",
        bad=_container("securityContext: {privileged: true}"),
        good=_container("securityContext: {privileged: false}"),
    ),
    _rule(
        "POD010",
        Severity.CRITICAL,
        "A pod uses its node: its network, its processes or its files",
        "It leaves its isolation. The socket of the container runtime is worst: who has it can "
        "start containers that own the node. A folder for scratch, such as `/tmp`, is advice.",
        "Use a claim, a ConfigMap, a Secret or an emptyDir in place of `hostPath`; build images "
        "elsewhere.",
        bad=_POD + "  volumes:\n    - name: docker\n      hostPath: {path: /var/run/docker.sock}\n",
        good=_POD + "  volumes:\n    - name: data\n      emptyDir: {}\n",
    ),
    _rule(
        "POD011",
        Severity.HIGH,
        "A variable of a container holds a secret in plain text",
        "It lies in the repository, in every release and in every pod, for all to read who may "
        "list pods.",
        "Give it by `valueFrom.secretKeyRef`, or by `Secret()` of the operator; change the secret.",
        bad=_container("env:\n  - name: DB_PASSWORD\n    value: correct-horse-battery"),
        good=_container(
            "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef: {name: db}"
        ),
    ),
    _rule(
        "POD012",
        Severity.LOW,
        "An image has no tag, or latest",
        "The same release may run another program tomorrow, and a rollback does not bring it back.",
        "Name a version or a digest.",
        bad=_POD.replace(":3.3.2", ":latest"),
    ),
    _rule(
        "POD013",
        Severity.MEDIUM,
        "A pod would start its task again by itself",
        "Retries are Airflow's: a container that Kubernetes starts again runs the task a second "
        "time under the same try.",
        "Write `restartPolicy: Never`.",
        bad=_POD.replace("Never", "Always"),
    ),
    _rule(
        "POD014",
        Severity.LOW,
        "A pod template was not checked",
        "The environment's Python has no PyYAML, with which Airflow reads templates too.",
        "Name the Python that runs Airflow.",
        bad=_POD,
        untried="Airflow brings PyYAML; only another Python lacks it",
    ),
)
