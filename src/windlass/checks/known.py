"""What is known of an environment, and what that says of a tree: the families dependencies and
references, which look at every revision as a whole."""

from collections.abc import Collection
from dataclasses import dataclass

from windlass.checks.dependencies import dependency_findings
from windlass.checks.inventory import reference_findings
from windlass.checks.reach import reach_findings
from windlass.checks.shadows import ignore_findings, moved_findings, shadow_findings
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.digest import digest_json
from windlass.domain.finding import Finding
from windlass.domain.ignores import ReadIgnores, read_globs
from windlass.domain.installed import Installed
from windlass.domain.inventory import NOTHING, Inventory


@dataclass(frozen=True, slots=True)
class Known:
    """What an environment has. `installed` None: its interpreter is not known. `folder` is the
    folder of the DAG root within Airflow's, where that is what Python looks from; else empty.
    `read_ignores` reads the ignore files of a tree as its Airflow does."""

    installed: Installed | None = None
    inventory: Inventory = NOTHING
    folder: str = ""
    read_ignores: ReadIgnores = read_globs

    @property
    def digest(self) -> str:
        """Changes whenever a tree could be judged otherwise."""
        return digest_json([self.installed and self.installed.digest, self.inventory.digest])

    def findings(
        self, artifact: Artifact, families: Collection[str], served: Artifact = EMPTY
    ) -> list[Finding]:
        """What the families that are named say of a tree; `served` is the one that it replaces."""
        found: list[Finding] = []
        ignores = self.read_ignores(artifact)
        if "structure" in families:
            found += shadow_findings(artifact, self.installed)
            found += ignore_findings(ignores)
            found += moved_findings(artifact, served)
        if "security" in families:
            found += reach_findings(artifact)
        if "dependencies" in families and self.installed is not None:
            elsewhere = {*self.inventory.declared.modules, self.folder.partition("/")[0]} - {""}
            found += dependency_findings(
                artifact, self.installed, elsewhere, served, ignores.hidden
            )
        if "references" in families:
            found += reference_findings(artifact, self.inventory)
        return found


NOTHING_KNOWN = Known()
