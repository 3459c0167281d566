from kubernetes.client import models as k8s

VARIABLES = [
    k8s.V1EnvVar(name="S3_SECRET_KEY", value="vault://etl/minio#secret_key"),
    k8s.V1EnvVar(name="DB_PASSWORD", value="gcp-sm://projects/1/secrets/db"),
]
