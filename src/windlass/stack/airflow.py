"""The settings an Airflow needs for the bundle target, each with its reason."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

DEFAULT_STORAGE = Path("/var/lib/airflow/bundles")
BUNDLE_CLASS = "windlass_airflow.bundle.WindlassBundle"


class Wants(Enum):
    """Which values of an option serve as well as the one that is printed."""

    SAME = "same"
    AT_MOST = "at most"  # a number; less is sooner
    OWN = "own"  # whatever suits that Airflow


@dataclass(frozen=True, slots=True)
class AirflowSetting:
    """One option of airflow.cfg. `why` is one line for the reader of the file."""

    section: str
    key: str
    value: str
    why: str
    wants: Wants = Wants.SAME

    @property
    def variable(self) -> str:
        """The environment variable of the same meaning."""
        return f"AIRFLOW__{self.section.upper()}__{self.key.upper()}"


@dataclass(frozen=True, slots=True)
class Mounted:
    """Releases are read from a mounted store; `store` is its path on Airflow's side."""

    store: Path

    def kwargs(self) -> dict[str, str]:
        return {"store": str(self.store)}


@dataclass(frozen=True, slots=True)
class Origin:
    """Releases are fetched from Windlass at `url`, with the token in `token_file`, and kept in
    `cache`; both are paths on Airflow's side."""

    url: str
    token_file: Path
    cache: Path

    def kwargs(self) -> dict[str, str]:
        return {
            "url": self.url,
            "token_file": str(self.token_file),
            "cache": str(self.cache),
        }


_OWN_PROCESSOR = AirflowSetting(
    "scheduler",
    "standalone_dag_processor",
    "True",
    "`airflow dag-processor` parses, so that a bad DAG file cannot hold up the scheduler",
)
_MULTI_TEAM = AirflowSetting(
    "core", "multi_team", "True", "some bundles are a team's (Airflow 3.2 and newer)"
)


def airflow_settings(
    *,
    source: Mounted | Origin,
    environment: str,
    bundles: Mapping[str, str | None],
    public_key: str | None,
    storage: Path = DEFAULT_STORAGE,
    others: Sequence[Mapping[str, object]] = (),
) -> tuple[AirflowSetting, ...]:
    """What every component of the Airflow must have set.

    `bundles` maps the names of the pool to the team that each is for, or None; Airflow must know
    the teams before its processor starts (`airflow teams sync`).
    `public_key` None: releases are not held to a key of ours. `storage` is a folder of each host
    for what Airflow itself keeps of bundles. `others` are bundles that are not Windlass's and stay,
    as items of Airflow's list.
    """
    kwargs: dict[str, object] = {**source.kwargs(), "environment": environment}
    if public_key is not None:
        kwargs["public_key"] = public_key
    kwargs["refresh_interval"] = 1
    pool = [
        {"name": name, "classpath": BUNDLE_CLASS, "kwargs": kwargs}
        | ({"team_name": team} if team else {})
        for name, team in bundles.items()
    ]
    processor = "dag_processor"
    return (
        AirflowSetting(
            processor,
            "dag_bundle_config_list",
            # As JSON writes it, a quote needs none of the many ways that files quote a quote.
            json.dumps([*pool, *others]).replace("'", "\\u0027"),
            "the pool: Airflow reads this list once, Windlass binds repositories to it at run time",
            Wants.OWN,
        ),
        AirflowSetting(
            processor,
            "dag_bundle_storage_path",
            str(storage),
            "local to each host and kept over restarts: the default is a temporary folder",
            Wants.OWN,
        ),
        AirflowSetting(
            processor,
            "refresh_interval",
            "1",
            "look at each bundle's pointer every second",
            Wants.AT_MOST,
        ),
        AirflowSetting(
            processor,
            "bundle_refresh_check_interval",
            "1",
            "and look every second whether one is due",
            Wants.AT_MOST,
        ),
        AirflowSetting(
            processor,
            "file_parsing_sort_mode",
            "modified_time",
            "changed files are parsed first, and DAGs stay when the store is away for a while",
        ),
        AirflowSetting(
            processor,
            "stale_bundle_cleanup_interval",
            "0",
            "Windlass keeps the releases; Airflow has nothing to collect",
        ),
        *_prompt(processor),
        *_patience(processor),
        AirflowSetting(
            "windlass",
            "policy",
            "strict",
            "a DAG that Windlass did not release is an import error; see allowed_bundles",
        ),
        *([_allowed(others)] if others else []),
        *([_MULTI_TEAM] if any(bundles.values()) else []),
    )


def _allowed(others: Sequence[Mapping[str, object]]) -> AirflowSetting:
    names = ",".join(str(one["name"]) for one in others)
    why = "bundles beside Windlass's, whose DAGs are no import errors"
    return AirflowSetting("windlass", "allowed_bundles", names, why, Wants.OWN)


def folder_settings(
    *, dags: Path, is_airflow_2: bool, own_processor: bool = False
) -> tuple[AirflowSetting, ...]:
    """What every component of an Airflow with the target `folder` must have set; `dags` is the
    environment's folder on Airflow's side. Nothing of ours runs inside that Airflow.

    `own_processor`: DAG files of an Airflow 2 are parsed by `airflow dag-processor` and not by its
    scheduler; Airflow 3 has no other way.
    """
    processor = "scheduler" if is_airflow_2 else "dag_processor"
    listing = "dag_dir_list_interval" if is_airflow_2 else "refresh_interval"
    return (
        AirflowSetting(
            "core",
            "dags_folder",
            str(dags),
            "a folder for each namespace, in it a link for each repository; releases lie outside",
            Wants.OWN,
        ),
        AirflowSetting(
            processor,
            listing,
            "30",
            "look for new and removed files; Windlass asks for it sooner where Airflow lets it",
            Wants.AT_MOST,
        ),
        AirflowSetting(
            processor,
            "file_parsing_sort_mode",
            "modified_time",
            "changed files are parsed first, whatever min_file_process_interval says",
        ),
        *([_OWN_PROCESSOR] if is_airflow_2 and own_processor else []),
        *_prompt(processor),
        *_patience("core" if is_airflow_2 else processor),
    )


def _prompt(processor: str) -> tuple[AirflowSetting, ...]:
    """What lets an Airflow show soon what its files say; `processor` is its parser's section."""
    return (
        AirflowSetting(
            processor,
            "stale_dag_threshold",
            "5",
            "a DAG that left its file goes stale after seconds, not after a minute",
            Wants.AT_MOST,
        ),
        AirflowSetting(
            "scheduler",
            "parsing_cleanup_interval",
            "5",
            "and Airflow looks for such DAGs as often",
            Wants.AT_MOST,
        ),
        AirflowSetting(
            "core",
            "min_serialized_dag_update_interval",
            "0",
            "a second change within 30 s must not be run with the structure of the first",
        ),
    )


def _patience(section: str) -> tuple[AirflowSetting, ...]:
    """What keeps one DAG file that hangs from the others: Airflow's own defaults, said aloud, since
    the liveness of the Helm values must be longer."""
    return (
        AirflowSetting(
            "core",
            "dagbag_import_timeout",
            "30",
            "a file that takes longer to import is an import error, and its release comes back",
            Wants.OWN,
        ),
        AirflowSetting(
            section,
            "dag_file_processor_timeout",
            "50",
            "and one that does not heed that is killed; the processor parses the others meanwhile",
            Wants.OWN,
        ),
    )


def as_environment(settings: tuple[AirflowSetting, ...]) -> str:
    """Lines for an environment file, values in single quotes, as a shell reads them."""
    return "".join(f"{s.variable}={_quoted(s.value)}\n" for s in settings)


def as_cfg(settings: tuple[AirflowSetting, ...]) -> str:
    """The sections of airflow.cfg, each option under its reason.

    Airflow interpolates in this file, not in variables: a `%` stands there as `%%`.
    """
    sections: dict[str, list[AirflowSetting]] = {}
    for setting in settings:
        sections.setdefault(setting.section, []).append(setting)
    return "\n".join(
        f"[{section}]\n" + "".join(f"# {s.why}\n{s.key} = {_in_cfg(s)}\n" for s in found)
        for section, found in sections.items()
    )


# Names as in the chart's values.yaml. Five minutes are longer than any one file may take.
_HELM_PROCESSOR = """\
dagProcessor:
  enabled: true
  # restarted after five minutes without a heartbeat: longer than any one file may take to parse
  livenessProbe:
    initialDelaySeconds: 10
    periodSeconds: 60
    timeoutSeconds: 20
    failureThreshold: 5"""


def as_helm_values(settings: tuple[AirflowSetting, ...]) -> str:
    """Values for the official Airflow chart: `config` becomes airflow.cfg in every component, and
    `dagProcessor` starts a processor that is restarted once it does not report any more."""
    lines = [_HELM_PROCESSOR, "config:"]
    section = ""
    for setting in sorted(settings, key=lambda s: s.section):
        if setting.section != section:
            section = setting.section
            lines.append(f"  {section}:")
        lines += [f"    # {setting.why}", f"    {setting.key}: {json.dumps(_in_cfg(setting))}"]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _in_cfg(setting: AirflowSetting) -> str:
    return setting.value.replace("%", "%%")
