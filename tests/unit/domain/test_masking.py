"""What looks like a secret is not shown."""

import pytest

from windlass.domain.masking import masked


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("password", "hunter2", "***"),
        ("env.DB_PASSWORD", "hunter2", "***"),
        ("headers.Authorization", "Bearer abcdefgh12345", "***"),
        ("api_key", 12345, "***"),
        ("tokens", ["a", "b"], ["***", "***"]),
        ("password", "", ""),
        ("password", None, None),
        ("use_token", True, True),
        ("password", "{{ conn.dw.password }}", "{{ conn.dw.password }}"),
        ("password", "{{ conn.dw.password }}x", "***"),
        ("token_conn_id", "dw", "dw"),
        ("secret_name", "prod/dw", "prod/dw"),
        ("bash_command", "psql postgres://me:hunter2@db/x", "psql postgres://me:***@db/x"),
        ("bash_command", "curl -H 'Authorization: Bearer abcdefgh1'", None),
        ("bash_command", "run --password=hunter2 --day 1", "run --password=*** --day 1"),
        ("bash_command", "aws AKIAABCDEFGHIJKLMNOP", "aws ***"),
        ("sql", "select 1", "select 1"),
        ("retries", 3, 3),
    ],
)
def test_values(name: str, value: object, shown: object) -> None:
    found = masked(name, value)

    if shown is None and value is not None:
        assert "abcdefgh1" not in str(found)
    else:
        assert found == shown


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    assert len(masked("sql", "x" * 1_000_000)) == 20_001
