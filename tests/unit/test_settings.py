"""Settings: what wins over what, and how bad values are refused."""

from pathlib import Path
from typing import Any

import pytest

from windlass.domain.errors import Invalid
from windlass.settings import (
    Settings,
    Source,
    SourceKind,
    Unknown,
    describe_settings,
    explain_settings,
    file_variables,
    load_settings,
    unknown_variables,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without an .env."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(**flags: Any) -> str:
    with pytest.raises(Invalid) as refused:
        load_settings(**flags)
    assert refused.value.code == "CFG001"
    return str(refused.value)


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text(
        "WINDLASS_API_PORT=1111\nWINDLASS_BUNDLES=11\nWINDLASS_CONCURRENCY=1\n"
    )
    monkeypatch.setenv("WINDLASS_BUNDLES", "22")
    monkeypatch.setenv("WINDLASS_CONCURRENCY", "2")

    loaded = load_settings(concurrency=3)

    assert (loaded.api_port, loaded.bundles, loaded.concurrency) == (1111, 22, 3)


@pytest.mark.parametrize("has_flag", [False, True])
@pytest.mark.parametrize("has_variable", [False, True])
@pytest.mark.parametrize("has_line", [False, True])
def test_the_later_of_file_environment_and_flag_wins_and_is_told(
    has_line: bool,
    has_variable: bool,
    has_flag: bool,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected: tuple[int, str] = (16, "default")
    if has_line:
        (folder / ".env").write_text("# bundles\n\nexport WINDLASS_BUNDLES=11\n")
        expected = (11, ".env:3")
    if has_variable:
        monkeypatch.setenv("WINDLASS_BUNDLES", "22")
        expected = (22, "environment")
    if has_flag:
        expected = (33, "flag")

    explained = {row.name: row for row in explain_settings(bundles=33 if has_flag else None)}

    assert (explained["bundles"].value, str(explained["bundles"].source)) == expected
    assert load_settings(bundles=33 if has_flag else None).bundles == expected[0]


def test_every_setting_is_explained_and_no_secret_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDLASS_DATABASE_URL", "postgresql://alice:s3cret@db.example/windlass")

    explained = explain_settings()

    assert [row.name for row in explained] == list(Settings.model_fields)
    assert {row.variable: row.value for row in explained}["WINDLASS_DATABASE_URL"] == "***"
    assert "s3cret" not in repr(explained)
    assert explained[0].value == str(folder / ".windlass")


def test_the_last_of_two_lines_is_the_source_as_it_is_the_value(folder: Path) -> None:
    (folder / ".env").write_text("WINDLASS_BUNDLES=5\nX='a\nb'\nwindlass_bundles=6\n")

    (row,) = [row for row in explain_settings() if row.name == "bundles"]

    assert (row.value, str(row.source)) == (6, ".env:4")


def test_a_misspelt_setting_is_refused_with_the_right_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("\nWINDLASS_BUNDLE=4\n")
    monkeypatch.setenv("WINDLASS_AIRFLOW_PASWORD_FILE", "s3cret")

    assert refusal(concurrency=0) == (
        "CFG001 WINDLASS_AIRFLOW_PASWORD_FILE (environment): there is no such setting, "
        "did you mean WINDLASS_AIRFLOW_PASSWORD_FILE?\n"
        "WINDLASS_BUNDLE (.env:2): there is no such setting, did you mean WINDLASS_BUNDLES?\n"
        "WINDLASS_CONCURRENCY (flag): is less than 1 "
        "Correct them where they are set; .env.sample explains each."
    )


def test_an_unknown_setting_that_resembles_none_is_told_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WINDLASS_TYPO", "1")

    assert load_settings() == load_settings()
    assert unknown_variables() == [Unknown("WINDLASS_TYPO", Source(SourceKind.ENVIRONMENT), None)]


def test_the_declarative_file_sees_variables_but_no_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("GIT_HOST=a.example\nTEAM=data\nWINDLASS_HOME=x\n")
    monkeypatch.setenv("GIT_HOST", "b.example")
    monkeypatch.setenv("WINDLASS_DATABASE_URL", "postgresql://u:s3cret@db/x")

    variables = file_variables()

    assert (variables["GIT_HOST"], variables["TEAM"]) == ("b.example", "data")
    assert [name for name in variables if name.startswith("WINDLASS_")] == []


def test_a_sync_interval_is_checked_with_the_rest() -> None:
    assert "WINDLASS_SYNC_INTERVAL (flag): " in refusal(sync_interval="often")


def test_a_flag_that_is_not_given_leaves_the_rest_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_API_PORT", "2222")

    assert load_settings(api_port=None).api_port == 2222


def test_without_anything_the_defaults_hold(folder: Path) -> None:
    loaded = load_settings()

    assert loaded == Settings(home=folder / ".windlass")
    assert loaded.database_url is None
    assert loaded.client_url == "http://127.0.0.1:8470"
    assert loaded.token_file == folder / ".windlass/api-token"
    assert loaded.key_file == folder / ".windlass/secret-keys"


def test_what_is_not_ours_in_the_file_is_none_of_our_business(folder: Path) -> None:
    (folder / ".env").write_text("AIRFLOW_UID=50000\nWINDLASS_TYPO=1\nWINDLASS_BUNDLES=4\n")

    assert load_settings().bundles == 4


def test_bad_values_are_refused_all_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("WINDLASS_BUNDLES=257\n")
    monkeypatch.setenv("WINDLASS_API_PORT", "http")
    monkeypatch.setenv("WINDLASS_LOG_FORMAT", "xml")

    assert refusal(concurrency=0) == (
        "CFG001 "
        "WINDLASS_API_PORT (environment): is no whole number\n"
        "WINDLASS_BUNDLES (.env:1): is more than 256\n"
        "WINDLASS_CONCURRENCY (flag): is less than 1\n"
        "WINDLASS_LOG_FORMAT (environment): is not one of 'auto', 'json' or 'console' "
        "Correct them where they are set; .env.sample explains each."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://alice:s3cret@db.example/windlass"),
        ("DATABASE_URL", "alice:s3cret@db.example/windlass"),
        ("AIRFLOW_URL", "https://alice:s3cret@airflow.example"),
        ("AIRFLOW_URL", "https://airflow.example?token=s3cret"),
        ("API_PORT", "s3cret"),
        ("ENVIRONMENT", "s3cret!"),
    ],
)
def test_a_bad_value_is_not_shown_since_it_may_be_a_secret(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"WINDLASS_{name}", value)

    told = refusal()

    assert f"WINDLASS_{name} (environment): " in told
    assert "s3cret" not in told


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_database_url_prints_as_stars(scheme: str) -> None:
    loaded = load_settings(database_url=f"{scheme}://alice:s3cret@db.example/windlass")

    assert "s3cret" not in repr(loaded) + str(loaded)
    assert loaded.database_url is not None
    assert loaded.database_url.get_secret_value().endswith("s3cret@db.example/windlass")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", ()),
        (" , ", ()),
        ("git.internal", ("git.internal",)),
        ("git.internal, 10.0.0.0/8,,::1 ", ("git.internal", "10.0.0.0/8", "::1")),
    ],
)
def test_allowed_hosts_are_separated_by_commas(
    text: str, hosts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDLASS_ALLOWED_HOSTS", text)

    assert load_settings().allowed_hosts == hosts


def test_allowed_hosts_may_be_given_as_a_sequence() -> None:
    assert load_settings(allowed_hosts=["a", "b"]).allowed_hosts == ("a", "b")


def test_the_home_folder_is_absolute_wherever_a_command_runs_later(folder: Path) -> None:
    assert load_settings(home=Path("here")).home == folder / "here"
    assert load_settings(home=Path("/srv/windlass")).home == Path("/srv/windlass")


def test_places_can_be_set_one_by_one() -> None:
    loaded = load_settings(
        api_url="https://windlass.example/", api_token_file="/t", secret_key_file="/k"
    )

    assert loaded.client_url == "https://windlass.example"
    assert (loaded.token_file, loaded.key_file) == (Path("/t"), Path("/k"))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("api_port", 1, 65535), ("bundles", 1, 256), ("concurrency", 1, 24)]
)
def test_numbers_have_bounds_on_both_sides(name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(load_settings(**{name: value}), name) == value
    for value in (low - 1, high + 1):
        assert f"WINDLASS_{name.upper()} (flag): " in refusal(**{name: value})


@pytest.mark.parametrize(
    "url", ["https://proxy:3128", "http://u:secret@proxy:3128", "http://proxy", "socks5://p:1"]
)
def test_a_proxy_is_an_address_without_a_login(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_HTTPS_PROXY", url)

    with pytest.raises(Invalid) as refused:
        load_settings()

    assert "WINDLASS_HTTPS_PROXY (environment): expected http://HOST:PORT" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_settings_can_be_given_to_another_process_but_for_secrets(folder: Path) -> None:
    settings = load_settings(
        database_url="postgresql://me:secret@db/windlass",
        airflow_python=Path("bin/python"),
        allowed_hosts=("one", "two"),
        api_port=1234,
    )

    told = describe_settings(settings, {"WINDLASS_AIRFLOW_URL": "http://127.0.0.1:8080"})

    assert "secret" not in str(told)
    assert load_settings(**told) == settings.model_copy(
        update={
            "database_url": None,
            "airflow_python": folder / "bin/python",
            "airflow_url": "http://127.0.0.1:8080",
        }
    )
