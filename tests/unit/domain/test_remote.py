"""Repository URLs: what is taken, how it is written down, what is refused and how."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.domain.errors import Invalid
from windlass.domain.remote import RemoteUrl, parse_remote_url

ACCEPTED = {
    "https://git.example/team/dags.git": "https://git.example/team/dags.git",
    "http://git.example/team/dags.git": "http://git.example/team/dags.git",
    "https://git.example/dags": "https://git.example/dags",
    "HTTPS://git.example/dags": "https://git.example/dags",
    "https://GIT.Example/Team/DAGs": "https://git.example/Team/DAGs",
    "https://git.example:443/dags": "https://git.example/dags",
    "http://git.example:80/dags": "http://git.example/dags",
    "https://git.example:80/dags": "https://git.example:80/dags",
    "http://git.example:443/dags": "http://git.example:443/dags",
    "https://git.example:8443/dags": "https://git.example:8443/dags",
    "https://git.example:/dags": "https://git.example/dags",
    "https://git.example/dags/": "https://git.example/dags",
    "https://git.example/dags///": "https://git.example/dags",
    "  https://git.example/dags\n": "https://git.example/dags",
    "https://git.example/a/b/c/d.git": "https://git.example/a/b/c/d.git",
    "https://dev.azure.com/org/My%20Project/_git/dags": (
        "https://dev.azure.com/org/My%20Project/_git/dags"
    ),
    "https://git_host/dags": "https://git_host/dags",
    "https://git-host/dags": "https://git-host/dags",
    "http://localhost/dags": "http://localhost/dags",
    "http://127.0.0.1:3000/dags": "http://127.0.0.1:3000/dags",
    "http://[2001:db8::1]/dags": "http://[2001:db8::1]/dags",
    "http://[2001:DB8::1]:8080/dags": "http://[2001:db8::1]:8080/dags",
    "http://[::1]:8080/dags": "http://[::1]:8080/dags",
    "https://git.example/team/..dags": "https://git.example/team/..dags",
    "https://git.example/équipe/dags": "https://git.example/équipe/dags",
    "git@git.example:team/dags.git": "git@git.example:team/dags.git",
    "git@GIT.example:team/dags.git/": "git@git.example:team/dags.git",
    "git@git-host:dags": "git@git-host:dags",
    "git.example:team/dags": "git@git.example:team/dags",
    "deploy@git.example:~bob/dags": "deploy@git.example:~bob/dags",
    "git@git.example:/srv/dags.git": "ssh://git@git.example/srv/dags.git",
    "git@[2001:db8::1]:dags": "git@[2001:db8::1]:dags",
    "ssh://git.example/team/dags.git": "ssh://git@git.example/team/dags.git",
    "ssh://git@git.example:22/team/dags.git": "ssh://git@git.example/team/dags.git",
    "ssh://deploy@Git.Example:2222/dags/": "ssh://deploy@git.example:2222/dags",
    "SSH://git@[::1]:2222/dags": "ssh://git@[::1]:2222/dags",
    "file:///srv/git/dags.git": "file:///srv/git/dags.git",
    "file://localhost/srv/git/dags.git/": "file:///srv/git/dags.git",
}
REFUSED = [
    "",
    " ",
    "/srv/git/dags.git",
    "dags.git",
    "../dags.git",
    "git://git.example/dags.git",
    "ftp://git.example/dags.git",
    "ext::sh -c touch% /tmp/x",
    "--upload-pack=touch /tmp/x",
    "-https://git.example/dags",
    "https://",
    "https:///dags",
    "https://@git.example/dags",
    "https://:@git.example/dags",
    "https:/git.example/dags",
    "https://git.example",
    "https://git.example/",
    "https://git.example//",
    "https://git.example/..",
    "https://git.example/../dags",
    "https://git.example/team/../../dags",
    "https://git.example:port/dags",
    "https://git.example:0/dags",
    "https://git.example:-1/dags",
    "https://git.example:65536/dags",
    "https://git.example:٤٤٣/dags",
    "https://[::1/dags",
    "https://[git]/dags",
    "https://-oProxyCommand=x/dags",
    "https://.example/dags",
    "https://git.example./dags",
    "https://git example/dags",
    "https://gît.example/dags",
    "https://git.example/da gs",
    "https://git.example/da\tgs\x00",
    "https://git.example/da\\gs",
    "https://git.example/da\x7fgs",
    "https://git.example/da\udcffgs",
    "https://git.example/dags#main",
    "file://git.example/srv/dags.git",
    "file:///srv/../etc",
    "file:///",
    "fd::17/x",
    "transport::https://git.example/dags",
    "ssh://-oProxyCommand=x/dags",
    "ssh://git.example",
    "ssh://-x@git.example/dags",
    "ssh://a b@git.example/dags",
    "git@-oProxyCommand=x:dags",
    "git@git.example:-dags",
    "git@git.example:",
    "git@git.example:../dags",
    "git@git.example:da gs",
    "C:/dags",
    "dags:team/x",
]
SECRET = "s3cret"
WITH_SECRET = [
    f"https://alice:{SECRET}@git.example/dags",
    f"https://{SECRET}@git.example/dags",
    f"https://:{SECRET}@git.example/dags",
    f"https://oauth2:{SECRET}@git.example:99999/dags",
    f"https://alice:{SECRET}@/dags",
    f"https://alice:{SECRET}@[bad/dags",
    f"https://alice:{SECRET}/more@git.example/dags",
    f"https://alice:{SECRET}#more@git.example/dags",
    f"https://alice:a?{SECRET}@git.example/dags",
    f"https:/alice:{SECRET}@git.example/dags",
    f"https:alice:{SECRET}@git.example/dags",
    f"//alice:{SECRET}@git.example/dags",
    f"alice:{SECRET}@git.example/dags",
    f"ssh://alice:{SECRET}@git.example/dags",
    f"git.example:{SECRET}@git.example/dags",
    f"git@git.example:dags?token={SECRET}",
    f"https://git.example/dags?private_token={SECRET}",
    f"https://git.example/dags#access_token={SECRET}",
    f"ftp://git.example/dags?token={SECRET}",
]


@pytest.mark.parametrize(("text", "written"), ACCEPTED.items())
def test_an_accepted_url_is_written_down_in_one_form(text: str, written: str) -> None:
    assert str(parse_remote_url(text)) == written


@pytest.mark.parametrize("text", REFUSED)
def test_a_url_that_git_should_not_be_given_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote_url(text)

    assert refused.value.code == "GIT001"


@pytest.mark.parametrize("text", WITH_SECRET)
def test_a_refused_url_never_shows_the_secret_in_it(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote_url(text)

    assert refused.value.code == "GIT001"
    assert SECRET not in str(refused.value)


def test_a_refusal_quotes_a_harmless_url_and_says_what_was_expected() -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote_url("svn://git.example/dags")

    assert str(refused.value) == (
        "GIT001 'svn://git.example/dags' cannot be used as a repository URL: expected a URL that "
        "begins with https://, http:// or ssh://, or git@host:path For example "
        "https://git.example/team/dags.git or git@git.example:team/dags.git."
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ext::sh -c id", "it would run a program of this machine"),
        ("git://git.example/dags", "git:// neither encrypts nor knows who asks"),
    ],
)
def test_a_transport_that_is_not_safe_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote_url(text)

    assert refused.value.message.endswith(f"cannot be used as a repository URL: {why}")


def test_a_password_in_the_url_is_refused_with_the_way_to_give_it() -> None:
    with pytest.raises(Invalid) as refused:
        parse_remote_url("https://alice:pw@git.example/dags")

    assert refused.value.hint == "Leave it out of the URL: use --username and --password-stdin."


def test_a_url_is_taken_apart() -> None:
    assert parse_remote_url("http://git.example:8080/team/dags.git") == RemoteUrl(
        "http", "git.example", 8080, "/team/dags.git"
    )
    assert parse_remote_url("bob@git.example:dags") == RemoteUrl(
        "ssh", "git.example", 22, "dags", "bob"
    )


PIECES = st.sampled_from(
    ["http", "https", ":", "//", "/", "@", "[", "]", "::1", "git.example", "..", "?", "#", "%"]
)
TEXTS = st.text(st.characters(), max_size=20) | st.lists(
    PIECES | st.text(st.characters(), max_size=2), max_size=8
).map("".join)


@given(TEXTS.map("https://".__add__) | TEXTS.map("git@a.b:".__add__) | TEXTS)
@example("https://\u2100/x")  # NFKC turns it into a/c, which urlsplit refuses
def test_any_text_is_a_url_or_invalid_and_a_url_reads_back_as_itself(text: str) -> None:
    try:
        url = parse_remote_url(text)
    except Invalid as refused:
        assert refused.code == "GIT001"  # noqa: PT017  # anything else raised fails this test
        return

    assert parse_remote_url(str(url)) == url
    assert not str(url).startswith("-")
    str(url).encode()
