"""What the Python of an environment has installed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from windlass.domain.digest import digest_json

# What people import differs from what they install: the best-known of these.
_USUAL = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "jwt": "PyJWT",
    "kubernetes": "kubernetes",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "snowflake.connector": "snowflake-connector-python",
    "telegram": "python-telegram-bot",
    "yaml": "PyYAML",
}
_PROVIDERS = "airflow.providers"


def normalised(name: str) -> str:
    """The one form of a package's name (PEP 503).

    >>> normalised("Flask_SQLAlchemy")
    'flask-sqlalchemy'
    """
    return "-".join(name.lower().replace("_", "-").replace(".", "-").split("-"))


@dataclass(frozen=True)
class Installed:
    """The modules and packages that an interpreter finds without a DAG root.

    `modules` are whole names of modules and packages, as far as the first `__init__.py`;
    `namespaces` are folders above them that have none, `airflow.providers` among them.
    `distributions` maps normalised names to versions, `owners` modules to such names.
    """

    python: str
    modules: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    distributions: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_airflow(self) -> bool:
        """Whether it is an interpreter that DAG files can be imported with at all."""
        return "airflow" in self.modules

    @cached_property
    def digest(self) -> str:
        """Changes whenever something is installed, removed or upgraded."""
        return digest_json([self.python, sorted(self.modules), sorted(self.distributions.items())])

    def has(self, module: str) -> bool:
        """Whether a module can be imported, as far as folders tell: what a package with an
        `__init__.py` holds is not looked at.

        >>> Installed("3.12", frozenset({"google.cloud.storage"}), frozenset({"google"})).has("six")
        False
        """
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if name in self.modules and not module.startswith(f"{_PROVIDERS}."):
                return True
            if name in self.modules and name != "airflow":
                return True
            if name not in self.namespaces and name != "airflow":
                return False
        return True

    def owner_of(self, module: str) -> str | None:
        """The distribution that a module comes from; None where that is not known."""
        parts = module.split(".")
        names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.owners[name] for name in names if name in self.owners), None)

    def modules_of(self, distribution: str) -> Collection[str]:
        """The modules that a distribution brings; what its name suggests where it is missing."""
        own = self._by_owner.get(distribution)
        if own is not None:
            return own
        usual = [m for m, d in _USUAL.items() if normalised(d) == distribution]
        return usual or [distribution.replace("-", "_")]

    @cached_property
    def _by_owner(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for module, owner in self.owners.items():
            found.setdefault(owner, []).append(module)
        return found


def usual_package(module: str) -> str:
    """The package that most likely brings a module.

    >>> usual_package("airflow.providers.common.sql.hooks.sql"), usual_package("yaml")
    ('apache-airflow-providers-common-sql', 'PyYAML')
    """
    parts = module.split(".")
    if module.startswith(f"{_PROVIDERS}.") and len(parts) > 2:
        deep = ("common", "cncf", "apache", "atlassian", "dbt", "microsoft")
        length = 4 if parts[2] in deep else 3
        return "-".join(["apache", *parts[:length]])
    if parts[0] == "google" and parts[1:2] == ["cloud"] and len(parts) > 2:
        return f"google-cloud-{parts[2].replace('_', '-')}"
    for length in (2, 1):
        if (known := _USUAL.get(".".join(parts[:length]))) is not None:
            return known
    return parts[0]
