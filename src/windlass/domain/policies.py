"""All release policies and waivers of an installation, and which of them are for whom."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

from windlass.domain.demands import Whose
from windlass.domain.digest import digest_json
from windlass.domain.policy import Policy
from windlass.domain.waiver import Waiver


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the control side says of one repository: its policy, and the waivers that hold."""

    policy: Policy
    waivers: tuple[Waiver, ...] = ()

    @property
    def digest(self) -> str:
        """Changes whenever the ruling does, also by a day that passes."""
        if not self.waivers:
            return self.policy.digest
        return digest_json([self.policy.digest, [one.to_json() for one in self.waivers]])


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """Policies by what they say they apply to. No two name the same repository, namespace or
    environment; `default` is for those that none names."""

    policies: tuple[Policy, ...] = ()
    waivers: tuple[Waiver, ...] = ()

    def ruling(self, whose: Whose, day: date, fallback: Policy) -> Ruling:
        """What holds for a repository on a day. A policy that names the repository comes before one
        that names its namespace, and that before one that names its environment; then comes the
        policy named `default`, and then the fallback."""
        waivers = tuple(
            one
            for one in self.waivers
            if one.until >= day and one.repository in (None, whose.repository)
        )
        return Ruling(self._policy(whose) or fallback, waivers)

    def _policy(self, whose: Whose) -> Policy | None:
        for one in self.policies:
            if whose.repository in one.applies_to.repositories:
                return one
        for one in self.policies:
            if whose.namespace in one.applies_to.namespaces:
                return one
        for one in self.policies:
            if whose.environment in one.applies_to.environments:
                return one
        return next((one for one in self.policies if one.name == "default"), None)


def find_clash(policies: Iterable[Policy]) -> tuple[str, str, str] | None:
    """Two policies that are for the same, and what that is; None where no two are."""
    seen: dict[tuple[str, str], str] = {}
    for one in policies:
        for kind, names in asdict(one.applies_to).items():
            for name in names:
                other = seen.setdefault((kind, name), one.name)
                if other != one.name:
                    return other, one.name, f"the {_SINGULAR[kind]} {name}"
    return None


_SINGULAR = {
    "repositories": "repository",
    "namespaces": "namespace",
    "environments": "environment",
}
