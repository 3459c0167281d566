"""Azure Key Vault, by Azure's SDK: it finds the machine's own identity.

learn.microsoft.com/rest/api/keyvault/secrets/get-secret.
"""

from typing import Any

from windlass.credentials.vaults import missing, not_installed, refused, unreadable
from windlass.domain.errors import Unavailable
from windlass.network.proxies import Network

_PLACE = "Azure Key Vault"


class AzureKeyVault:
    """Reads `NAME` or `NAME/VERSION`. `identity` None is what DefaultAzureCredential finds: a
    workload's or a managed identity, or the variables that it documents."""

    def __init__(self, network: Network, url: str, identity: Any = None, **options: Any) -> None:
        try:
            from azure.identity import DefaultAzureCredential
            from azure.keyvault.secrets import SecretClient
        except ImportError:
            raise not_installed(_PLACE, "azure") from None
        proxy = network.https_proxy
        known = {
            "connection_verify": network.authorities.bundle or True,
            "retry_total": 2,
            "connection_timeout": 5,
            "read_timeout": 10,
            **({"proxies": {"https": proxy.secret_url}} if proxy else {}),
            **options,
        }
        self._client = SecretClient(url, identity or DefaultAzureCredential(), **known)

    def read(self, reference: str) -> str:
        from azure.core.exceptions import (
            AzureError,
            ClientAuthenticationError,
            HttpResponseError,
            ResourceNotFoundError,
        )

        name, _, version = reference.partition("/")
        if not name.replace("-", "").isalnum():
            raise unreadable(reference, "NAME or NAME/VERSION, such as team-git")
        try:
            value = self._client.get_secret(name, version or None).value
        except ResourceNotFoundError:
            raise missing(_PLACE, reference) from None
        except ClientAuthenticationError:
            raise refused(_PLACE, "it does not take this machine's identity") from None
        except HttpResponseError as error:
            if error.status_code == 403:
                raise refused(_PLACE, "it answers 403") from None
            raise Unavailable("CRED036", f"{_PLACE} answers {error.status_code}") from None
        except AzureError as error:
            raise Unavailable(
                "CRED036", f"{_PLACE} cannot be asked for a secret: {type(error).__name__}"
            ) from None
        if value is None:
            raise missing(_PLACE, reference)
        return value
