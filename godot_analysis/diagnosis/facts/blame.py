"""Whose mistake a failed call is, by the kind of its error, its code, and the arguments that were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from godot_analysis.reading.classify import classify
from godot_analysis.reading.errors import (
    WORD,
    lacking_argument,
    names_only_its_code,
    paths_in,
    quoted_in,
    without_variables,
)
from godot_analysis.reading.lexicon import kinds

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts.call import Call

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "answers_no",
    "at_fault",
    "error_words",
    "is_generic",
    "may_pass",
    "same_error",
    "says_nothing",
]

INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
METHOD_NOT_FOUND: Final = -32601
INTERNAL_ERROR: Final = -32603
PARSE_ERROR: Final = -32700

AtFault = Literal["caller", "server", "nobody", "unknown"]

_PASSING: Final = (
    "rate.limited",
    "upstream.unavailable",
    "upstream.timeout",
    "request.timeout",
    "connect.timeout",
    "connect.lost",
    "connect.refused",
    "storage.failed",
    "resource.exhausted",
    "dependency.failed",
)
_OF_FILES: Final = frozenset({"file.absent", "permission.denied"})
_OF_STORES: Final = frozenset({"storage.failed"})
_SQL: Final = (
    "select ",
    "insert ",
    "update ",
    "delete ",
    "alter ",
    "create ",
    "with ",
    " from ",
    " into ",
    " table ",
)
_OF_SHELLS: Final = frozenset(
    {
        "the", "not", "found", "was", "command", "executable", "program", "doesn", "exist", "does", "such",
        "file", "directory", "bin", "spawn", "enoent",
    }
)  # fmt: skip
_STEM: Final = 3  # shorter names of files prove nothing


def at_fault(  # noqa: PLR0911 - one for each reason
    call: Call, parameters: frozenset[str] | None = None
) -> AtFault:
    """Who has to change something so that the call succeeds; `nobody` where the answer is an answer.

    `parameters` are all the arguments that there can be, None when nobody knows them.
    """
    lacking = lacking_argument(call.error_text)
    if lacking is not None:
        impossible = parameters is not None and lacking not in parameters
        return "server" if impossible or lacking in (call.arguments or {}) else "caller"
    kind = call.reading.kind
    denied = kind in {"permission.denied", "auth.refused"} and " or " in call.error_text
    if denied and call.tells("entity.absent"):
        kind = "entity.absent"  # it does not exist, or may not be seen: servers do not tell which
    if (kind == "process.not_found" and _ran_it(call)) or (kind in _OF_FILES and _asked_for(call)):
        return "nobody"
    if kind in _OF_STORES and _own_query(call):
        return "caller"
    if kind == "file.absent":
        return "server"
    told = kinds().get(kind)
    # An invalid request is one that was framed wrongly, whatever its arguments.
    if told is None or (told.at_fault == "caller" and call.error_code == INVALID_REQUEST):
        return "unknown"
    if told.at_fault in {"nobody", "person"}:
        return "nobody"
    return told.at_fault if told.at_fault in {"caller", "server"} else "unknown"  # type: ignore[return-value]


def answers_no(call: Call) -> bool:
    """Whether a tool answered that there is no such thing, or a person said no, which is no fault."""
    if call.status == "tool_error" and call.reading.kind in _OF_STORES and _own_query(call):
        return True
    return at_fault(call) == "nobody" and not call.tells("tool.unknown")


def _asked_for(call: Call) -> bool:
    """Whether the file that an error names is the one that the call, or the name of its tool, asks for."""
    sent = f"{call.arguments or ''} {call.tool or ''}".lower()
    paths = [path.replace("\\", "/").lower() for path in paths_in(call.error_text)]
    if paths and not any(path.startswith("/") or ":/" in path for path in paths):
        return True  # a server names its own files in full
    stems = [path.rsplit("/", 1)[-1].rsplit(".", 1)[0] for path in paths]
    return any(len(stem) >= _STEM and stem in sent for stem in stems)


def _ran_it(call: Call) -> bool:
    """Whether the program that is not there is one that the caller itself wanted to run."""
    told = call.reading.words[call.reading.kinds.index("process.not_found")]
    sent = str(call.arguments or "").lower()
    named = (word.lower() for word in WORD.findall(told) if len(word) >= _STEM)
    return any(word in sent for word in named if word not in _OF_SHELLS)


def _own_query(call: Call) -> bool:
    """Whether a database minds what the caller itself wrote: a name that it sent, or SQL."""
    sent = str(call.arguments or "").lower()
    return any(word in sent for word in _SQL) or any(
        name.lower() in sent for name in quoted_in(call.error_text)
    )


def may_pass(call: Call) -> bool:
    """Whether an error says that the same call may succeed later."""
    return call.tells(*_PASSING)


def error_words(call: Call) -> str:
    """The error that a call ended with, in one line."""
    code = f"{call.error_code} " if call.error_code is not None else ""
    return f"{code}{call.error_text or 'an error without a text'}"[:200]


def says_nothing(call: Call) -> bool:
    """Whether an error says that the call failed, and nothing else."""
    text = call.error_text.replace(call.tool, "") if call.tool else call.error_text
    return not text.strip() or classify(text).kinds == ("nothing",)


def is_generic(call: Call) -> bool:
    """Whether an error only words its code, and names nothing that was wrong with this very call."""
    return names_only_its_code(call.error_text)


def same_error(call: Call) -> tuple[int | None, str]:
    """The error of a call without its variable parts, to see that several are one."""
    text = call.error_text.replace(call.tool, "…") if call.tool else call.error_text
    return call.error_code, without_variables(text)
