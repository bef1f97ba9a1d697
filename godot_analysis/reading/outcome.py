"""How something ended, as the keys of a record say it: well, badly, or not at all yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading.fields import error_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["outcome_of"]

_GOOD: Final = ("ok", "success", "succeeded", "successful")
_BAD: Final = ("is_error", "isError", "has_error", "hasError", "failed")
_WORDS: Final = ("status", "outcome", "result", "state")
_GOOD_WORDS: Final = frozenset({"ok", "success", "succeeded", "successful", "completed", "complete", "done"})
_BAD_WORDS: Final = frozenset(
    {"error", "err", "failed", "fail", "failure", "timeout", "timed_out", "exception", "crashed"}
)
_TIMES: Final = frozenset(
    {
        "ms", "duration", "duration_ms", "durationMs", "duration_s", "elapsed", "elapsed_ms", "elapsedMs",
        "took", "took_ms", "tookMs", "latency", "latency_ms", "latencyMs", "seconds", "time_ms",
    }
)  # fmt: skip


def outcome_of(data: Mapping[str, Any], *, expected: bool = False) -> bool | None:
    """Whether it ended well; None where nothing says that it ended.

    A time that it took tells of an end, a word or an error alone only where an end is `expected`.

    >>> outcome_of({"ok": False}), outcome_of({"ms": 12, "err": "no page"}), outcome_of({"status": "ok"})
    (False, False, None)
    """
    for keys, when in ((_GOOD, True), (_BAD, False)):
        for key in keys:
            if isinstance(data.get(key), bool):
                return data[key] is when
    timed = not _TIMES.isdisjoint(data)
    if not (timed or expected):
        return None
    words = {value.lower() for key in _WORDS if isinstance(value := data.get(key), str) and len(value) < 20}  # noqa: PLR2004
    if error_of(data) or words & _BAD_WORDS:
        return False
    return True if timed or words & _GOOD_WORDS else None
