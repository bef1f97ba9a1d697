"""What can go wrong, told by what the user can do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class GodotError(Exception):
    """Root of everything that this package raises on purpose.

    Parameters
    ----------
    message
        What happened, in one line.
    hint
        What to do about it, in one line.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class SettingsError(GodotError):
    """Settings that cannot be used: correct them. All problems are reported at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems), "`godot ingest --help` lists the settings")
        self.problems = tuple(problems)

    @property
    def of_options(self) -> bool:
        """Whether something is wrong with what the user has typed, not only with what was there before."""
        return any(problem.startswith("--") for problem in self.problems)


class UnavailableError(GodotError):
    """A server does not answer: start it, or wait; trying again is right."""


class SetupError(GodotError):
    """A server answers but is not set up for us: repair it; trying again is useless.

    Examples: a wrong password, a missing table, a missing privilege.
    """


class InputError(GodotError):
    """What the user handed over cannot be used: a missing file, an unknown id."""
