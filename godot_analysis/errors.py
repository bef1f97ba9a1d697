"""What can go wrong for a user of the analysis, sorted by what the user can do about it."""

from __future__ import annotations

from typing import Any


class GodotAnalysisError(Exception):
    """The root of all errors of this package.

    Attributes
    ----------
    message : str
        What happened, in one line.
    hint : str
        What to do about it; empty when there is nothing to add.
    details : dict
        The facts behind the message (path, line, filter, …).

    Examples
    --------
    >>> from godot_analysis.errors import BadFilter, GodotAnalysisError
    >>> try:
    ...     raise BadFilter("unknown level 'LOUD'", hint="use one of TRACE, DEBUG, INFO, WARN, ERROR")
    ... except GodotAnalysisError as error:
    ...     print(error)
    unknown level 'LOUD' (use one of TRACE, DEBUG, INFO, WARN, ERROR)
    """

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class SourceUnavailable(GodotAnalysisError):  # noqa: N818 - a state of the world, read as a sentence
    """The place that holds the logs cannot be reached: start it, or name another."""


class BadSource(GodotAnalysisError):  # noqa: N818 - named as the others are
    """The place that was named holds no logs this version can read: name another."""


class BadFilter(GodotAnalysisError):  # noqa: N818 - named as the others are
    """A filter has no meaning: correct the argument."""


class BadFile(GodotAnalysisError):  # noqa: N818 - named as the others are
    """A file is missing, unreadable, or holds nothing that is a log record: look at the file."""


class BadFrame(GodotAnalysisError):  # noqa: N818 - named as the others are
    """A frame lacks the columns that a function needs: load it with this package, or add them."""
