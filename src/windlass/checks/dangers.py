"""Functions that do harm where they do not belong: what each does, and how bad it is when."""

from dataclasses import dataclass

from windlass.domain.finding import Severity

CRITICAL, HIGH, MEDIUM = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM


@dataclass(frozen=True, slots=True)
class Danger:
    """What a call does, in words after its name, and what to do instead.

    `at_import` is its severity while Airflow imports the file, `in_task` while a task runs; None is
    no finding.
    """

    does: str
    hint: str
    at_import: Severity | None
    in_task: Severity | None
    code: str


_IN_TASK = "Do it in a task: importing happens every few seconds, in Airflow's own processor."
SHELL = Danger(
    "starts a process through a shell",
    f"{_IN_TASK} There, BashOperator or @task.bash, or subprocess.run with a list of arguments.",
    HIGH,
    MEDIUM,
    code="DNG001",
)
PROCESS = Danger(
    "starts a process",
    f"{_IN_TASK} There, BashOperator or @task.bash, or subprocess.run with a list of arguments.",
    HIGH,
    None,
    code="DNG001",
)
EVALUATES = Danger(
    "runs text as Python",
    "Read data with json.loads or ast.literal_eval; choose functions from a dictionary.",
    HIGH,
    MEDIUM,
    code="DNG002",
)
LOADS = Danger(
    "runs what its data says: whoever can write the data can run code",
    "Read data with json.loads or yaml.safe_load; load models in a task, from a place you trust.",
    HIGH,
    MEDIUM,
    code="DNG003",
)
DELETES_TREE = Danger(
    "deletes a whole folder",
    "Use tempfile.TemporaryDirectory in a task; it removes what it made, and nothing else.",
    HIGH,
    MEDIUM,
    code="DNG004",
)
DELETES = Danger(
    "deletes files",
    "Use tempfile.TemporaryDirectory in a task; it removes what it made, and nothing else.",
    HIGH,
    None,
    code="DNG004",
)
SOCKET = Danger(
    "opens a network connection of its own",
    'Ask in a task, through a hook with a connection: HttpHook(http_conn_id="api").',
    HIGH,
    MEDIUM,
    code="DNG005",
)
REQUEST = Danger(
    "asks another server",
    "Ask in a task, through a hook or an SDK; pass what it says on as XCom. At import, every parse"
    " waits for that server.",
    MEDIUM,
    None,
    code="DNG005",
)
NATIVE = Danger(
    "calls native code, past everything that Python and Airflow look after",
    "Use a package that offers it to Python, installed with Airflow's image.",
    HIGH,
    MEDIUM,
    code="DNG006",
)
DATABASE = Danger(
    "reaches into Airflow's own database, which Airflow 3 refuses to tasks, and which holds every"
    " connection",
    "Ask Airflow's REST API, or use Variable, XCom and the context that a task is given.",
    HIGH,
    HIGH,
    code="DNG008",
)
QUERIES = Danger(
    "asks Airflow's own database",
    "Use the context that a task is given (dag_run, ti, params), or Airflow's REST API.",
    HIGH,
    MEDIUM,
    code="DNG008",
)
THREAD = Danger(
    "starts a thread or process that outlives the import",
    "Start it in a task; Airflow's processor imports the file again and again.",
    HIGH,
    None,
    code="DNG013",
)
SIGNAL = Danger(
    "changes how the process is interrupted, so Airflow cannot stop an import that hangs",
    "Leave it out: give a task execution_timeout=timedelta(minutes=5).",
    HIGH,
    MEDIUM,
    code="DNG014",
)
INTERPRETER = Danger(
    "changes how the interpreter runs everything in the process",
    "Leave it out; a task may start a process of its own for that.",
    HIGH,
    MEDIUM,
    code="DNG014",
)
AT_EXIT = Danger(
    "leaves code behind that runs when Airflow's process ends",
    "Use a teardown task, or on_success_callback and on_failure_callback.",
    MEDIUM,
    None,
    code="DNG014",
)
EXITS = Danger(
    "ends the process that imports the file, so no DAG of it is seen",
    "Let the file make no DAG, or raise an error that says what is missing.",
    HIGH,
    None,
    code="DNG015",
)
HARD_EXIT = Danger(
    "ends the process at once, without Airflow's clean-up",
    "Raise AirflowException or AirflowFailException.",
    HIGH,
    MEDIUM,
    code="DNG015",
)
SETS_VARIABLE = Danger(
    "changes a variable of Airflow at every import",
    "Do it in a task, or once by hand.",
    MEDIUM,
    None,
    code="DNG016",
)
RUNS_FILE = Danger(
    "runs a file as Python that need not be one of this repository",
    "Import it by its name: the DAG root is where Python looks for modules.",
    MEDIUM,
    None,
    code="DNG002",
)
ASKS = Danger(
    "waits for somebody at a keyboard",
    "Take a value from a variable, or from the parameters of a run.",
    HIGH,
    None,
    code="DNG019",
)
DEBUGS = Danger(
    "stops until somebody at a keyboard goes on",
    "Take it away when you have found what you looked for.",
    HIGH,
    MEDIUM,
    code="DNG019",
)
VARIABLE = Danger(
    "asks Airflow for a value at every import",
    'Use it where it is needed: "{{ var.value.name }}" in a template, or Variable.get in a task.',
    MEDIUM,
    None,
    code="DNG016",
)
SLEEPS = Danger(
    "makes every import wait",
    "Wait in a sensor, or give the task a retry_delay.",
    MEDIUM,
    None,
    code="DNG019",
)


def _under(danger: Danger, module: str, names: str) -> dict[str, Danger]:
    return {f"{module}.{name}" if module else name: danger for name in names.split()}


_EXEC = "execl execle execlp execlpe execv execve execvp execvpe fork forkpty posix_spawn"
_EXEC += " posix_spawnp spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe startfile"
_HTTP = "get post put patch delete head options request"

CALLS: dict[str, Danger] = {
    **_under(SHELL, "os", "system popen popen2 popen3"),
    **_under(SHELL, "subprocess", "getoutput getstatusoutput"),
    **_under(SHELL, "commands", "getoutput getstatusoutput"),
    **_under(SHELL, "asyncio", "create_subprocess_shell"),
    **_under(PROCESS, "asyncio", "create_subprocess_exec"),
    **_under(PROCESS, "subprocess", "run Popen call check_call check_output"),
    **_under(PROCESS, "os", _EXEC),
    **_under(PROCESS, "pty", "spawn fork"),
    **_under(PROCESS, "pip", "main"),
    **_under(PROCESS, "pip._internal", "main"),
    **_under(PROCESS, "_posixsubprocess", "fork_exec"),
    **_under(PROCESS, "sh", "Command bash"),
    **_under(PROCESS, "airflow.hooks.subprocess", "SubprocessHook"),
    **_under(EVALUATES, "", "eval exec execfile"),
    **_under(EVALUATES, "code", "interact InteractiveInterpreter InteractiveConsole"),
    **_under(EVALUATES, "runpy", "run_path run_module"),
    **_under(EVALUATES, "types", "CodeType FunctionType"),
    **_under(EVALUATES, "timeit", "timeit"),
    **_under(EVALUATES, "cProfile", "run runctx"),
    **_under(EVALUATES, "profile", "run runctx"),
    **_under(EVALUATES, "pdb", "run runeval"),
    **_under(LOADS, "pickle", "load loads Unpickler"),
    **_under(LOADS, "_pickle", "load loads Unpickler"),
    **_under(LOADS, "cPickle", "load loads Unpickler"),
    **_under(LOADS, "dill", "load loads"),
    **_under(LOADS, "cloudpickle", "load loads"),
    **_under(LOADS, "marshal", "load loads"),
    **_under(LOADS, "shelve", "open"),
    **_under(LOADS, "joblib", "load"),
    **_under(LOADS, "jsonpickle", "decode loads"),
    **_under(LOADS, "pandas", "read_pickle"),
    **_under(LOADS, "yaml", "unsafe_load unsafe_load_all"),
    **_under(DELETES_TREE, "shutil", "rmtree"),
    **_under(DELETES_TREE, "os", "removedirs"),
    **_under(DELETES, "os", "remove unlink rmdir truncate"),
    **_under(SOCKET, "socket", "socket create_connection create_server socketpair fromfd"),
    **_under(SOCKET, "_socket", "socket"),
    **_under(SOCKET, "telnetlib", "Telnet"),
    **_under(REQUEST, "socket", "getaddrinfo gethostbyname"),
    **_under(REQUEST, "requests", _HTTP),
    **_under(REQUEST, "httpx", _HTTP + " stream"),
    **_under(REQUEST, "urllib.request", "urlopen urlretrieve"),
    **_under(REQUEST, "urllib", "urlopen urlretrieve"),
    **_under(REQUEST, "urllib2", "urlopen"),
    **_under(REQUEST, "http.client", "HTTPConnection HTTPSConnection"),
    **_under(REQUEST, "ftplib", "FTP FTP_TLS"),
    **_under(REQUEST, "smtplib", "SMTP SMTP_SSL"),
    **_under(REQUEST, "wget", "download"),
    **_under(REQUEST, "urllib3", "request"),
    **_under(REQUEST, "psycopg2", "connect"),
    **_under(REQUEST, "psycopg", "connect"),
    **_under(REQUEST, "pymysql", "connect"),
    **_under(REQUEST, "mysql.connector", "connect"),
    **_under(REQUEST, "snowflake.connector", "connect"),
    **_under(REQUEST, "oracledb", "connect"),
    **_under(REQUEST, "pyodbc", "connect"),
    **_under(NATIVE, "ctypes", "CDLL PyDLL WinDLL OleDLL memmove string_at cast from_address"),
    **_under(NATIVE, "ctypes.cdll", "LoadLibrary"),
    **_under(NATIVE, "ctypes.util", "find_library"),
    **_under(NATIVE, "_ctypes", "dlopen"),
    **_under(NATIVE, "cffi", "FFI"),
    **_under(THREAD, "threading", "Thread Timer"),
    **_under(THREAD, "_thread", "start_new_thread"),
    **_under(THREAD, "multiprocessing", "Process Pool"),
    **_under(THREAD, "multiprocessing.pool", "Pool ThreadPool"),
    **_under(THREAD, "concurrent.futures", "ThreadPoolExecutor ProcessPoolExecutor"),
    **_under(THREAD, "concurrent.futures.thread", "ThreadPoolExecutor"),
    **_under(THREAD, "concurrent.futures.process", "ProcessPoolExecutor"),
    **_under(SIGNAL, "signal", "signal setitimer alarm pthread_kill pthread_sigmask siginterrupt"),
    **_under(SIGNAL, "os", "kill killpg setsid"),
    **_under(INTERPRETER, "sys", "settrace setprofile addaudithook setrecursionlimit"),
    **_under(INTERPRETER, "resource", "setrlimit"),
    **_under(INTERPRETER, "os", "setuid seteuid setgid setresuid chroot ptrace"),
    **_under(INTERPRETER, "gc", "get_objects get_referrers"),
    **_under(AT_EXIT, "atexit", "register"),
    **_under(EXITS, "", "exit quit"),
    **_under(EXITS, "sys", "exit"),
    **_under(HARD_EXIT, "os", "_exit abort"),
    **_under(VARIABLE, "airflow.models", "Variable.get"),
    **_under(VARIABLE, "airflow.models.variable", "Variable.get"),
    **_under(VARIABLE, "airflow.sdk", "Variable.get Connection.get BaseHook.get_connection"),
    **_under(VARIABLE, "airflow.hooks.base", "BaseHook.get_connection"),
    **_under(VARIABLE, "airflow.hooks.base_hook", "BaseHook.get_connection"),
    **_under(VARIABLE, "airflow.sdk.bases.hook", "BaseHook.get_connection"),
    **_under(SETS_VARIABLE, "airflow.models", "Variable.set Variable.delete Variable.update"),
    **_under(SETS_VARIABLE, "airflow.models.variable", "Variable.set Variable.delete"),
    **_under(SETS_VARIABLE, "airflow.sdk", "Variable.set Variable.delete"),
    **_under(ASKS, "", "input"),
    **_under(ASKS, "getpass", "getpass"),
    **_under(RUNS_FILE, "importlib.util", "spec_from_file_location"),
    **_under(RUNS_FILE, "importlib.machinery", "SourceFileLoader SourcelessFileLoader"),
    **_under(DEBUGS, "", "breakpoint"),
    **_under(DEBUGS, "pdb", "set_trace"),
    **_under(DEBUGS, "ipdb", "set_trace"),
    **_under(SOCKET, "http.server", "HTTPServer ThreadingHTTPServer"),
    **_under(SOCKET, "socketserver", "TCPServer UDPServer ThreadingTCPServer"),
    **_under(SOCKET, "xmlrpc.server", "SimpleXMLRPCServer"),
    **_under(INTERPRETER, "os", "environ.clear"),
    **_under(SLEEPS, "time", "sleep"),
}
"""Dotted name of a function → what it does."""

CALLS |= {
    f"{module}.{name}": QUERIES
    for module, name in (
        ("airflow.models", "DagRun.find"),
        ("airflow.models.dagrun", "DagRun.find"),
        ("airflow.models", "DagBag"),
        ("airflow.models.dagbag", "DagBag"),
        ("airflow.models", "DagModel.get_dagmodel"),
        ("airflow.models.dag", "DagModel.get_dagmodel"),
        ("airflow.models", "XCom.get_many"),
        ("airflow.models.xcom", "XCom.get_many"),
    )
}

CLIENTS = frozenset(
    {
        *("requests.Session", "requests.session", "httpx.Client", "urllib3.PoolManager"),
        *("boto3.client", "boto3.resource", "redis.Redis", "redis.StrictRedis", "redis.from_url"),
        *("sqlalchemy.create_engine", "paramiko.SSHClient", "pymongo.MongoClient"),
        *("google.cloud.storage.Client", "google.cloud.bigquery.Client"),
        *("kafka.KafkaProducer", "kafka.KafkaConsumer", "elasticsearch.Elasticsearch"),
    }
)
"""What makes an object whose methods ask another machine."""

DATABASE_NAMES = frozenset(
    {
        *(
            f"airflow.settings.{name}"
            for name in ("Session", "engine", "configure_orm", "SQL_ALCHEMY_CONN")
        ),
        *(f"airflow.utils.session.{name}" for name in ("create_session", "provide_session")),
        *(f"airflow.utils.db.{name}" for name in ("create_session", "provide_session")),
        *(f"airflow.utils.db.{name}" for name in ("resetdb", "initdb", "merge_conn", "upgradedb")),
    }
)
"""What gives a session of Airflow's own database, however it is used."""

_FORMATS = "csv json excel html xml parquet table feather orc"
READS = frozenset(f"{p}.read_{f}" for p in ("pandas", "polars") for f in _FORMATS.split())
"""What reads a file, or an address if it is given one."""
QUERIES_BY_TABLE = frozenset(
    {*(f"pandas.read_{name}" for name in ("sql", "sql_query", "sql_table", "gbq"))}
)
"""What reads from a database."""

WARY = frozenset(CALLS) | DATABASE_NAMES | READS | QUERIES_BY_TABLE
"""All that `naming` must not lose sight of."""

LAST_PARTS = frozenset(name.rpartition(".")[2] for name in WARY)
"""The last parts of those names."""

MODULES = frozenset(name.rpartition(".")[0] for name in WARY if "." in name)
"""The modules of those names."""
