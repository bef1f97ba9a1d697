"""Filters applied to a frame: what the database does by index, done in memory for files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from godot_analysis.loading.filters import Filter

_TERM: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_WORD: Final = re.compile(r"[^\W_]+")


def matching(logs: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """Return the rows that meet all filters; with a limit the newest of them."""
    keep = np.ones(len(logs), dtype=bool)
    if wanted.trace_id is not None:
        keep &= (logs["trace_id"] == wanted.trace_id).to_numpy(dtype=bool)
    if wanted.component is not None:
        keep &= (logs["component"] == wanted.component).to_numpy(dtype=bool)
    if wanted.levels is not None:
        keep &= logs["level"].isin(wanted.levels).to_numpy(dtype=bool)
    times = logs["event_created_at"]
    newest = times.max() if len(times) else pd.Timestamp(0, tz="UTC")
    if wanted.start is not None:
        keep &= (times >= pd.Timestamp(wanted.start.before(newest))).to_numpy(dtype=bool)
    if wanted.end is not None:
        keep &= (times < pd.Timestamp(wanted.end.before(newest))).to_numpy(dtype=bool)
    if wanted.search is not None:
        fits = search(wanted.search)
        keep &= np.fromiter((fits(text) for text in logs["message"]), dtype=bool, count=len(logs))
    if wanted.data is not None:
        held = wanted.data
        keep &= np.fromiter((contains(data, held) for data in logs["data"]), dtype=bool, count=len(logs))
    places = np.flatnonzero(keep)
    if wanted.limit is not None:
        places = places[max(0, len(places) - wanted.limit) :]
    if len(places) == len(logs):
        return logs
    return logs.take(places).reset_index(drop=True)


def search(query: str) -> Callable[[str], bool]:
    """A test for texts in the language of PostgreSQL's `websearch_to_tsquery`.

    Examples
    --------
    >>> fits = search('"tools list" -gates or ping')
    >>> fits("answered tools/list of dewey"), fits("tools/list of gates"), fits("a ping")
    (True, False, True)
    """
    choices: list[list[tuple[bool, list[str]]]] = [[]]
    for minus, phrase, word in _TERM.findall(query):
        if word.lower() == "or" and not minus:
            choices.append([])
            continue
        words = _words(phrase or word)
        if words:
            choices[-1].append((not minus, words))
    wanted = [choice for choice in choices if choice]

    def fits(text: str) -> bool:
        words = _words(text)
        return any(all(_has(words, phrase) is yes for yes, phrase in choice) for choice in wanted)

    return fits


def contains(value: Any, part: Any) -> bool:
    """Whether a value contains a part as jsonb's `@>` has it: objects by key, lists in any order.

    Examples
    --------
    >>> contains({"mcp": {"peer": "gates", "n": [1, 2]}}, {"mcp": {"n": [2]}})
    True
    """
    if isinstance(part, dict):
        return isinstance(value, dict) and all(
            key in value and contains(value[key], inner) for key, inner in part.items()
        )
    if isinstance(part, list):
        return isinstance(value, list) and all(any(contains(item, inner) for item in value) for inner in part)
    if isinstance(part, bool) or isinstance(value, bool):
        return part is value
    return bool(part == value)


def trace_rows(logs: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """One row for each trace, as `database.Database.traces` asks for it; the newest first."""
    traced = logs[logs["trace_id"].notna()]
    rows = []
    for trace, own in traced.groupby("trace_id", sort=True):
        times = own["event_created_at"].astype("int64")
        errors, warnings = int((own["level"] == "ERROR").sum()), int((own["level"] == "WARN").sum())
        rows.append(
            (
                trace,
                int(times.min()),
                int(times.max()),
                len(own),
                errors,
                warnings,
                "error" if errors else "warn" if warnings else "ok",
                sorted(own["component"].astype(str).unique()),
                str(own["message"].iloc[0])[:200],
            )
        )
    rows.sort(key=lambda row: -row[1])
    yield from rows


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _has(words: list[str], phrase: list[str]) -> bool:
    if len(phrase) == 1:
        return phrase[0] in words
    return any(words[at : at + len(phrase)] == phrase for at in range(len(words) - len(phrase) + 1))
