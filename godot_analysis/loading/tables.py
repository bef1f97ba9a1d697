"""Logs written by hand as small tables: the specification of what this package finds."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_OID, uuid5

from godot_analysis.loading.jsonl import from_records

if TYPE_CHECKING:
    import pandas as pd

_START: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_LINE: Final = re.compile(r"(?P<time>[\d.]+)\s+(?P<component>\S+)\s+(?P<verb>sends|gets|says)\s+(?P<rest>.*)")
_MARK: Final = re.compile(r"\s+([@#%])(\S+)$")


def log_table(table: str) -> pd.DataFrame:
    """Make a log frame of a table with one event a line: `seconds component verb …`.

    Parameters
    ----------
    table
        `sends PEER` and `gets PEER` are message records, followed by the message: `? ID METHOD [TOOL]
        [{params}]` a request (`{params}` are the arguments when there is a tool), `= ID [{result}]` a
        response, `! ID CODE TEXT` an error, `~ METHOD [{params}]` a notification, `* TEXT` anything else.
        `says LEVEL TEXT [{data}]` is an ordinary record. At the end of a line `@name` is a trace, `#name` a
        session and `%number` the sequence number in a process of the component. Lines that begin with `--`
        are remarks.

    Returns
    -------
    DataFrame
        A log frame. The ids of its records are made from the line numbers; `record_id` gives them.

    Examples
    --------
    >>> log_table('''
    ...     0.0  relay  sends gates  ? 3 tools/call open {"path": "/tmp"}  @t
    ...     0.2  relay  gets gates   = 3
    ... ''')["component"].tolist()
    ['relay', 'relay']
    """
    records = []
    for number, line in enumerate(table.strip().splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("--"):
            records.append(_record(number, text))
    return from_records(records)


def record_id(line: int) -> str:
    """The id of the record in a line of a table, counted from 1."""
    return str(uuid5(NAMESPACE_OID, f"line {line}"))


def trace_id(name: str) -> str:
    """The trace id that `@name` stands for."""
    return str(uuid5(NAMESPACE_OID, f"trace {name}"))


def _record(number: int, text: str) -> dict[str, Any]:
    marks = {}
    while found := _MARK.search(text):
        marks[found[1]] = found[2]
        text = text[: found.start()]
    parts = _LINE.fullmatch(text)
    if parts is None:
        raise ValueError(f"line {number}: expected 'seconds component sends|gets|says …', got {text!r}")
    record: dict[str, Any] = {
        "id": record_id(number),
        "component": parts["component"],
        "event_created_at": _time(parts["time"]),
        "trace_id": trace_id(marks["@"]) if "@" in marks else None,
    }
    if "%" in marks:
        record |= {"instance": f"{parts['component']}:1", "seq": int(marks["%"])}
    if parts["verb"] == "says":
        level, _, said = parts["rest"].partition(" ")
        message, data = _split(said)
        return record | {"level": level, "message": message, "data": data}
    peer, _, message = parts["rest"].strip().partition(" ")
    mcp = {
        "direction": "sent" if parts["verb"] == "sends" else "received",
        "peer": peer,
        "payload": _payload(message),
    }
    if "#" in marks:
        mcp["session"] = marks["#"]
    return record | {"level": "TRACE", "message": text, "data": {"mcp": mcp}}


def _time(seconds: str) -> str:
    return (_START + dt.timedelta(seconds=float(seconds))).isoformat()


def _payload(text: str) -> Any:
    sign, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    match sign:
        case "?":
            rpc_id, method, *more = rest.split(None, 2)
            words, held = _split(more[0] if more else "")
            params: Any = held
            if method == "tools/call":
                params = {"name": words, **({"arguments": held} if held is not None else {})}
            return {"jsonrpc": "2.0", "id": json.loads(rpc_id), "method": method, **_if("params", params)}
        case "~":
            method, held = _split(rest)
            return {"jsonrpc": "2.0", "method": method, **_if("params", held)}
        case "=":
            rpc_id, held = _split(rest)
            return {"jsonrpc": "2.0", "id": json.loads(rpc_id), "result": held or {}}
        case "!":
            rpc_id, code, *more = rest.split(None, 2)
            error = {"code": int(code), "message": " ".join(more)}
            return {"jsonrpc": "2.0", "id": json.loads(rpc_id), "error": error}
        case _:
            return rest


def _split(text: str) -> tuple[str, Any]:
    """Words, and the JSON object behind them."""
    words, brace, rest = text.partition("{")
    return words.strip(), json.loads(brace + rest) if brace else None


def _if(key: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {key: value}
