from kubernetes.client import models as k8s
PRIV = True
C = k8s.V1Container(name="base", security_context=k8s.V1SecurityContext(privileged=PRIV))
