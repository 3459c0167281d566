"""`docker` and `kubernetes_pod`: a container image is run."""

from windlass.compiler.pipelines.code import Code, arguments, call
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CONNECTION, matching
from windlass.compiler.shapes import Choice, Either, Flag, Key, Listing, Names, Record, Text

_IMAGE = matching(r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,400}$", "image", "ghcr.io/company/etl:1.4")
_QUANTITY = matching(
    r"^[0-9]{1,9}(?:\.[0-9]{1,3})?(?:m|k|Ki|M|Mi|G|Gi|T|Ti)?$", "quantity", "500m or 2Gi"
)
_LABEL = matching(r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", "name in Kubernetes", "data-jobs")
_WORDS = Listing(Text(), "the word", 200)


def _emit_docker(config: Config, code: Code) -> tuple[Part, ...]:
    operator = code.use("airflow.providers.docker.operators.docker", "DockerOperator")
    names = {
        "image": "image",
        "command": "command",
        "env": "environment",
        "network": "network_mode",
    }
    names |= {"docker_url": "docker_url", "connection": "docker_conn_id", "cwd": "working_dir"}
    given = arguments(config, names)
    return (Part(operator, {**given, "auto_remove": "success", "mount_tmp_dir": False}),)


DOCKER = StepType(
    "docker",
    "1.0.0",
    "A container on a Docker host; it is removed when it succeeded, and no folder is mounted.",
    {
        "image": Key(_IMAGE, "The image.", required=True),
        "command": Key(Either(Text(), items=_WORDS), "What it runs, a template."),
        "env": Key(Names(Text(), Text()), "Environment variables, templates."),
        "docker_url": Key(Text(), "Where the Docker host answers."),
        "connection": Key(CONNECTION, "The connection of a private registry."),
        "network": Key(Text(), "The Docker network."),
        "cwd": Key(Text(), "The folder in the container."),
    },
    _emit_docker,
    needs=("apache-airflow-providers-docker",),
    mappable={"command": "command", "env": "environment"},
)


def _emit_pod(config: Config, code: Code) -> tuple[Part, ...]:
    module = "airflow.providers.cncf.kubernetes.operators.pod"
    names = {"image": "image", "command": "cmds", "arguments": "arguments", "env": "env_vars"}
    names |= {"namespace": "namespace", "service_account": "service_account_name"}
    names |= {"connection": "kubernetes_conn_id", "node_selector": "node_selector"}
    names |= {"labels": "labels", "image_pull_policy": "image_pull_policy"}
    names |= {"deferrable": "deferrable", "in_cluster": "in_cluster"}
    given = arguments(config, names)
    if "resources" in config:
        wanted = code.use("kubernetes.client.models", "V1ResourceRequirements")
        given["container_resources"] = call(wanted, **config["resources"])
    return (Part(code.use(module, "KubernetesPodOperator"), given),)


_AMOUNTS = Record(
    {
        "cpu": Key(_QUANTITY, "Cores, such as 500m."),
        "memory": Key(_QUANTITY, "Memory, such as 2Gi."),
    }
)
KUBERNETES_POD = StepType(
    "kubernetes_pod",
    "1.0.0",
    "A pod in Kubernetes.",
    {
        "image": Key(_IMAGE, "The image.", required=True),
        "command": Key(_WORDS, "The entry point, in place of the image's."),
        "arguments": Key(_WORDS, "Its arguments, templates."),
        "env": Key(Names(Text(), Text()), "Environment variables, templates."),
        "namespace": Key(_LABEL, "The namespace in Kubernetes."),
        "service_account": Key(_LABEL, "The service account."),
        "connection": Key(CONNECTION, "The connection to the cluster."),
        "in_cluster": Key(Flag(), "Whether the worker's own cluster is meant."),
        "node_selector": Key(Names(Text(), Text()), "Labels that the node must have."),
        "labels": Key(Names(Text(), Text()), "Labels of the pod."),
        "image_pull_policy": Key(Choice(("Always", "IfNotPresent", "Never")), "As Kubernetes'."),
        "deferrable": Key(Flag(), "Whether it waits in the triggerer, without a worker's slot."),
        "resources": Key(
            Record(
                {
                    "requests": Key(_AMOUNTS, "What it is promised."),
                    "limits": Key(_AMOUNTS, "What it never exceeds."),
                }
            ),
            "What the container may use.",
        ),
    },
    _emit_pod,
    needs=("apache-airflow-providers-cncf-kubernetes",),
    mappable={"arguments": "arguments", "env": "env_vars"},
)
