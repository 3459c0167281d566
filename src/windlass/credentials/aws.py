"""AWS Secrets Manager, by boto3: it finds the machine's own role, and signs requests.

docs.aws.amazon.com/secretsmanager/latest/apireference (GetSecretValue).
"""

import json
import logging
from typing import Any

from windlass.credentials.vaults import missing, not_installed, refused, unreadable
from windlass.domain.errors import Invalid, Unavailable
from windlass.network.proxies import Network

_PLACE = "AWS Secrets Manager"


class AwsSecrets:
    """Reads `NAME` or an ARN, whole, or with `#KEY` one text of a JSON object."""

    def __init__(self, network: Network, region: str, endpoint_url: str | None = None) -> None:
        try:
            import boto3  # type: ignore[import-untyped]
            from botocore.config import Config  # type: ignore[import-untyped]
        except ImportError:
            raise not_installed(_PLACE, "aws") from None
        logging.getLogger("botocore").setLevel(logging.INFO)  # below that it logs whole answers
        proxy = network.https_proxy
        config = Config(
            connect_timeout=5,
            read_timeout=10,
            retries={"max_attempts": 2},
            proxies={"https": proxy.secret_url} if proxy else None,
        )
        self._client: Any = boto3.client(
            "secretsmanager",
            region_name=region,
            endpoint_url=endpoint_url,
            config=config,
            verify=network.authorities.bundle,
        )

    def read(self, reference: str) -> str:
        from botocore.exceptions import (  # type: ignore[import-untyped]
            BotoCoreError,
            ClientError,
        )

        name, hash_mark, key = reference.partition("#")
        if not name or (hash_mark and not key):
            raise unreadable(reference, "NAME or NAME#KEY, such as team/git#token")
        try:
            told = self._client.get_secret_value(SecretId=name)
        except ClientError as error:
            raise _explained(reference, error.response["Error"]["Code"]) from None
        except BotoCoreError as error:
            raise Unavailable(
                "CRED036", f"{_PLACE} cannot be asked for a secret: {type(error).__name__}"
            ) from None
        text = told.get("SecretString")
        if text is None:  # binary
            raise missing(_PLACE, reference)
        return _one_of(text, key, reference) if key else str(text)


def _one_of(text: str, key: str, reference: str) -> str:
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError):
        raise missing(_PLACE, reference) from None


def _explained(reference: str, code: str) -> Invalid | Unavailable:
    if code in ("ResourceNotFoundException", "InvalidRequestException"):
        return missing(_PLACE, reference)
    if code in ("ThrottlingException", "InternalServiceError", "InternalServiceErrorException"):
        return Unavailable("CRED036", f"{_PLACE} cannot be asked for a secret: {code}")
    return refused(_PLACE, code)
