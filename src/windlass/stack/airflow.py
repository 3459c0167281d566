"""The settings an Airflow needs for the bundle target, each with its reason."""

import json
from dataclasses import dataclass
from pathlib import Path

BUNDLE_CLASS = "windlass_airflow.bundle.WindlassBundle"


@dataclass(frozen=True, slots=True)
class AirflowSetting:
    """One option of airflow.cfg. `why` is one line for the reader of the file."""

    section: str
    key: str
    value: str
    why: str

    @property
    def variable(self) -> str:
        """The environment variable of the same meaning."""
        return f"AIRFLOW__{self.section.upper()}__{self.key.upper()}"


def bundle_names(count: int) -> list[str]:
    """The names of a pool of bundles: windlass-00, windlass-01, …"""
    return [f"windlass-{number:02d}" for number in range(count)]


def airflow_settings(
    *, store: Path, environment: str, bundles: list[str]
) -> tuple[AirflowSetting, ...]:
    """What every component of the Airflow must have set; `store` is its path on Airflow's side."""
    pool = [
        {
            "name": name,
            "classpath": BUNDLE_CLASS,
            "kwargs": {"store": str(store), "environment": environment, "refresh_interval": 1},
        }
        for name in bundles
    ]
    processor = "dag_processor"
    return (
        AirflowSetting(
            processor,
            "dag_bundle_config_list",
            json.dumps(pool),
            "the pool: Airflow reads this list once, Windlass binds repositories to it at run time",
        ),
        AirflowSetting(
            processor,
            "refresh_interval",
            "1",
            "look at each bundle's pointer every second",
        ),
        AirflowSetting(
            processor,
            "bundle_refresh_check_interval",
            "1",
            "and look every second whether one is due",
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
        AirflowSetting(
            processor,
            "stale_dag_threshold",
            "5",
            "a DAG that left its file goes stale after seconds, not after a minute",
        ),
        AirflowSetting(
            "scheduler",
            "parsing_cleanup_interval",
            "5",
            "and Airflow looks for such DAGs as often",
        ),
        AirflowSetting(
            "core",
            "min_serialized_dag_update_interval",
            "0",
            "a second change within 30 s must not be run with the structure of the first",
        ),
    )


def as_environment(settings: tuple[AirflowSetting, ...]) -> str:
    """Lines for an environment file, values in single quotes."""
    return "".join(f"{s.variable}='{s.value}'\n" for s in settings)


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


def as_helm_values(settings: tuple[AirflowSetting, ...]) -> str:
    """Values for the official Airflow chart: `config` becomes airflow.cfg in every component."""
    lines = ["config:"]
    section = ""
    for setting in sorted(settings, key=lambda s: s.section):
        if setting.section != section:
            section = setting.section
            lines.append(f"  {section}:")
        lines += [f"    # {setting.why}", f"    {setting.key}: {json.dumps(_in_cfg(setting))}"]
    return "\n".join(lines) + "\n"


def _in_cfg(setting: AirflowSetting) -> str:
    return setting.value.replace("%", "%%")
