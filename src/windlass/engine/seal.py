"""What Windlass says of a release, signed with its key: proof for Airflow that it was checked."""

from windlass.artifacts.store import Seal
from windlass.credentials.signing import SigningKey, key_id
from windlass.domain.options import NewDags
from windlass.domain.policy import Allowed
from windlass.domain.release import Release
from windlass.domain.repository import Repository
from windlass.domain.statement import PURPOSE, Statement, signature_file, tags_of


def seal_of(
    key: SigningKey,
    repository: Repository,
    release: Release,
    allowed: Allowed,
    *,
    environment_id: str,
    bundle: str | None,
    new_dags: NewDags,
) -> Seal:
    """Makes the signed statement of a release when its manifest is known.

    It raises Invalid CRED010 where the key cannot be used.
    """

    def seal(manifest_digest: str) -> dict[str, bytes]:
        statement = Statement(
            release=str(release.id),
            environment=repository.environment,
            environment_id=environment_id,
            bundle=bundle,
            namespace=repository.namespace,
            repository=repository.name,
            revision=release.revision,
            content_of=str(release.content_of) if release.content_of else None,
            artifact=release.artifact_digest,
            manifest=manifest_digest,
            verdict=allowed.digest,
            validated=release.validated,
            new_dags=new_dags,
            tags=tags_of(repository.namespace, repository.name),
            dag_id_prefix=repository.dag_id_prefix,
            dag_id_prefixes=repository.options.dag_id_prefixes,
            pool=repository.options.pool,
            created_at=release.created_at.isoformat(timespec="seconds"),
        ).to_bytes()
        signature = key.sign(PURPOSE, statement)
        return {
            "release.json": statement,
            "release.sig": signature_file(key_id(key.public), signature),
        }

    return seal
