"""What people are used to write: `%s` arguments, keyword arguments, `exc_info`, an exception as message."""

import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

from godot_loglib.freeze import interrupts, printable

_PLACE: Final = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<flags>[-+ #0]*)"
    r"(?P<width>\*|\d+)?(?:\.(?P<digits>\*|\d+))?[hlL]?(?P<kind>.)",
    re.DOTALL,
)
RESERVED: Final = frozenset(
    {"trace_id", "data", "exc_info", "stack_info", "stacklevel", "extra"}
)  # keywords that are no field
_KINDS: Final = frozenset("diouxXeEfFgGcrsa")
_TEXTS: Final = frozenset("sarc")
_NUMBERS: Final = (int, float, complex)


class Call:
    """A call, as it was meant: text, data, trace."""

    __slots__ = ("data", "message", "trace_id")

    def __init__(self, message: Any, arguments: tuple[Any, ...], fields: dict[str, Any]) -> None:
        self.message = message
        self.trace_id = fields.pop("trace_id", None)
        rest = self._place(arguments)
        # (message, data, trace_id), as far as the arguments are not in the text by now.
        self.data: Any = rest[0] if rest else None
        further = rest[1:]
        if further and self.trace_id is None and _may_be_trace(further[0]):
            self.trace_id, further = further[0], further[1:]
        if further:
            self.data = {"arguments": list(rest)}
        self._add_fields(fields)

    def _place(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Put the arguments into the text where it has places for them; those that are left over."""
        text = self.message
        if not isinstance(text, str) or not arguments or "%" not in text:
            return arguments
        places = [match for match in _PLACE.finditer(text) if match["kind"] != "%"]
        if not places or not all(map(_is_place, places)):
            return arguments
        first = arguments[0]
        if any(match["key"] is not None for match in places):
            if isinstance(first, Mapping) and (made := _formatted(text, first)) is not None:
                self.message = made
            return arguments
        count = sum(1 + (match["width"] == "*") + (match["digits"] == "*") for match in places)
        if count > len(arguments):
            return arguments
        if (made := _formatted(text, arguments[:count])) is None:
            return arguments
        self.message = made
        rest = arguments[count:]
        if rest and self.trace_id is None and isinstance(rest[0], str):
            rest = (None, *rest)  # a trace after the arguments
        return rest

    def _add_fields(self, fields: dict[str, Any]) -> None:
        error = fields.pop("exc_info", None)
        if isinstance(self.message, BaseException) and error is None:
            error = self.message
        stack = fields.pop("stack_info", None)
        fields.pop("stacklevel", None)
        extra = fields.pop("extra", None)
        if self.data is None:
            self.data = fields.pop("data", None)
        if isinstance(extra, Mapping):
            fields = {**{str(key): value for key, value in extra.items()}, **fields}
        elif extra is not None:
            fields["extra"] = extra
        if error is not None and error is not False and (found := exception_of(error)) is not None:
            fields["exception"] = found
        if stack:
            fields["stack"] = stack if isinstance(stack, str) else "".join(traceback.format_stack()[:-4])
        if fields:
            self._merge(fields)

    def _merge(self, fields: dict[str, Any]) -> None:
        if self.data is None:
            self.data = fields
        elif isinstance(self.data, Mapping):
            self.data = {**self.data, **fields}
        else:
            self.data = {"value": self.data, **fields}


def _is_place(match: re.Match[str]) -> bool:
    """Whether a per cent sign is meant as a place: not in "100% sure", which Python would take for one."""
    return match["kind"] in _KINDS and not (" " in match["flags"] and match["kind"] in _TEXTS)


def as_tuple(arguments: Any) -> tuple[Any, ...]:
    """The arguments of a record of `logging`, which keeps a single dict as it is."""
    return arguments if isinstance(arguments, tuple) else () if arguments is None else (arguments,)


def exception_of(value: Any) -> BaseException | None:
    """The exception that an `exc_info` means: itself, a tuple, or True for the one being handled."""
    if isinstance(value, BaseException):
        return value
    if isinstance(value, tuple) and len(value) > 1:
        return value[1] if isinstance(value[1], BaseException) else None
    return sys.exc_info()[1]


def _may_be_trace(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _formatted(text: str, arguments: Any) -> str | None:
    """The text with the arguments in it; None where they do not fit."""
    try:
        return str(text % arguments)
    except BaseException as error:
        if interrupts(error):
            raise
    try:
        return str(text % _harmless(arguments))
    except BaseException as error:
        if interrupts(error):
            raise
    return None


def _harmless(arguments: Any) -> Any:
    """The same, with what cannot be printed replaced by a note."""
    if isinstance(arguments, tuple):
        return tuple(each if isinstance(each, _NUMBERS) else printable(each) for each in arguments)
    return {key: each if isinstance(each, _NUMBERS) else printable(each) for key, each in arguments.items()}
