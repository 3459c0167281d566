"""What an import depended on in its tree, and whether another tree has the same.

A need is a text: `f:PATH` for a path that was opened or looked at, `l:FOLDER` for a folder that was
listed, `n:FOLDER:MODULE` for a module that was looked for in a folder. What is there is a text too.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from windlass.domain.artifact import Artifact
from windlass.domain.digest import digest_json

ABSENT = ""


class Surroundings:
    """A tree, as an import looks at it."""

    def __init__(self, artifact: Artifact) -> None:
        self._files = artifact.files
        self._artifact = artifact
        self._listed: dict[str, str] = {}

    def answer(self, need: str) -> str:
        """What is there for a need.

        >>> Surroundings(Artifact()).answer("f:a.sql")
        ''
        """
        kind, _, what = need.partition(":")
        if kind == "f":
            entry = self._files.get(what)
            return f"{entry.mode}:{entry.digest}" if entry else self._folder_mark(what)
        if kind == "l":
            return self._names_in(what)
        folder, _, module = what.rpartition(":")
        place = f"{folder}/{module}" if folder else module
        return self._module_mark(place)

    def has(self, needs: Mapping[str, str]) -> bool:
        """Whether everything is there as it was."""
        return all(self.answer(need) == there for need, there in needs.items())

    def answers(self, needs: Iterable[str]) -> dict[str, str]:
        return {need: self.answer(need) for need in needs}

    def _folder_mark(self, path: str) -> str:
        return "folder" if path in self._folders or not path else ABSENT

    def _module_mark(self, place: str) -> str:
        """What importing could find there: a package, a folder without `__init__`, a module."""
        marks = ["p" if f"{place}/__init__.py" in self._files else ""]
        marks += [
            "d" if place in self._folders else "",
            "m" if f"{place}.py" in self._files else "",
        ]
        return "".join(marks)

    def _names_in(self, folder: str) -> str:
        if folder not in self._listed:
            names = self._folders.get(folder)
            self._listed[folder] = ABSENT if names is None else digest_json(sorted(names))
        return self._listed[folder]

    @cached_property
    def _folders(self) -> dict[str, set[str]]:
        """Folder → the names in it, those of folders with a slash behind."""
        found: dict[str, set[str]] = {"": set()}
        for chunk in self._artifact.chunks:
            for folder, names in chunk.folders.items():
                found.setdefault(folder, set()).update(names)
        for folder in [*found]:
            while folder:
                parent, _, name = folder.rpartition("/")
                found.setdefault(parent, set()).add(f"{name}/")
                folder = parent  # noqa: PLW2901  # up to the root
        return found


def needs_touched(added_or_gone: Iterable[str], modified: Iterable[str]) -> frozenset[str]:
    """Every need whose answer may be another one where these paths differ.

    >>> sorted(needs_touched([], ["a/b.sql"]))
    ['f:a/b.sql']
    """
    touched = {f"f:{path}" for path in modified}
    for path in added_or_gone:
        place = path
        while place:
            folder, _, name = place.rpartition("/")
            module = name.removesuffix(".py")
            touched |= {f"f:{place}", f"l:{folder}", f"n:{folder}:{module}"}
            place = folder
        touched |= {"f:", "l:"}
    return frozenset(touched)
