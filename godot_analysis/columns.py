"""The documented columns and dtypes of every frame that the library hands out."""

from __future__ import annotations

from typing import Final

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
"""Levels in ascending order: the ordered categories of `logs.level`."""

LOGS: Final[dict[str, str]] = {
    "id": "str",  # UUID of the record
    "trace_id": "str",  # UUID, missing when the component knew none
    "component": "category",
    "level": "level",  # ordered category LEVELS
    "message": "str",
    "data": "json",  # dict or None, decoded when they are looked at
    "event_created_at": "datetime64[us, UTC]",  # the component's clock, never corrected
    "ingestion_created_at": "datetime64[us, UTC]",  # the database's clock; missing in files
    "instance": "str",  # which process; missing for the original client
    "seq": "Int64",  # 1, 2, 3 … per instance; missing for the original client
}

TRACES: Final[dict[str, str]] = {
    "trace_id": "str",
    "started_at": "datetime64[us, UTC]",  # first record of the trace, wherever it was made
    "ended_at": "datetime64[us, UTC]",
    "duration_ms": "float64",
    "records": "int64",
    "errors": "int64",  # records of level ERROR
    "warnings": "int64",  # records of level WARN
    "status": "category",  # error | warn | ok: the worst level
    "components": "object",  # sorted list of those that logged
    "title": "str",  # message of the first record
}

MESSAGES: Final[dict[str, str]] = {
    "record": "str",  # id of the log row that shows this message
    "time": "datetime64[us, UTC]",  # the observer's clock
    "trace_id": "str",
    "observer": "category",  # the component that logged it
    "instance": "str",
    "seq": "Int64",
    "direction": "category",  # sent | received, as the observer saw it
    "peer": "str",  # the other end, missing when neither logged nor inferable
    "sender": "str",
    "receiver": "str",
    "transport": "str",  # stdio | websocket | http
    "session": "str",  # one connection between two components
    "era": "category",  # handshake (initialize, ≤ 2025-11-25) | stateless (2026-07-28)
    "kind": "category",  # request | response | error | notification | invalid
    "method": "str",  # missing on responses unless it was logged
    "tool": "str",  # the tool's name where the message concerns one call
    "rpc_id": "str",  # JSON text of the id: 1 and "1" stay different; missing when there is none
    "payload": "object",  # the JSON-RPC message, or the text as read; None when only its method was logged
    "error_code": "Int64",
    "error_text": "str",
    "convention": "category",  # message, arrow, frame, host, relay, backend or event: how it was logged
    "inferred": "str",  # comma-separated columns that were inferred, not logged; empty for none
    "validity": "str",  # why the message is no valid MCP; empty when valid or not judged
}

HOPS: Final[dict[str, str]] = {
    "hop": "int64",  # number of the hop = its index, in causal order
    "kind": "category",
    "method": "str",  # filled in for answers from their question
    "tool": "str",
    "rpc_id": "str",
    "sender": "str",
    "receiver": "str",
    "transport": "str",
    "session": "str",
    "trace_id": "str",
    "sent_at": "datetime64[us, UTC]",  # the sender's clock; missing when the sender logged nothing
    "received_at": "datetime64[us, UTC]",  # the receiver's clock
    "sent_record": "str",
    "received_record": "str",
    "seen": "category",  # both | sender | receiver
    "call": "Int64",  # the call that this hop belongs to; missing for notifications
    "payload": "object",
    "error_code": "Int64",
    "error_text": "str",
    "joined_by": "str",  # what made two sightings one: id | trace | content | method; empty for one
    "inferred": "str",
}

CALLS: Final[dict[str, str]] = {
    "call": "int64",  # number of the call = its index, in causal order
    "parent": "Int64",  # the call that made the callee's side make this one (client→relay causes relay→gates)
    "caller": "str",
    "callee": "str",
    "method": "str",
    "tool": "str",
    "rpc_id": "str",
    "session": "str",
    "trace_id": "str",
    "arguments": "object",  # dict or None
    "started_at": "datetime64[us, UTC]",  # first sighting of the request
    "ended_at": "datetime64[us, UTC]",  # last sighting of its end; missing while pending
    "duration_ms": "float64",
    "status": "category",  # answered | error | tool_error | cancelled | timed_out | pending | lost
    "lost_at": "str",  # sender | wire | receiver | logger; only for lost
    "attempts": "int64",  # how often it was sent; more than 1 for a retry of one operation
    "request_hop": "Int64",
    "response_hop": "Int64",
    "result": "object",  # the result or error member of the answer
    "error_code": "Int64",
    "error_text": "str",
    "evidence": "object",  # list of ids of the log rows that show the call and its end
    "note": "str",  # how the end was decided, when it was not simply read
}

LOSSES: Final[dict[str, str]] = {
    "component": "str",
    "instance": "str",
    "from": "datetime64[us, UTC]",
    "to": "datetime64[us, UTC]",
    "count": "Int64",  # missing when it cannot be known
    "reason": "str",
    "source": "category",  # loss record | sequence gap | silence
    "evidence": "object",  # list of record ids
}

CLOCKS: Final[dict[str, str]] = {
    "component": "str",
    "reference": "str",
    "offset_us": "float64",  # component's clock minus the reference's
    "error_us": "float64",  # half width of the interval that the bounds allow
    "pairs": "int64",  # request/response pairs behind the estimate
}

EVENTS: Final[dict[str, str]] = {
    "event_created_at": "datetime64[us, UTC]",
    "component": "str",  # who logged it; of an answer who sent it
    "level": "str",  # missing for answers
    "event": "str",  # what was told: failure | answer | http | start | exit | …, as in reading/events.py
    "kind": "str",  # the kind of the lexicon that counts, or `unknown`
    "kinds": "object",  # tuple of all of them, in order of precedence
    "words": "object",  # tuple: what told each of them
    "server": "str",  # whom it is about
    "tool": "str",
    "text": "str",
    "id": "str",  # of the record; of an answer its last one
    "trace_id": "str",
}

FINDINGS: Final[dict[str, str]] = {
    "code": "str",  # of the rule, as in diagnosis/rules/README.md
    "severity": "str",  # error | warning | info
    "title": "str",
    "component": "str",  # the one that suffers
    "cause_in": "str",  # where the fault lies, as far as the log can tell
    "tool": "str",
    "confidence": "float64",
    "summary": "str",
    "explanation": "str",
    "fix": "str",
    "evidence": "object",  # tuple of record ids, the most telling first
    "references": "object",  # tuple of texts
    "lines": "object",  # tuple of line numbers; empty unless the log came from a file
}

STATUSES: Final = ("answered", "error", "tool_error", "cancelled", "timed_out", "pending", "lost")
