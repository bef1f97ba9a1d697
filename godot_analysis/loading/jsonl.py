"""Logs from *.jsonl files: fallback files, captures and exports, plain or gzipped."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from godot_analysis.columns import LOGS
from godot_analysis.errors import BadFile
from godot_analysis.loading.filters import Filter
from godot_analysis.loading.frames import frame, trace_frame, transposed
from godot_analysis.loading.loose import loose_record
from godot_analysis.loading.matching import matching, trace_rows
from godot_analysis.loading.records import LogRow, UnusableRecordError, derived_ids, read_record
from godot_wire.torn import untorn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

    from godot_analysis.loading.filters import Since

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_HEAD = 4096


class JsonlFile:
    """A file of log records, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def logs(self, wanted: Filter) -> pd.DataFrame:
        """Records in order of time; with a limit the newest ones."""
        return matching(read_jsonl(self._path), wanted)

    def traces(self, since: Since | None, component: str | None, status: str | None) -> pd.DataFrame:
        """One row for each trace that was active since then, the newest first."""
        logs = read_jsonl(self._path)
        active = set(matching(logs, Filter(start=since, component=component))["trace_id"].dropna())
        rows = [row for row in trace_rows(logs) if row[0] in active and status in (None, row[6])]
        return trace_frame(rows)


class _Lines(dict[str, int]):
    """Record id → line number; shared, not copied: pandas copies `attrs` deeply at every step."""

    def __deepcopy__(self, memo: object) -> _Lines:
        return self


def read_jsonl(path: str | Path) -> pd.DataFrame:
    """Read a file as a log frame, in order of time; lines that are no records become ordinary records.

    `attrs["lines"]` maps each record's id to its line number; `attrs["problems"]` lists the lines that are no
    records, as `{"line", "reason", "text"}`; `attrs["source"]` counts what was read, as `Diagnosis.source`.

    Raises
    ------
    BadFile
        When the file cannot be read, or is no text.
    """
    path = Path(path)
    component = path.name.split(".")[0] or "file"
    rows: list[LogRow] = []
    numbers: list[int] = []
    problems: list[dict[str, Any]] = []
    unparsed = 0
    pieces: list[bytes] = []
    for number, line, torn in _entries(_content(path)):
        try:
            row = read_record(line)
        except UnusableRecordError as error:
            row, understood = loose_record(line, component)
            unparsed += not understood
            text = line[:200].decode(errors="replace")
            problems.append({"line": number, "reason": "torn" if torn else str(error), "text": text})
        rows.append(row)
        numbers.append(number)
        pieces.append(line)
    ids = _ids(rows, pieces, range(1, len(pieces) + 1))
    logs = _logs(rows, ids)
    logs.attrs["lines"] = _Lines(zip(ids, numbers, strict=True))
    logs.attrs["problems"] = problems
    logs.attrs["source"] = {
        "format": "text" if rows and len(problems) == len(rows) else "godot",
        "files": 1,
        "lines": len(rows),
        "records": len(rows),
        "unparsed": unparsed,
    }
    return logs


def _entries(content: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Each line that is not empty, with its number; one that was torn in its pieces, and whether it was."""
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        if _may_be_torn(line) and len(pieces := untorn(line)) > 1:
            yield from ((number, piece, True) for piece in pieces)
        else:
            yield number, line, False


def _may_be_torn(line: bytes) -> bool:
    """A line is torn where a second record begins in it; only then is it worth its time to look."""
    if line.count(b'"component"') < 2 and b'{"id":"' not in line[1:]:  # noqa: PLR2004  one record has one
        return False
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return False


def from_records(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a log frame of wire records at hand, by the same rules as for a file.

    Parameters
    ----------
    records : iterable of mappings
        Keys as on the wire: `component` is needed, everything else may be absent.

    Returns
    -------
    DataFrame
        A log frame in order of time.

    Raises
    ------
    BadFile
        When one of them is no record.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> ga.from_records([{"component": "gates", "level": "info", "message": "up"}])[["component", "level"]]
      component level
    0     gates  INFO
    """
    rows, lines = [], []
    for number, record in enumerate(records, 1):
        line = _line(record)
        try:
            rows.append(read_record(line))
        except UnusableRecordError as error:
            raise BadFile(f"record {number}: {error}", hint="each needs a component", number=number) from None
        lines.append(line)
    return _logs(rows, _ids(rows, lines, range(1, len(lines) + 1)))


def _line(record: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(record, enc_hook=str)
    except UnicodeEncodeError:  # half a surrogate pair, which ASCII can carry to where it is repaired
        return json.dumps(record, default=str).encode()


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(_GZIP) else content
    except FileNotFoundError:
        raise BadFile(f"{path}: no such file", hint="check the path", path=str(path)) from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFile(f"{path}: {reason}", hint="check the file", path=str(path)) from None
    if b"\0" in content[:_HEAD]:
        raise BadFile(f"{path}: not a text file", hint="a log is text, one record a line", path=str(path))
    # What some editors put first belongs to the file and not to its first record, as for `godot replay`.
    return content.removeprefix(_BOM)


def _ids(rows: list[LogRow], lines: list[bytes], numbers: Iterable[int]) -> list[str]:
    """The records' own ids, derived ones where they have none, and for a second record of one id."""
    derived: list[str] | None = None
    ids: list[str] = []
    for row, number in zip(rows, numbers, strict=True):
        own = row.id
        if own is None:
            derived = derived or derived_ids(lines)
            own = derived[number - 1]
        ids.append(own)
    return ids


def _logs(rows: list[LogRow], ids: list[str]) -> pd.DataFrame:
    columns = transposed(rows, LogRow._fields)
    times = _filled(columns["event_created_at"])
    logs = frame({**columns, "id": ids, "event_created_at": times}, LOGS)
    if any(before > after for before, after in pairwise(times)):
        logs = logs.sort_values("event_created_at", kind="stable", ignore_index=True)
    return logs


def _filled(times: Iterable[int | None]) -> list[int]:
    """A record without a usable time takes that of the one before it, the first ones that of the next."""
    out: list[int | None] = []
    last: int | None = None
    for time in times:
        last = time if time is not None else last
        out.append(last)
    first = next((time for time in out if time is not None), 0)
    return [first if time is None else time for time in out]
