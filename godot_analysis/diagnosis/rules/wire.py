"""Rules about bytes and frames: answers that are no JSON-RPC, noise on a channel, ids of another type."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.diagnosis.matches import Clue, Match, calls_of, logged, rows_of
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count, listed
from godot_analysis.reading.names import mentions, server_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

_BROKEN_OFF: Final = (
    "connect.lost",
    "connect.timeout",
    "request.timeout",
    "process.exit",
    "process.start",
    "handshake.rejected",
)
_PAGE: Final = 4096


@rule("B11")
def no_frame(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "no JSON-RPC frame").items():
        if sender in facts.foreign_answers:
            continue  # it lacks more than the frame
        records = _records(rows)
        tools = sorted({row["tool"] for row in rows if row["tool"]})
        clues = [
            Clue(
                f"{count(_number(rows), 'answer')} without a frame ({listed(tools) or 'not of a tool'})",
                0.9,
                records,
            )
        ]
        lacks = facts.lacks_of(sender)
        hit = facts.operations.calls.shown_by(records)
        numbers = calls_of(lacks) | facts.operations.families(hit)
        yield Match(
            sender,
            sender,
            clues,
            tools[0] if len(tools) == 1 else None,
            numbers,
            {"number": count(_number(rows), "answer")},
        )


@rule("F22")
def content_length(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "Content-Length").items():
        clue = Clue("what was read begins with Content-Length", 0.95, _records(rows))
        words = {
            "frames": "frames its messages with Content-Length headers",
            "writes": "writes Content-Length headers on stdio",
        }
        yield Match(sender, sender, (clue,), calls=lacking_calls(facts, sender), words=words)
    for sender, rows in _by_sender(facts, "broken JSON", "no JSON").items():
        lines = _over_lines(rows)
        if lines:
            clue = Clue(
                f"{count(len(lines), 'line')} are one message when put together", 0.95, _records(lines)
            )
            words = {"frames": "breaks its messages over many lines", "writes": "breaks a message over lines"}
            yield Match(sender, sender, (clue,), calls=lacking_calls(facts, sender), words=words)


@rule("F21")
def cut_off(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "broken JSON").items():
        cut = [row for row in rows if str(row["payload"]).lstrip().startswith("{")]
        if not cut:
            continue
        length = len(cut[0]["payload"])
        clues = [Clue("it begins as a message and does not end as one", 0.75, _records(cut))]
        if length % _PAGE == 0:
            clues.append(Clue(f"its length, {length:,}, is that of a buffer", 0.7))
        reader = cut[0]["observer"]
        sent, whole = facts.wire.unread(reader, cut[0]["time"], sender) or ({}, 0)
        # A frame of WebSocket arrives as it was sent; from a stream it is the reader who takes a part.
        by_reader = whole > length and cut[0]["transport"] == "stdio"
        if by_reader:
            clues.append(Clue(f"{sender} logged a whole one of {whole:,}", 0.5, (sent["sent_record"],)))
        words = {"what": f"ends in the middle, after {length:,} characters", "end": "cut off"}
        cause = reader if by_reader else sender
        yield Match(sender, cause, clues, calls=lacking_calls(facts, sender), words=words)
    yield from _given_up_on(facts)


def _given_up_on(facts: Facts) -> Iterator[Match]:
    """Long messages that were sent and never read, because the reader says that they are too long for it."""
    said = facts.incidents.failures
    for item in said:
        if not item.tells("message.too_long") or not facts.wire.verbatim(item.component):
            continue
        row, length = facts.wire.unread(item.component, item.time) or ({}, 0)
        call = facts.operations.under_way(item.component, item.time, failed=True)
        if not length and call is not None and call.caller == item.component and not call.answered:
            clues = (
                logged(item, 0.7),
                Clue(f"{call.method} got no answer that could be read", 0.5, call.rows),
            )
            words = {"what": "is too long for its reader", "end": "too long to be read"}
            calls = facts.operations.operation_of(call).family
            yield Match(call.callee, item.component, clues, call.tool, calls, words)
        if length > _PAGE:
            clues = (
                logged(item, 0.7),
                Clue(f"it was sent, {length:,} characters, and never read", 0.6, (row["sent_record"],)),
            )
            words = {
                "what": f"is too long for its reader, with {length:,} characters",
                "end": "too long to be read",
            }
            sender, calls = row["sender"], lacking_calls(facts, row["sender"])
            yield Match(sender, item.component, clues, row["tool"], calls, words)


def _over_lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of the broken lines that, put together, are one JSON-RPC message, or the beginning of one."""
    for seen in grouped((row["observer"], row) for row in rows).values():
        lines = sorted(seen, key=lambda row: row["time"])
        starts = [at for at, row in enumerate(lines) if str(row["payload"]).rstrip() == "{"]
        for start, end in itertools.pairwise([*starts, len(lines)]):
            part = lines[start:end]
            # What follows the message may be noise, so it ends with the first line that closes it.
            closing = (at for at, row in enumerate(part) if str(row["payload"]).rstrip() == "}")
            last = next(closing, None)
            part = part[: last + 1] if last is not None else part
            text = "\n".join(str(row["payload"]) for row in part)
            if _is_message(text):
                return part
    return []


def _is_message(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "jsonrpc" in value


@rule("F20")
def noise_on_stdio(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "no JSON", "broken JSON").items():
        noise = [
            row
            for row in rows
            if row["transport"] == "stdio"
            and str(row["payload"]).strip()
            and str(row["payload"]).lstrip()[0] != "{"
        ]
        if noise:
            lines = count(_number(noise), "line")
            clues = [Clue(f"{lines} on stdio is no JSON", 0.9, _records(noise))]
            words = {"number": lines, "text": str(noise[0]["payload"]).strip()[:80]}
            tried = facts.operations.handshakes.where("callee", sender)
            fatal = bool(tried) and not facts.operations.sent_to(sender).answered
            if fatal:
                clues.append(Clue("no handshake with it succeeded", 0.4, tried[-1].rows))
            calls = lacking_calls(facts, sender) if fatal else frozenset[int]()
            yield Match(sender, sender, clues, calls=calls, words=words, severity="error" if fatal else None)
    yield from _unreadable(facts)


def _unreadable(facts: Facts) -> Iterator[Match]:
    """Servers of which a client says that it cannot read what they write."""
    said = facts.incidents.failures
    by_server: dict[str, list[Event]] = defaultdict(list)
    for item in said:
        if item.tells("stdout.polluted"):
            server = item.server or server_in(item.said) or facts.operations.only_server_of(item.component)
            works = server and facts.operations.sent_to(server).answered
            if server and server != item.component and not (works and not _of_messages(item)):
                by_server[server].append(item)
    for server, items in by_server.items():
        lines = count(len(items), "line")
        first = items[0]
        clues = [Clue(f"{first.component} logged: {first.said[:160]}", 0.6, rows_of(items))]
        answered = facts.operations.sent_to(server).answered
        later = [
            item
            for item in said
            if not answered.after(first.time)
            and item.time >= first.time
            and mentions(item.said, server)
            and item.tells(*_BROKEN_OFF)
        ]
        clues += [
            Clue(f"{item.component} logged: {item.said[:120]}", 0.5, (item.record,)) for item in later[:1]
        ]
        words = {"number": lines, "text": first.said[:120]}
        severity: Severity | None = "error" if later else None
        calls = lacking_calls(facts, server)
        yield Match(server, server, clues, calls=calls, words=words, severity=severity)


def _of_messages(item: Event) -> bool:
    """Whether a client says that it read what it took for no message, and not a server in its log."""
    return any(word in item.said.lower() for word in ("jsonrpc", "json-rpc", "stdout", "message"))


@rule("F23")
def id_type_changed(facts: Facts) -> Iterator[Match]:
    for call, answer in (*facts.wire.retyped, *facts.wire.renumbered):
        clues = (
            Clue(
                f"the request has the id {call.rpc_id}, the answer {answer['rpc_id']}",
                0.85,
                (*call.rows, answer["record"]),
            ),
        )
        words = {"request": call.tool or call.method, "asked": call.rpc_id, "answered": answer["rpc_id"]}
        numbers = facts.operations.operation_of(call).family
        sender = call.callee
        yield Match(sender, sender, clues, call.tool, numbers, words)


def _by_sender(facts: Facts, *beginnings: str) -> dict[str, list[dict[str, Any]]]:
    """The invalid messages with such a verdict, by who sent them, as often as somebody saw them."""
    rows = (row for row in facts.wire.invalid if row["validity"].startswith(beginnings))
    return grouped((row["sender"], row) for row in rows if row["sender"])


def _number(rows: list[dict[str, Any]]) -> int:
    """How many messages that are, each of which both its ends may have seen."""
    return max(Counter(row["observer"] for row in rows).values())


def _records(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(row["record"] for row in rows)
