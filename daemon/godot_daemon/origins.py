"""Where the text of a setting comes from: an option, the environment, a secret's file, the settings file."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SETTINGS_FILE: Final = "GODOT_SETTINGS_FILE"
"""Names a file of `NAME=value` lines, as for systemd or a container; the environment wins over it."""

_QUOTES: Final = ("'", '"')
_SHORTEST_QUOTED: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """The text of a setting, None when nobody gave one, and where it was."""

    text: str | None
    source: str
    """`option`, `environment`, `secret file`, `settings file` or `default`."""
    where: str
    """What a person would have to change."""


class Places:
    """All places in which a setting may stand, the first one first.

    Parameters
    ----------
    given
        Options of the command line by field name.
    environ
        The environment; it may name the settings file.
    """

    def __init__(self, given: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        """What could not be read; `find` goes on without it."""
        self._given = given
        self._environ = environ
        self._path = environ.get(SETTINGS_FILE, "")
        self._lines = self._read() if self._path else {}

    def find(self, name: str, *, secret: bool) -> Found:
        """Look for a setting; a secret may stand in a file of its own."""
        if name in self._given:
            return Found(str(self._given[name]), "option", "--" + name.replace("_", "-"))
        named = variable(name)
        for texts, source, suffix in (
            (self._environ, "environment", ""),
            (self._lines, "settings file", f" in {self._path}"),
        ):
            if texts.get(named):
                return Found(texts[named], source, named + suffix)
            if secret and (path := texts.get(f"{named}_FILE")):
                return self._twin(path, f"{named}_FILE{suffix}")
        return Found(None, "default", named)

    def misspelt(self, names: Iterable[str]) -> list[str]:
        """Variables that look like a setting and are none, with what was probably meant."""
        known = {variable(name): None for name in names}
        twins = {f"{name}_FILE" for name in known}
        found = []
        for given in sorted({*self._environ, *self._lines}):
            if given.startswith("GODOT_") and given not in known and given not in twins:
                close = difflib.get_close_matches(given, known, n=1, cutoff=0.85)
                found += [f"{given} is no setting; did you mean {name}?" for name in close]
        return found

    def _twin(self, path: str, where: str) -> Found:
        try:
            return Found(Path(path).read_text(encoding="utf-8").strip(), "secret file", f"{where}: {path}")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{where}: {_why(error)}: {path}")
            return Found(None, "secret file", f"{where}: {path}")

    def _read(self) -> dict[str, str]:
        try:
            lines = Path(self._path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{SETTINGS_FILE}: {_why(error)}: {self._path}")
            return {}
        texts = {}
        for number, line in enumerate(lines, 1):
            name, equals, text = line.strip().partition("=")
            if not name or name.startswith("#"):
                continue
            if not equals:
                self.problems.append(f"{self._path}: line {number} is no NAME=value")
                continue
            texts[name.rstrip()] = _unquoted(text.strip())
        return texts


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"GODOT_{name.upper()}"


def _unquoted(text: str) -> str:
    if len(text) >= _SHORTEST_QUOTED and text[0] in _QUOTES and text[-1] == text[0]:
        return text[1:-1]
    return text


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "is no UTF-8"
