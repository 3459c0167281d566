"""Rules about pipelines: what keeps a YAML document from becoming a DAG file, and advice."""

import hashlib

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_PATH = "pipelines/orders.yaml"
_STEP = '{name: load, type: bash, command: "true"}'
_READ_ALIKE = "A text that is read in one way only cannot mean another thing in Airflow than here."
_NO_IDLE_KEY = "A key without an effect would be believed to have one."
_AT_ONCE = "Airflow would tell it at the first run, or never; here it is told before the merge."


def _doc(*lines: str, steps: tuple[str, ...] = (_STEP,)) -> str:
    listed = ["  steps:", *(f"    - {step}" for step in steps)] if steps else []
    head = ["apiVersion: windlass/v1", "pipeline:", "  name: orders", "  domain: sales"]
    return "\n".join([*head, *(f"  {line}" for line in lines), *listed]) + "\n"


def _step(*steps: str) -> str:
    return _doc(steps=steps)


def _rule(
    code: str,
    what: str,
    why: str,
    mend: str,
    *examples: str | Files,
    severity: Severity = Severity.CRITICAL,
    untried: str = "",
) -> Rule:
    """`examples` are the bad one and the good one; a text is the pipeline at `_PATH`."""
    bad, good = ({_PATH: one} if isinstance(one, str) else one for one in examples)
    return Rule(
        code=code,
        family="pipelines",
        type=FindingType.STRUCTURE,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=good,
        waiving=Waiving.NEVER if severity is Severity.CRITICAL else Waiving.CONTROL,
        untried=untried,
    )


def _copy(source: str, target: str) -> str:
    return _step(f"{{name: copy, type: transfer, from: {{{source}}}, to: {{{target}}}}}")


_SHOP, _DW = "type: postgres, connection: shop", "type: postgres, connection: dw"
_TEMPLATE = """\
apiVersion: windlass/v1
template:
  description: Runs one command
  params:
    command: {type: string, description: What is run.}
pipeline:
  steps:
    - {name: run, type: bash, command: "${with.command}"}
"""
_TEMPLATE_PATH = "templates/job/1.0.0/template.yaml"
_WITH = "with: {command: load.sh}"


def _made(*lines: str, template: str = _TEMPLATE, lock: str | None = None) -> Files:
    """A pipeline that is made with a template, and the lock that fits."""
    digest = hashlib.sha256(template.encode()).hexdigest()
    return {
        _PATH: _doc(*lines, steps=()),
        _TEMPLATE_PATH: template,
        "pipelines.lock": f"job 1.0.0 sha256:{digest}\n" if lock is None else lock,
    }


_GOOD = _made("template: job@1.0.0", _WITH)


def _templates() -> tuple[Rule, ...]:
    return (
        _rule(
            "PIPE050",
            "The template is not there",
            "What a pipeline is made with lies in its own repository, so that nothing else can "
            "change it.",
            "Correct the name, or add templates/NAME/X.Y.Z/template.yaml.",
            _made("template: jbo@1.0.0", _WITH),
            _GOOD,
        ),
        _rule(
            "PIPE051",
            "The template has no such version",
            "A version that is gone, or not there yet, cannot be compiled.",
            "Name a version that is there: `windlass template list`.",
            _made("template: job@2.0.0", _WITH),
            _GOOD,
        ),
        _rule(
            "PIPE052",
            "The version of the template is not locked",
            "Only what `pipelines.lock` holds is known to be what its author meant.",
            "Run `windlass template lock`, and commit pipelines.lock.",
            _made("template: job@1.0.0", _WITH, lock=""),
            _GOOD,
        ),
        _rule(
            "PIPE053",
            "A locked version of a template has another content",
            "A version that can change would change every pipeline that is made with it, unseen.",
            "Restore it, and put the change into a new version. A version that nobody uses yet "
            "may be taken out of pipelines.lock, and be locked again.",
            _made("template: job@1.0.0", _WITH, lock=f"job 1.0.0 sha256:{'0' * 64}\n"),
            _GOOD,
        ),
        _rule(
            "PIPE055",
            "A param of the template is missing",
            "A param without a default has no value that could be guessed.",
            "Give it below `with`.",
            _made("template: job@1.0.0"),
            _GOOD,
        ),
        _rule(
            "PIPE056",
            "The template has no such param",
            _NO_IDLE_KEY,
            "Correct the name, or take it out.",
            _made("template: job@1.0.0", "with: {command: load.sh, comand: x}"),
            _GOOD,
        ),
        _rule(
            "PIPE057",
            "A value is not what the template expects",
            "A template says what its params may be, as JSON Schema, so that a wrong value is told "
            "where it was written.",
            "Correct the value.",
            _made("template: job@1.0.0", "with: {command: 5}"),
            _GOOD,
        ),
        _rule(
            "PIPE058",
            "A template names a param that it has not, or puts a list into a text",
            "Nothing but its params is known to a template.",
            "Define it below `template.params`; a list stands by itself: `key: ${with.NAME}`.",
            _made("template: job@1.0.0", _WITH, template=_TEMPLATE.replace("with.c", "with.k")),
            _GOOD,
        ),
        _rule(
            "PIPE059",
            "A template is not one",
            "Its folder is its name and its version, its params are JSON Schema; nothing else "
            "could be found or checked.",
            "See docs/pipelines/templates.md.",
            {**_GOOD, "templates/Job/v1/template.yaml": _TEMPLATE},
            _GOOD,
        ),
        _rule(
            "PIPE064",
            "The template is deprecated",
            "Its authors say why, and what to use instead.",
            "`windlass template upgrade NAME --plan` shows what a newer version changes.",
            _made(
                "template: job@1.0.0",
                _WITH,
                template=_TEMPLATE.replace("command\n", "command\n  deprecated: Use task@1.\n", 1),
            ),
            _GOOD,
            severity=Severity.LOW,
        ),
        _rule(
            "PIPE065",
            "A param of a template is not used",
            _NO_IDLE_KEY,
            "Use it, or take it out in the next version. `windlass template lock` tells it.",
            _GOOD,
            _GOOD,
            severity=Severity.LOW,
            untried="it is told when the template is locked, not in a sync",
        ),
        _rule(
            "PIPE066",
            "A line of pipelines.lock says nothing of a template",
            "A conflict of a merge was committed: which of its sides holds is not for us to say.",
            "Solve it, then run `windlass template lock`.",
            {**_GOOD, "pipelines.lock": f"{_GOOD['pipelines.lock']!s}<<<<<<< HEAD\n"},
            _GOOD,
        ),
        _rule(
            "PIPE068",
            "The pattern of a param is no regular expression",
            "No value could be judged by it.",
            "Correct it: Python's `re` reads it.",
            _made(
                "template: job@1.0.0", _WITH, template=_TEMPLATE.replace("}", ', pattern: "["}', 1)
            ),
            _GOOD,
        ),
    )


_SSH = "class: airflow.providers.ssh.operators.ssh.SSHOperator"


def _ssh(given: str, named: str = _SSH) -> str:
    return _step(f"{{name: run, type: operator, {named}, arguments: {{{given}}}}}")


def _operators() -> tuple[Rule, ...]:
    read = "The files that the environment's interpreter has installed are read for it; what they "
    read += "do not tell is left to the import."
    untried = "it takes an interpreter with that provider"
    good = _ssh("ssh_conn_id: host, command: uptime")
    return (
        _rule(
            "PIPE070",
            "The environment has no such operator",
            f"The DAG file could not be imported. {read}",
            "Correct the path, or install the provider where Airflow runs.",
            _ssh("ssh_conn_id: host, command: uptime", f"{_SSH}s"),
            good,
            untried=untried,
        ),
        _rule(
            "PIPE071",
            "The operator has no such argument",
            f"Airflow refuses the DAG that gives it. {read}",
            "Correct the name, or take it out.",
            _ssh("ssh_conn_id: host, command: uptime, comand: x"),
            good,
            untried=untried,
        ),
        _rule(
            "PIPE072",
            "The operator needs another argument",
            f"Airflow refuses the DAG that lacks it. {read}",
            "Add it below `arguments`.",
            _ssh("ssh_conn_id: host").replace("ssh_conn_id: host", ""),
            good,
            untried=untried,
        ),
    )


RULES = (
    _rule(
        "PIPE001",
        "The file is nearly a pipeline",
        "A slip of the pen in its first key would make it a file that nobody reads, and its DAG "
        "would be gone.",
        "Write `pipeline:`, or move a file that is none out of the folder.",
        _doc().replace("pipeline:", "pipelne:"),
        _doc(),
    ),
    _rule(
        "PIPE002",
        "A name is none of its kind",
        "Airflow, Python or the system behind it would refuse it later, or read it otherwise.",
        "Write it as the example that is told.",
        _doc("tags: ['a,b']"),
        _doc("tags: [a, b]"),
    ),
    _rule(
        "PIPE003",
        "The schedule is no cron expression",
        _AT_ONCE,
        "Five fields: minute, hour, day of month, month, day of week; or a preset such as @daily.",
        _doc('schedule: "0 33 * * *"'),
        _doc('schedule: "0 3 * * *"'),
    ),
    _rule(
        "PIPE004",
        "A duration is none",
        _READ_ALIKE,
        "Write numbers with w, d, h, m or s: 90s, 1h30m.",
        _doc("timeout: soon"),
        _doc("timeout: 2h"),
    ),
    _rule(
        "PIPE005",
        "There is no such time zone",
        _AT_ONCE,
        "Write a name of the IANA list, such as Europe/Berlin.",
        _doc("schedule: {type: preset, expression: '@daily', timezone: Europe/Berln}"),
        _doc("schedule: {type: preset, expression: '@daily', timezone: Europe/Berlin}"),
    ),
    _rule(
        "PIPE006",
        "A date is none, or has a zone of its own",
        _READ_ALIKE,
        "Write 2026-01-31 or 2026-01-31T06:00; the zone is `timezone`.",
        _doc("schedule: {type: preset, expression: '@daily', start: 31.1.2026}"),
        _doc("schedule: {type: preset, expression: '@daily', start: 2026-01-31}"),
    ),
    _rule(
        "PIPE007",
        "A version is none",
        _READ_ALIKE,
        'Write up to three numbers: "1.0.0", "v1.0".',
        _doc('version: "newest"'),
        _doc('version: "1.0.0"'),
    ),
    _rule(
        "PIPE008",
        "A function is not named by its dotted path",
        "The DAG file imports the function from a module of the repository.",
        "Write MODULE.FUNCTION, such as company.orders.load.",
        _step("{name: load, type: python, callable: load}"),
        _step("{name: load, type: python, callable: company.orders.load}"),
    ),
    _rule(
        "PIPE009",
        "A function is one of Python or of Airflow itself",
        "A pipeline that may call `os.system` or `subprocess.run` is code by another name.",
        "Write a function in the repository that does it, and name that.",
        _step("{name: load, type: python, callable: os.system}"),
        _step("{name: load, type: python, callable: company.orders.load}"),
    ),
    _rule(
        "PIPE010",
        "An asset has no URI that Airflow takes",
        _AT_ONCE,
        "Write printable ASCII without spaces, of a scheme other than airflow:.",
        _step('{name: load, type: bash, command: "true", produces: ["airflow://x"]}'),
        _step('{name: load, type: bash, command: "true", produces: ["s3://lake/orders"]}'),
    ),
    _rule(
        "PIPE011",
        "A sensor has a key of another kind",
        _NO_IDLE_KEY,
        "Take it out, or change `for`.",
        _step("{name: wait, type: sensor, for: file, path: /x, bucket: lake}"),
        _step("{name: wait, type: sensor, for: file, path: /x}"),
    ),
    _rule(
        "PIPE012",
        "A sensor lacks what its kind needs",
        _AT_ONCE,
        "Add the key that is named.",
        _step("{name: wait, type: sensor, for: s3, bucket: lake}"),
        _step("{name: wait, type: sensor, for: s3, bucket: lake, key: orders.csv}"),
    ),
    _rule(
        "PIPE013",
        "A database has no table",
        "Rows come from a table or a query, and go to a table.",
        "Add `table`.",
        _copy(_SHOP, f"{_DW}, table: orders"),
        _copy(f"{_SHOP}, table: orders", f"{_DW}, table: orders"),
    ),
    _rule(
        "PIPE014",
        "An end names no connection",
        "The id is then made from type, host and database, or is the provider's default: neither "
        "may be what was meant.",
        "Add `connection`: the id of a connection of Airflow.",
        _copy("type: postgres, host: db, table: orders", f"{_DW}, table: orders"),
        _copy(f"{_SHOP}, table: orders", f"{_DW}, table: orders"),
        severity=Severity.LOW,
    ),
    _rule(
        "PIPE015",
        "Inputs and outputs do not go together",
        "Several inputs go to one output, or each to the one at its place.",
        "Name one output, or as many as there are inputs.",
        _step(
            "{name: load, type: ingestion, inputs: [{type: s3, bucket: a, key: b}], outputs: ["
            "{type: s3, bucket: c, key: d}, {type: s3, bucket: e, key: f}]}"
        ),
        _step(
            "{name: load, type: ingestion, inputs: [{type: s3, bucket: a, key: b}], outputs: ["
            "{type: s3, bucket: c, key: d}]}"
        ),
    ),
    _rule(
        "PIPE016",
        "No step moves rows between these two",
        "Every pair that is compiled moves rows by a provider's own operator; where there is none, "
        "a task that fails at its first run would be a promise broken.",
        "Go by a place in between, such as s3, or write a step of the type python or operator.",
        _copy("type: mail, attachment: a.csv", f"{_DW}, table: orders"),
        _copy("type: mail, attachment: a.csv", "type: s3, bucket: lake, key: a.csv"),
    ),
    _rule(
        "PIPE017",
        "Two inputs have one name",
        "Their tasks are called after them.",
        "Rename one.",
        _step(
            "{name: load, type: ingestion, inputs: [{name: a, type: s3, bucket: a, key: b}, "
            "{name: a, type: s3, bucket: a, key: c}], outputs: [{type: s3, bucket: c, key: d}]}"
        ),
        _step(
            "{name: load, type: ingestion, inputs: [{name: a, type: s3, bucket: a, key: b}, "
            "{name: b, type: s3, bucket: a, key: c}], outputs: [{type: s3, bucket: c, key: d}]}"
        ),
    ),
    _rule(
        "PIPE018",
        "There is no such variable",
        "`${vars.NAME}` is filled in when the pipeline is compiled; an empty text in its place "
        "would be another command.",
        "Define it below `vars`, or write $${vars. for a text that begins so.",
        _step('{name: load, type: bash, command: "echo ${vars.region}"}'),
        _doc(
            "vars: {region: eu}",
            steps=('{name: load, type: bash, command: "echo ${vars.region}"}',),
        ),
    ),
    _rule(
        "PIPE019",
        "The pipeline has no step",
        "Airflow takes a DAG without tasks, and runs nothing.",
        "Add a step, or name a template that has some.",
        _doc("steps: []", steps=()),
        _doc(),
    ),
    _rule(
        "PIPE020",
        "The environment has no such cluster",
        "What a cluster means is the environment's to say; no pool is made up for it, so its tasks "
        "run in Airflow's default pool.",
        "Name a cluster of the inventory, or add it there: docs/inventory.md.",
        _doc() + "resources: {compute_cluster: big}\n",
        _doc(),
        severity=Severity.LOW,
    ),
    _rule(
        "PIPE021",
        "The key cannot be mapped over",
        "Airflow expands arguments of an operator; only some keys of a step are one.",
        "Map into one of the keys that are named.",
        _step("{name: load, type: bash, command: x, map: {into: cwd, over: [a]}}"),
        _step("{name: load, type: bash, map: {into: command, over: [a, b]}}"),
    ),
    _rule(
        "PIPE022",
        "A key is in the step and mapped",
        "One of the two would have no effect.",
        "Take it out of the step.",
        _step("{name: load, type: bash, command: x, map: {into: command, over: [a]}}"),
        _step("{name: load, type: bash, map: {into: command, over: [a]}}"),
    ),
    _rule(
        "PIPE023",
        "A mapped step lacks the rest",
        _AT_ONCE,
        "Add the key that is named.",
        _step('{name: load, type: bash, map: {into: env, over: [{N: "1"}]}}'),
        _step('{name: load, type: bash, command: x, map: {into: env, over: [{N: "1"}]}}'),
    ),
    _rule(
        "PIPE024",
        "The environment does not allow the operator",
        "A step of the type operator may name any class; which, is for those to say who run the "
        "environment.",
        "Name another, or have its prefix added to `operators` of the inventory.",
        _step("{name: load, type: operator, class: company.Own}"),
        _step("{name: load, type: operator, class: airflow.providers.ssh.operators.ssh.SSH}"),
    ),
    _rule(
        "PIPE025",
        "A schedule by assets names none",
        "It would never run.",
        "Add any_of or all_of.",
        _doc("schedule: {type: asset, any_of: []}"),
        _doc('schedule: {type: asset, any_of: ["s3://lake/orders"]}'),
    ),
    _rule(
        "PIPE026",
        "Catchup without a start",
        "Missed runs are made up for from `start` on.",
        "Add start.",
        _doc("schedule: {type: preset, expression: '@daily', catchup: true}"),
        _doc("schedule: {type: preset, expression: '@daily', catchup: true, start: 2026-01-31}"),
    ),
    _rule(
        "PIPE027",
        "It ends before it begins",
        "It would never run.",
        "Correct start or end.",
        _doc("schedule: {type: preset, expression: '@daily', start: 2026-02-01, end: 2026-01-01}"),
        _doc("schedule: {type: preset, expression: '@daily', start: 2026-01-01, end: 2026-02-01}"),
    ),
    _rule(
        "PIPE028",
        "A preset is none",
        _READ_ALIKE,
        "Write @daily or another preset, or the type cron.",
        _doc("schedule: {type: preset, expression: '0 3 * * *'}"),
        _doc("schedule: {type: cron, expression: '0 3 * * *'}"),
    ),
    _rule(
        "PIPE029",
        "The environment does not allow the timetable",
        "A timetable is code that runs in the scheduler.",
        "Name one of Airflow's own, or have its prefix added to `operators` of the inventory.",
        _doc("schedule: {type: timetable, class: company.Own}"),
        _doc("schedule: {type: timetable, class: airflow.timetables.simple.OnceTimetable}"),
    ),
    _rule(
        "PIPE030",
        "This Airflow has no deadlines",
        "They came with Airflow 3.1.",
        "Leave it out, or write `timeout`, which ends the run.",
        _doc("deadline: {after: 2h, notify: [{slack: {channel: '#data'}}]}"),
        _doc("timeout: 2h"),
        untried="it takes an environment with Airflow 2.11",
    ),
    _rule(
        "PIPE031",
        "A deadline has not one notice",
        "Airflow calls one callback for each deadline.",
        "Name one.",
        _doc("deadline: {after: 2h, notify: []}"),
        _doc("deadline: {after: 2h, notify: [{slack: {channel: '#data'}}]}"),
    ),
    _rule(
        "PIPE032",
        "A param of a scheduled pipeline has no default",
        "Nobody fills it in when the schedule starts a run, which fails at once.",
        "Add default.",
        _doc("schedule: '@daily'", "params: {day: {type: string}}"),
        _doc("schedule: '@daily'", "params: {day: {type: string, default: monday}}"),
    ),
    _rule(
        "PIPE033",
        "The default of a param is of another type",
        _AT_ONCE,
        "Correct the type, or the default.",
        _doc("params: {rows: {type: integer, default: many}}"),
        _doc("params: {rows: {type: integer, default: 5}}"),
    ),
    _rule(
        "PIPE034",
        "The default of a param is not in its enum",
        _AT_ONCE,
        "Correct one of them.",
        _doc("params: {day: {type: string, enum: [mon, tue], default: sun}}"),
        _doc("params: {day: {type: string, enum: [mon, tue], default: mon}}"),
    ),
    _rule(
        "PIPE035",
        "A step depends on one that there is not",
        "It would run without waiting.",
        "Name a step or a group.",
        _step(_STEP, "{name: tell, type: bash, command: x, depends_on: laod}"),
        _step(_STEP, "{name: tell, type: bash, command: x, depends_on: load}"),
    ),
    _rule(
        "PIPE036",
        "A step is mapped over one that there is not",
        "What it is mapped over is what another step returns.",
        "Name a step.",
        _step("{name: load, type: bash, map: {into: command, step: lst}}"),
        _step(
            "{name: list, type: bash, command: ls}",
            "{name: load, type: bash, map: {into: command, step: list}}",
        ),
    ),
    _rule(
        "PIPE037",
        "Two steps have one name",
        "A name is the id of a task, with which its history goes.",
        "Rename one.",
        _step(_STEP, _STEP),
        _step(_STEP, _STEP.replace("load", "tell")),
    ),
    _rule(
        "PIPE038",
        "A step is called as a group",
        "`depends_on` could mean either.",
        "Rename one.",
        _step(_STEP, "{name: b, type: bash, command: x, group: load}"),
        _step(_STEP, "{name: b, type: bash, command: x, group: loads}"),
    ),
    _rule(
        "PIPE039",
        "Steps wait for each other",
        "None of them could ever begin; Airflow refuses such a DAG.",
        "Take one depends_on away.",
        _step(
            "{name: a, type: bash, command: x, depends_on: b}",
            "{name: b, type: bash, command: x, depends_on: a}",
        ),
        _step(
            "{name: a, type: bash, command: x}", "{name: b, type: bash, command: x, depends_on: a}"
        ),
    ),
    _rule(
        "PIPE040",
        "Two pipelines have one dag_id",
        "In one Airflow a dag_id is one DAG.",
        "Rename one.",
        {_PATH: _doc(), "pipelines/other.yaml": _doc()},
        {_PATH: _doc(), "pipelines/other.yaml": _doc().replace("orders", "rates")},
    ),
    _rule(
        "PIPE041",
        "Two pipelines are compiled to one file",
        "x.yaml and x.yml both become x.py.",
        "Rename one.",
        {_PATH: _doc(), "pipelines/orders.yml": _doc().replace("orders", "rates")},
        {_PATH: _doc(), "pipelines/rates.yml": _doc().replace("orders", "rates")},
    ),
    _rule(
        "PIPE043",
        "A variable is not used",
        _NO_IDLE_KEY,
        "Use it, or take it out.",
        _doc("vars: {region: eu}"),
        _doc(),
        severity=Severity.LOW,
    ),
    _rule(
        "PIPE044",
        "A DAG file is not what its document compiles to",
        "What was edited by hand would be lost at the next compile, and nobody reviews it.",
        "Run `windlass compile` and commit what it writes, or delete the file.",
        {_PATH: _doc(), "pipelines/orders.py": "# edited\n"},
        _doc(),
        untried="what is committed beside a document only a tree tells: tests/integration/"
        "test_sync_pipelines.py tries it",
    ),
    _rule(
        "PIPE045",
        "A document kills what compiles it",
        "Documents are read in a process that may be killed, so that one costs no other anything.",
        "Make it smaller and simpler.",
        _doc(),
        _doc(),
        untried="no text is known that does it",
    ),
    _rule(
        "PIPE046",
        "There are too many pipelines",
        "5,000 documents are compiled in one repository.",
        "Split the repository.",
        _doc(),
        _doc(),
        untried="it takes more than 5,000 files",
    ),
    _rule(
        "PIPE047",
        "A key changes nothing between these two ends",
        _NO_IDLE_KEY,
        "Leave it out.",
        _copy("type: s3, bucket: a, key: b", "type: s3, bucket: c, key: d, format: csv"),
        _copy(f"{_SHOP}, table: a", f"{_DW}, table: b"),
    ),
    _rule(
        "PIPE048",
        "Two connections where one serves",
        "The provider's operator takes one for both ends.",
        "Name one that may do both.",
        _copy(
            "type: s3, bucket: a, key: b, connection: one",
            "type: s3, bucket: c, key: d, connection: two",
        ),
        _copy("type: s3, bucket: a, key: b, connection: one", "type: s3, bucket: c, key: d"),
    ),
    *_templates(),
    *_operators(),
)
