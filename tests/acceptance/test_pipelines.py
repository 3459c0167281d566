"""Compiled pipelines in real Airflow, 3.3 and 2.11, with all the providers that they are compiled
to: every file of tests/cases/pipelines is imported and stored, and those of tests/cases/runs run to
their end in 3.3, moving rows between a real PostgreSQL, a web server and an S3 (moto)."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncssh
import psycopg
import pytest

from windlass.database.embedded.server import EmbeddedPostgres
from windlass.domain.pipeline import Bindings
from windlass.engine.compile_folder import compare, compile_folder, write
from windlass.settings import process_environment

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "pipelines"
RUNS = ROOT / "tests" / "cases" / "runs"
HERE = Path(__file__).parent
AIRFLOWS = {"3.3": "3", "2.11": "2"}
LIMIT_S = 600
pytestmark = pytest.mark.providers
COMPANY = """
def cities(first):
    return [{"city": first}, {"city": "Bonn"}]

def which(size):
    return f"load.{size}"
"""
TABLES = """
CREATE SCHEMA shop; CREATE SCHEMA analytics;
CREATE TABLE orders (id int, city text); CREATE TABLE returned (id int, city text);
INSERT INTO orders VALUES (1, 'Berlin'), (2, 'Bonn'), (3, 'Köln');
INSERT INTO returned VALUES (9, 'Berlin');
CREATE TABLE analytics.orders (id int, city text); INSERT INTO analytics.orders VALUES (0, 'old');
CREATE TABLE analytics.fetched (id int, city text); INSERT INTO analytics.fetched VALUES (0, 'old');
CREATE TABLE analytics.both (id int, city text);
CREATE TABLE analytics.heard (id int, city text);
CREATE TABLE analytics.cities (city text); CREATE TABLE analytics.checked (id int);
"""
RATES = "day,rate\n1,2.5\n"
HEARD = [{"id": 1, "city": "Trier"}, {"id": 2, "city": 'O\'Hara \\ "x" <b>'}]
FETCHED = [{"id": 1, "city": "Trier"}, {"id": 2, "city": 'O\'Hara \\ "x"'}]


def answer_of(script: str, airflow: str, *arguments: Path, **variables: str) -> Any:
    """What a script prints that is run by the Python of an Airflow."""
    python = ROOT / f".venv-providers{airflow}" / "bin" / "python"
    if airflow == "2" and sys.version_info >= (3, 13):
        pytest.skip("Airflow 2.11 ends with Python 3.12")
    assert python.exists(), "no Airflow with providers; run `make providers`"
    env = process_environment()
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # the second time takes a third
    command = [str(python), str(HERE / script), *map(str, arguments)]
    run = subprocess.run(
        command,
        env={**env, **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    told = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    assert told, run.stdout[-3000:] + run.stderr[-3000:]
    return json.loads(told[0].removeprefix("RESULT "))


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("version", AIRFLOWS)
def test_every_case_is_imported_and_stored_by_airflow(version: str, tmp_path: Path) -> None:
    name = "out_2.py" if version == "2.11" else "out.py"
    answer = answer_of("importing_pipelines.py", AIRFLOWS[version], CASES, tmp_path)

    assert answer["airflow"].startswith(f"{version}.")
    assert answer["found"] == {path.parent.name: None for path in CASES.glob(f"*/{name}")}


class Api(BaseHTTPRequestHandler):
    """A web service with one list."""

    def do_GET(self) -> None:
        body = json.dumps(FETCHED).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def api() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def s3() -> Iterator[Any]:
    """A client of an S3 with one bucket; its address is that of the client."""
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    try:
        client.create_bucket(Bucket="lake")
        yield client
    finally:
        server.stop()


@contextmanager
def kafka() -> Iterator["subprocess.Popen[str]"]:
    """A broker with two messages. Its first line is its address; see kafka_broker.py."""
    python = ROOT / ".venv-providers3" / "bin" / "python"
    process = subprocess.Popen(
        [str(python), str(HERE / "kafka_broker.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.communicate()


class Anybody(asyncssh.SSHServer):
    """Lets everybody in who has the password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("ann", "x")


@contextmanager
def sftp(folder: Path) -> Iterator[int]:
    """An SFTP server of a folder; its port."""
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
    (folder / "in" / "rates.csv").write_text(RATES)
    loop = asyncio.new_event_loop()
    listening = asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Anybody,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
    )
    server = loop.run_until_complete(listening)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.get_port()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


def line_of(broker: "subprocess.Popen[str]", topic: str = "") -> str:
    """Its next line, after it was asked for a topic."""
    assert broker.stdin is not None
    assert broker.stdout is not None
    if topic:
        broker.stdin.write(f"{topic}\n")
        broker.stdin.flush()
    return broker.stdout.readline().strip()


@pytest.fixture(scope="module")
def ran(session_folder: Path) -> Iterator[tuple[dict[str, Any], psycopg.Connection[Any], Any, Any]]:
    """How each run ended; a connection to the database, a client of the S3 and the broker that they
    filled."""
    room = session_folder / "runs"
    folder = room / "dags"
    (folder / "company").mkdir(parents=True)
    (folder / "company" / "__init__.py").touch()
    (folder / "company" / "jobs.py").write_text(COMPANY)
    (folder / "pipelines").symlink_to(RUNS)
    out = compiled(folder, room)
    server = EmbeddedPostgres(session_folder / "runs-postgres", durable=False)
    url = server.start()
    try:
        with (
            api() as port,
            s3() as client,
            kafka() as broker,
            sftp(room / "files") as files_port,
            psycopg.connect(url, autocommit=True) as database,
        ):
            database.execute(TABLES)
            client.put_object(Bucket="lake", Key="incoming/one.csv", Body=b"one")
            known = connections(url, port, client.meta.endpoint_url, line_of(broker))
            files: dict[str, Any] = {"conn_type": "sftp", "host": "127.0.0.1", "login": "ann"}
            files["port"] = files_port
            files |= {"password": "x", "extra": {"no_host_key_check": True}}
            known["AIRFLOW_CONN_FILES"] = json.dumps(files)
            answer = answer_of("running_pipelines.py", "3", out, room / "airflow", **known)
            yield answer, database, client, broker
    finally:
        server.stop()


def compiled(folder: Path, room: Path) -> Path:
    """A folder with the DAG files, and the functions that they call."""
    tree = compile_folder(folder, ("pipelines",), Bindings())
    assert tree.failed == frozenset()
    out = room / "out"
    write(tree, compare(tree, folder, out, ("pipelines",)), out)
    (out / "company").symlink_to(folder / "company")
    return out


def connections(database: str, port: int, lake: str, broker: str) -> dict[str, str]:
    """Airflow's connections, as variables of the environment."""
    parts = urlsplit(database)
    postgres = {
        "conn_type": "postgres",
        "host": parse_qs(parts.query)["host"][0],
        "login": "windlass",
        "password": unquote(parts.password or ""),
        "schema": "windlass",
        "port": 5432,
    }
    aws = {
        "conn_type": "aws",
        "login": "x",
        "password": "x",
        "extra": {"endpoint_url": lake, "region_name": "us-east-1"},
    }
    http = {"conn_type": "http", "host": "127.0.0.1", "port": port}
    events = {
        "bootstrap.servers": broker,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    given = {
        "events": {"conn_type": "kafka", "extra": {**events, "group.id": "events"}},
        "others": {"conn_type": "kafka", "extra": {**events, "group.id": "others"}},
        **dict.fromkeys(
            ("shop", "warehouse", "postgres_db_example_com_shop", "postgres_dw"), postgres
        ),
        "lake": aws,
        "aws_default": aws,
        "api": http,
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in given.items()}


def rows(database: psycopg.Connection[Any], table: str) -> list[Any]:
    return sorted(database.execute(f"SELECT * FROM {table}").fetchall())


def body(client: Any, key: str) -> str:
    return str(client.get_object(Bucket="lake", Key=key)["Body"].read().decode())


@pytest.mark.timeout(LIMIT_S)
def test_every_pipeline_runs_to_success(ran: Any) -> None:
    ended = {name: (one["run"], one["tasks"]) for name, one in ran[0].items()}
    good = ["success"]

    assert ended == {
        "branch": (
            "success",
            {"which": good, "load.full": good, "load.part": ["skipped"], "end": good},
        ),
        **dict.fromkeys(
            ("http_to_kafka", "kafka_to_postgres", "kafka_to_s3", "postgres_to_kafka"),
            ("success", {"move.fetch": good, "move.load": good}),
        ),
        "http_to_postgres": ("success", {"fetch.fetch": good, "fetch.load": good}),
        "http_to_s3": ("success", {"is-there": good, "keep": good}),
        "older_form": (
            "success",
            {"extract-and-load.orders": good, "extract-and-load.returns": good},
        ),
        "postgres_to_postgres": ("success", {"wait": good, "copy": good}),
        "postgres_to_s3": ("success", {"unload": good}),
        "s3_to_s3": ("success", {"arrived": good, "copy": good}),
        "sftp_and_s3": ("success", {"fetch": good, "give": good}),
        "shell": ("success", {"greet": good, "each": good * 2, "skipped": ["skipped"]}),
        "sql_and_check": ("success", {"fill": good, "check": good}),
        "sql_mapped": ("success", {"cities": good, "note": good * 2}),
    }


def test_rows_went_from_postgres_to_postgres_in_the_place_of_the_old_ones(ran: Any) -> None:
    assert rows(ran[1], "analytics.orders") == [(1, "Berlin"), (2, "Bonn"), (3, "Köln")]


def test_rows_of_two_tables_went_to_one_by_the_older_form(ran: Any) -> None:
    ids = [(1, "Berlin"), (2, "Bonn"), (3, "Köln"), (9, "Berlin")]

    assert rows(ran[1], "analytics.both") == ids


def test_rows_went_from_the_web_to_postgres(ran: Any) -> None:
    assert rows(ran[1], "analytics.fetched") == [(one["id"], one["city"]) for one in FETCHED]


def test_messages_of_kafka_went_to_postgres_and_s3(ran: Any) -> None:
    assert rows(ran[1], "analytics.heard") == [(one["id"], one["city"]) for one in HEARD]
    assert [json.loads(line) for line in body(ran[2], "heard.jsonl").splitlines()] == HEARD


def test_rows_of_postgres_and_of_the_web_became_messages_of_kafka(ran: Any) -> None:
    assert json.loads(line_of(ran[3], "returned")) == [{"id": 9, "city": "Berlin"}]
    assert json.loads(line_of(ran[3], "fetched")) == FETCHED


def test_a_file_went_from_sftp_to_s3_and_back(ran: Any, session_folder: Path) -> None:
    assert body(ran[2], "rates.csv") == RATES
    assert (session_folder / "runs" / "files" / "out" / "rates.csv").read_text() == RATES


def test_rows_went_from_postgres_to_s3(ran: Any) -> None:
    assert body(ran[2], "orders/runs.postgres_to_s3.csv").splitlines() == [
        "id,city",
        "1,Berlin",
        "2,Bonn",
    ]


def test_files_went_to_s3(ran: Any) -> None:
    assert json.loads(body(ran[2], "raw/orders.json")) == FETCHED
    assert body(ran[2], "kept/one.csv") == "one"


def test_each_value_that_a_step_returned_became_a_row(ran: Any) -> None:
    assert rows(ran[1], "analytics.cities") == [("Berlin",), ("Bonn",)]
    assert rows(ran[1], "analytics.checked") == [(1,), (2,)]
