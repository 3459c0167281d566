"""Where the API of a repository's host is."""

import pytest

from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Invalid
from windlass.domain.remote import parse_remote_url
from windlass.forges.clients.calling import Way
from windlass.forges.clients.client import Place
from windlass.forges.clients.open import open_client, place_of

K = ForgeKind


@pytest.mark.parametrize(
    ("kind", "url", "place"),
    [
        (K.GITHUB, "git@github.com:Team/dags.git",
         Place("https://api.github.com", "Team/dags", "https://github.com/Team/dags")),
        (K.GITHUB, "ssh://git@ssh.github.com:443/team/dags",
         Place("https://api.github.com", "team/dags", "https://github.com/team/dags")),
        (K.GITHUB, "https://acme.ghe.com/team/dags",
         Place("https://api.acme.ghe.com", "team/dags", "https://acme.ghe.com/team/dags")),
        (K.GITHUB, "https://git.example:8443/team/dags",
         Place("https://git.example:8443/api/v3", "team/dags",
               "https://git.example:8443/team/dags")),
        (K.GITLAB, "ssh://git@git.example:2222/a/b/dags.git",
         Place("https://git.example/api/v4", "a/b/dags", "https://git.example/a/b/dags")),
        (K.BITBUCKET, "git@bitbucket.org:team/dags.git",
         Place("https://api.bitbucket.org/2.0", "team/dags", "https://bitbucket.org/team/dags")),
        (K.BITBUCKET_SERVER, "https://git.example/bitbucket/scm/~alice/dags.git",
         Place("https://git.example/bitbucket/rest", "~alice/dags",
               "https://git.example/bitbucket/~alice/dags")),
        (K.BITBUCKET_SERVER, "ssh://git@git.example:7999/TEAM/dags.git",
         Place("https://git.example/rest", "TEAM/dags", "https://git.example/TEAM/dags")),
        (K.GITEA, "http://git.example:3000/team/dags.git",
         Place("http://git.example:3000/api/v1", "team/dags", "http://git.example:3000/team/dags")),
        (K.AZURE_DEVOPS, "https://org.visualstudio.com/Project/_git/dags",
         Place("https://dev.azure.com", "org/project/dags",
               "https://org.visualstudio.com/org/project/dags")),
        (K.AZURE_DEVOPS, "git@ssh.dev.azure.com:v3/org/project/dags",
         Place("https://dev.azure.com", "org/project/dags",
               "https://dev.azure.com/org/project/dags")),
    ],
)  # fmt: skip
def test_the_api_is_found_by_the_url(kind: ForgeKind, url: str, place: Place) -> None:
    assert place_of(kind, parse_remote_url(url)) == place


def test_somebody_may_say_where_the_api_is() -> None:
    url = parse_remote_url("https://git.example/gitlab/team/dags")

    told = place_of(K.GITLAB, url, "https://git.example/gitlab/api/v4/")

    assert told.api_url == "https://git.example/gitlab/api/v4"


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (K.GITHUB, "file:///srv/dags.git"),
        (K.GITHUB, "https://github.com/dags"),
        (K.AZURE_DEVOPS, "https://dev.azure.com/org"),
    ],
)
def test_a_url_that_names_no_repository_is_refused(kind: ForgeKind, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        place_of(kind, parse_remote_url(url))

    assert refused.value.code == "FORGE014"


def test_a_host_without_an_api_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        open_client(K.GOGS, Place("https://x.example", "a/b", ""), Way(), lambda _: None)

    assert refused.value.code == "FORGE010"
