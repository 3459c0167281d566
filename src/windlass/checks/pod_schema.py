"""What a pod may hold: a part of core/v1 of Kubernetes 1.34, as far as people get it wrong.

Source: the API reference of Kubernetes, "Pod v1 core" and what it names. A type ends in `[]` for a
list and in `{}` for a map of texts; `any` is not looked into.
"""

import re
from collections.abc import Mapping

_TABLE = """
Pod: apiVersion=str kind=str metadata=ObjectMeta spec=PodSpec status=any
ObjectMeta: annotations=str{} creationTimestamp=any deletionGracePeriodSeconds=int
 deletionTimestamp=any finalizers=str[] generateName=str generation=int labels=str{}
 managedFields=any name=str namespace=str ownerReferences=any resourceVersion=str selfLink=str
 uid=str
PodSpec: activeDeadlineSeconds=int affinity=any automountServiceAccountToken=bool
 containers=Container[] dnsConfig=any dnsPolicy=str enableServiceLinks=bool ephemeralContainers=any
 hostAliases=any hostIPC=bool hostNetwork=bool hostPID=bool hostUsers=bool hostname=str
 hostnameOverride=str imagePullSecrets=LocalObjectReference[] initContainers=Container[]
 nodeName=str nodeSelector=str{} os=any overhead=quantity{} preemptionPolicy=str priority=int
 priorityClassName=str readinessGates=any resourceClaims=any resources=ResourceRequirements
 restartPolicy=restartPolicy runtimeClassName=str schedulerName=str schedulingGates=any
 securityContext=PodSecurityContext serviceAccount=str serviceAccountName=str
 setHostnameAsFQDN=bool shareProcessNamespace=bool subdomain=str terminationGracePeriodSeconds=int
 tolerations=Toleration[] topologySpreadConstraints=any volumes=Volume[] workloadRef=any
Container: args=str[] command=str[] env=EnvVar[] envFrom=any image=str
 imagePullPolicy=imagePullPolicy lifecycle=any livenessProbe=any name=str ports=ContainerPort[]
 readinessProbe=any resizePolicy=any resources=ResourceRequirements restartPolicy=str
 restartPolicyRules=any securityContext=SecurityContext startupProbe=any stdin=bool stdinOnce=bool
 terminationMessagePath=str terminationMessagePolicy=str tty=bool volumeDevices=any
 volumeMounts=VolumeMount[] workingDir=str
EnvVar: name=str value=text valueFrom=any
ContainerPort: containerPort=int hostIP=str hostPort=int name=str protocol=protocol
ResourceRequirements: claims=any limits=quantity{} requests=quantity{}
SecurityContext: allowPrivilegeEscalation=bool appArmorProfile=any capabilities=any
 privileged=bool procMount=str readOnlyRootFilesystem=bool runAsGroup=int runAsNonRoot=bool
 runAsUser=int seLinuxOptions=any seccompProfile=any windowsOptions=any
PodSecurityContext: appArmorProfile=any fsGroup=int fsGroupChangePolicy=str runAsGroup=int
 runAsNonRoot=bool runAsUser=int seLinuxChangePolicy=str seLinuxOptions=any seccompProfile=any
 supplementalGroups=int[] supplementalGroupsPolicy=str sysctls=any windowsOptions=any
LocalObjectReference: name=str
Toleration: effect=effect key=str operator=operator tolerationSeconds=int value=str
VolumeMount: mountPath=str mountPropagation=str name=str readOnly=bool recursiveReadOnly=str
 subPath=str subPathExpr=str
Volume: awsElasticBlockStore=any azureDisk=any azureFile=any cephfs=any cinder=any configMap=any
 csi=any downwardAPI=any emptyDir=any ephemeral=any fc=any flexVolume=any flocker=any
 gcePersistentDisk=any gitRepo=any glusterfs=any hostPath=HostPathVolumeSource image=any iscsi=any
 name=str nfs=any persistentVolumeClaim=any photonPersistentDisk=any portworxVolume=any
 projected=any quobyte=any rbd=any scaleIO=any secret=any storageos=any vsphereVolume=any
HostPathVolumeSource: path=str type=str
"""


def _read(table: str) -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for line in table.strip().replace("\n ", " ").splitlines():
        name, _, fields = line.partition(": ")
        types[name] = dict(field.split("=") for field in fields.split())
    return types


TYPES: Mapping[str, Mapping[str, str]] = _read(_TABLE)
"""Type → field → its type."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "PodSpec": ("containers",),
    "Container": ("name",),
    "EnvVar": ("name",),
    "ContainerPort": ("containerPort",),
    "VolumeMount": ("name", "mountPath"),
    "Volume": ("name",),
    "HostPathVolumeSource": ("path",),
}
"""What the API, and the client's models, refuse to do without."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "protocol": ("TCP", "UDP", "SCTP"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "operator": ("Exists", "Equal", "Lt", "Gt"),
}
"""Types that are one of a few words."""

_SNAKE = {name: {key.lower(): key for key in fields} for name, fields in TYPES.items()}


def field_of(model: str, written: str, *, in_python: bool) -> str | None:
    """The field of a type that a key is, None for none; in Python `host_pid` is `hostPID`.

    >>> field_of("PodSpec", "host_pid", in_python=True)
    'hostPID'
    """
    if not in_python:
        return written if written in TYPES[model] else None
    bare = written.replace("_", "")
    return _SNAKE[model].get(bare) if written.islower() else None


def fields_of(model: str, *, in_python: bool) -> list[str]:
    """The keys that a type may have, as they are written."""
    if not in_python:
        return list(TYPES[model])
    return [re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).lower() for key in TYPES[model]]
