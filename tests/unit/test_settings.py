"""Settings: what wins over what, and how bad values are refused."""

from pathlib import Path
from typing import Any

import pytest

from windlass.domain.errors import Invalid
from windlass.settings import Settings, load_settings


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
        "WINDLASS_API_PORT: Input should be a valid integer, unable to parse string as an integer; "
        "WINDLASS_BUNDLES: Input should be less than or equal to 256; "
        "WINDLASS_CONCURRENCY: Input should be greater than or equal to 1; "
        "WINDLASS_LOG_FORMAT: Input should be 'auto', 'json' or 'console' "
        "Correct them in the environment or in .env; .env.sample explains each."
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

    assert f"WINDLASS_{name}: " in told
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
        assert f"WINDLASS_{name.upper()}: Input should be " in refusal(**{name: value})
