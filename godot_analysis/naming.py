"""What the names of tools tell: the family before the first separator, and which two are most likely one."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["family", "nearest", "normalised"]

_SEPARATOR: Final = re.compile(r"[_\-./:]+")
_ALIKE: Final = 0.75
# Tools such as `create_document` carry no family: the word in front is what they do.
_VERBS: Final = frozenset(
    [
        "add",
        "append",
        "begin",
        "build",
        "call",
        "cancel",
        "check",
        "clear",
        "close",
        "convert",
        "copy",
        "count",
        "create",
        "delete",
        "describe",
        "do",
        "download",
        "edit",
        "execute",
        "export",
        "fetch",
        "find",
        "generate",
        "get",
        "import",
        "insert",
        "inspect",
        "list",
        "load",
        "lookup",
        "make",
        "move",
        "open",
        "ping",
        "post",
        "put",
        "query",
        "read",
        "remove",
        "rename",
        "render",
        "reset",
        "resolve",
        "retrieve",
        "run",
        "save",
        "search",
        "send",
        "set",
        "show",
        "start",
        "stop",
        "store",
        "sync",
        "test",
        "transform",
        "update",
        "upload",
        "validate",
        "view",
        "wait",
        "write",
    ]
)


def family(tool: str) -> str | None:
    """The part of a tool's name that names its backend, None where there is none.

    >>> family("gates_create_document"), family("create_document"), family("frobnicate")
    ('gates', None, None)
    """
    first, *rest = _SEPARATOR.split(tool)
    return first if rest and first and first.lower() not in _VERBS else None


def normalised(tool: str) -> str:
    """The name without what hosts and models rewrite: separators, case, a doubled prefix.

    >>> normalised("Gates-create.document") == normalised("gates_gates_create_document")
    True
    """
    words = [word.lower() for word in _SEPARATOR.split(tool) if word]
    if len(words) > 1 and words[0] == "mcp":
        words = words[1:]
    return "".join(word for index, word in enumerate(words) if index == 0 or word != words[index - 1])


def nearest(tool: str, names: Iterable[str]) -> str | None:
    """The name most like `tool`, if any is alike enough to be what was meant.

    Another family is another backend, however alike the rest is.

    >>> nearest("dewy_search", ["dewey_search"]), nearest("gates_search", ["dewey_search"])
    ('dewey_search', None)
    """
    own = family(tool)
    kin = [name for name in sorted(names) if _alike(own, family(name))]
    found = get_close_matches(tool, kin, n=1, cutoff=0.75)
    return found[0] if found else None


def _alike(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return SequenceMatcher(None, one.lower(), other.lower()).ratio() >= _ALIKE
