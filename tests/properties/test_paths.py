"""The quick ways of rebuilding flows find what the slow ones find: each shortcut alone, and all of them off.

Most messages are read, paired, joined and ended in columns, the rest row by row. `SLOW` turns each shortcut
off, by the code that reads the rest or, where there is none, by a plain loop that is written here.
"""

from __future__ import annotations

import json
import random
import sys
from collections import defaultdict
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import godot_analysis as ga
from godot_analysis.loading.json_array import JsonArray, decoded
from godot_analysis.loading.tables import log_table
from godot_analysis.normal_form import messages, plain
from godot_analysis.normal_form.folding import Folder
from godot_analysis.normal_form.sightings import ANSWERS, CALL, REQUEST
from godot_analysis.normal_form.table import Sightings, objects
from godot_analysis.reconstruction import endings, frames, joining, nesting, order, pairing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.call import Calls
    from godot_analysis.reconstruction.endings import Ends

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from diagnosing.plants import PLANTS
from diagnosing.score import HEALTHY, PAIR, build

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ("gates", "dewey")
START_US = 1_767_225_600_000_000


# The slow ways


def read_all_by_the_conventions(rows: Any, data: Any) -> tuple[Sightings, list[int]]:
    return Sightings.of(()), rows.tolist()


def fold_all(seen: Observations) -> None:
    """Also groups without a light sighting."""
    folder = Folder(seen.components, seen.times, seen.traces, seen.texts)
    standing, absorbed = folder.fold(list(seen.sightings))
    seen.sightings = Sightings.of([one for _, one in standing])
    now_at = {place: now for now, (place, _) in enumerate(standing)}
    seen.folded = {now_at[place]: rows for place, rows in absorbed.items()}


def pair_all_by_hand(seen: Observations) -> tuple[Any, Any, Any]:
    none = np.empty(0, dtype=np.int64)
    return none, none, np.flatnonzero(seen.sightings.are("kind", REQUEST, *ANSWERS) | pairing._cancels(seen))


def align_all_by_hand(
    joiner: joining._Joiner, outers: Any, inners: Any, group: Any, *, surely: bool
) -> list[tuple[list[int], list[int]]]:
    sides: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, own in enumerate((outers, inners)):
        for place in own.tolist():
            sides[group[place]][side].append(place)
    return [both for both in sides.values() if all(both)]


def find_parents_one_by_one(calls: Calls) -> None:
    """The only received call of the trace, else the best of several, else of all that the sender received."""
    every = [calls[number] for number in range(len(calls))]
    received = [one for one in every if calls.whole[one.number] and one.inner is not None]
    numbers = np.array([one.number for one in received], dtype=np.int64)
    for call in every:
        outer = call.outer
        if outer is None or not calls.whole[call.number]:
            continue
        own = [one for one in received if one.inner.observer == outer.observer]
        tied = [one for one in own if outer.trace is not None and one.inner.trace == outer.trace]
        if len(tied) == 1:
            calls.parent[call.number] = -1 if tied[0] is call else tied[0].number
        elif tied or call.method_is(CALL):
            among = tied or own
            group = np.full(len(calls.exchanges), -1)
            group[[calls.inner[one.number] for one in among]] = 0
            served = nesting._Served(calls, numbers, group)
            calls.parent[call.number] = served.behind(call.number, 0, len(among), tied=bool(tied))


def walk_all_lines(times: Any, call: Any, is_answer: Any, parent: Any) -> tuple[Any, Any, Any]:
    root, rank, at = np.arange(len(times)), np.zeros(len(times), dtype=np.int64), times.copy()
    order._walk(order._effects(np.flatnonzero(call >= 0), call, is_answer, parent), root, rank, at)
    return root, rank, at


def collect_all_evidence(calls: Calls, numbers: Any, ends: Ends, seen: Observations) -> Any:
    shown = []
    for place, number in enumerate(numbers.tolist()):
        rows = sorted(frames._rows_of(number, calls, seen) | set(ends.rows.get(place, ())))
        shown.append([seen.ids[row] for row in rows if seen.ids[row] is not None])
    return objects(shown)


def no_plain_ends(self: endings.Endings) -> tuple[Any, Any, Any]:
    count = len(self._calls)
    return np.zeros(count, dtype=bool), objects([None] * count), np.full(count, -1)


SLOW: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "reading": (messages, "read_plain", read_all_by_the_conventions),
    "reading blocks": (plain, "_as_records", lambda texts: [plain._as_record(text) for text in texts]),
    "folding": (messages, "_fold", fold_all),
    "pairing": (pairing, "_alternating", pair_all_by_hand),
    "joining": (joining._Joiner, "_align", align_all_by_hand),
    "nesting": (nesting, "_find_parents", find_parents_one_by_one),
    "ordering": (order, "_lines", walk_all_lines),
    "evidence": (frames, "_evidence", collect_all_evidence),
    "ends": (endings.Endings, "_plain_ends", no_plain_ends),
}
"""What is replaced by what, so that nothing takes this shortcut."""
ALONE = ("", *SLOW)


@contextmanager
def slowly(*shortcuts: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for shortcut in filter(None, shortcuts):
            patch.setattr(*SLOW[shortcut])
        yield


# What is compared


def found_in(logs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    flow = ga.reconstruct(logs)
    found = {
        "messages": ga.messages(logs),
        "flow.observed": flow.observed,
        "hops": flow.hops,
        "calls": flow.calls,
        "losses": flow.losses,
        "clocks": flow.clocks,
    }
    return {name: exactly(frame) for name, frame in found.items()}


def exactly(frame: pd.DataFrame) -> pd.DataFrame:
    """Values of any type as text: to Python, 1, 1.0 and True are equal."""
    return frame.assign(**{name: frame[name].map(repr) for name in frame if frame[name].dtype == object})


def difference(mine: dict[str, pd.DataFrame], theirs: dict[str, pd.DataFrame]) -> str:
    for name, frame in mine.items():
        if frame.equals(theirs[name]):
            continue  # told in a fifth of the time; the order of categories does not count
        try:
            pd.testing.assert_frame_equal(frame, theirs[name], obj=name)
        except AssertionError as error:
            return str(error)
        return f"{name} differ"
    return ""


def as_texts(logs: pd.DataFrame) -> pd.DataFrame:
    return logs.assign(data=JsonArray.from_texts([json.dumps(value) for value in logs["data"]]))


def as_values(texts: pd.DataFrame) -> pd.DataFrame:
    values = list(map(decoded, texts["data"].array.texts()))
    return texts.assign(data=JsonArray.from_objects(values))


def check(logs: pd.DataFrame, alone: str) -> None:
    """The same is found in values as in texts: without any shortcut, and without `alone`, which may be none."""
    texts = as_texts(logs)
    quick = found_in(as_values(texts))
    told = {}
    for without in (tuple(SLOW), (alone,)):
        with slowly(*without):
            told[" and ".join(without)] = difference(quick, found_in(texts))
    if any(told.values()):  # which of them is it?
        for shortcut in ALONE:
            with slowly(shortcut):
                told[shortcut] = difference(quick, found_in(texts))
    faults = [f"without {names or 'no'} shortcut: {why}" for names, why in told.items() if why]
    assert not faults, "\n".join(faults)


# Logs of the demo, of the original system, and of random systems

CAPTURES = sorted(path.stem for path in (ROOT / "demo" / "captures").glob("*.jsonl"))
SHARED = (
    "healthy",
    "bug13",
    "bug29_not_persisted",
    "backend_killed_restarted",
    "marco_calls_not_understood",
    "godot_down_for_a_while",
)
SYSTEMS = [
    *((code, 1) for code in sorted(PLANTS)),
    *((kind, seed) for kind, count in ((HEALTHY, 8), (PAIR, 8)) for seed in range(count)),
]


def in_turn(values: Sequence[Any]) -> list[Any]:
    """Each with one of the shortcuts, or with none."""
    return [(value, ALONE[place % len(ALONE)]) for place, value in enumerate(values)]


@pytest.mark.parametrize(("scenario", "alone"), in_turn(CAPTURES))
def test_captures_of_the_demo(scenario: str, alone: str):
    check(ga.load_logs(source=ROOT / "demo" / "captures" / f"{scenario}.jsonl"), alone)


@pytest.mark.parametrize(("name", "alone"), in_turn(SHARED))
def test_captures_of_the_original_system(name: str, alone: str, shared_captures: Path):
    check(ga.load_logs(source=shared_captures / f"{name}.jsonl"), alone)


@pytest.mark.parametrize(("system", "alone"), in_turn(SYSTEMS))
def test_random_systems(system: tuple[str, int], alone: str):
    check(ga.from_records(build(*system).records()), alone)


# Logs that no system writes

TRACES = (None, *(f"00000000-0000-4000-8000-{number:012}" for number in range(1, 7)))
ASKED_BACK = ("sampling/createMessage", "roots/list")
IDS = (1, 1, 1, 2, 2, 3, "1", "a", "", 1.0, True, None, 2**70, [1])
ODD = (None, True, 0, 1, 1.5, "", "x", [], {}, ["name"], "2.0", "tools/call", {"code": -1, "message": "no"})
KEYS = ("jsonrpc", "id", "method", "params", "result", "error")
PLACE_KEYS = ("direction", "peer", "transport", "session", "payload")
ANSWER_PARTS: tuple[dict[str, Any], ...] = (
    {"result": {"content": []}},
    {"result": {"content": [{"type": "text", "text": "done"}]}},
    {"result": {"content": [], "isError": True}},
    {"result": {"isError": False, "resultType": "inputRequired", "inputRequests": {"a": 1}}},
    {"result": {"protocolVersion": "2025-06-18", "serverInfo": {"name": "gates"}, "capabilities": {}}},
    {"result": {"tools": [{"name": "open"}]}},
    {"result": None},
    {"result": {}},
    {"result": "text"},
    {"error": {"code": -32602, "message": "no such path"}},
    {"error": {"code": True, "message": "x"}},
    {"error": {"code": 1}},
    {"error": "text"},
    {"error": None, "result": {}},
)
REMARKS = (
    ("gates", "ERROR", "connection to peer lost"),
    ("relay", "WARN", "request timed out"),
    ("relay", "ERROR", "failed to send: not connected"),
    ("relay", "WARN", "reconnecting, connection refused"),
    ("client", "ERROR", "open timed out"),
    ("dewey", "ERROR", "Tool error"),
    ("gates", "INFO", "alive"),
)
WORDINGS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("gates", "MCP request received", {"method": "tools/call", "id": 1}),
    ("gates", "Tool call started", {"tool_name": "open"}),
    ("gates", "Tool call completed successfully", {"tool_name": "open"}),
    ("dewey", "MCP request completed", {"method": "tools/list", "has_error": False}),
    ("relay", "Tool call received: open", {"tool_name": "open", "arguments": {"n": 1}}),
    ("relay", "Routing tool to backend: gates", {"tool_name": "open", "backend": "gates"}),
    (
        "relay",
        "→ gates",
        {"request": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "open"}}},
    ),
    ("relay", "← gates", {"response": {"jsonrpc": "2.0", "id": 1, "result": {}}}),
)


class Journal:
    """Records of client, relay and backends; what is random in one step follows from the step's own seed."""

    def __init__(self, step: int, offsets: dict[str, int], noise: float, *, sessions: bool) -> None:
        self.records: list[dict[str, Any]] = []
        self.chance = random.Random()
        self._now = 0
        self._waiting: list[Callable[[], None]] = []
        self._numbers: dict[str, int] = defaultdict(int)
        self._step, self._offsets, self._noise, self._sessions = step, offsets, noise, sessions

    def maybe(self) -> bool:
        return self.chance.random() < self._noise

    def write(self, component: str, level: str, text: str, data: Any, trace: str | None) -> None:
        self._now += self._step
        late = self.chance.choice((0, 0, 700, 60_000, 1_500_000)) if self.maybe() else 0
        at = START_US + self._now + late + self._offsets.get(component, 0)
        self._numbers[component] += 1
        record = {
            "id": f"00000000-0000-7000-8000-{len(self.records):012}",
            "component": component,
            "level": level,
            "message": text,
            "trace_id": trace,
            "instance": f"{component}-1",
            "seq": self._numbers[component],
            "event_created_at": pd.Timestamp(at, unit="us", tz="UTC").isoformat(),
            "data": data,
        }
        if self.maybe():
            return  # it is missing
        self.records.append(record)
        if self.maybe():
            own = record["id"] if self.chance.random() < 0.5 else record["id"].replace("7000", "7001")
            self.records.append({**record, "id": own})

    def sees(self, observer: str, direction: str, peer: str, payload: Any, trace: str | None) -> None:
        if self.maybe():
            payload = self.bent(payload, KEYS)
        mcp = {"direction": direction, "peer": peer, "payload": payload}
        if self._sessions:
            mcp |= {"session": "-".join(sorted((observer, peer))), "transport": "stdio"}
        if self.maybe():
            mcp = self.bent(mcp, PLACE_KEYS)
        data = {"mcp": mcp, "lost": {"count": 2, "reason": "full"}} if self.maybe() else {"mcp": mcp}
        self.write(observer, "TRACE", f"{direction} message", data, trace)

    def bent(self, value: Any, keys: Sequence[str]) -> Any:
        """Some part missing, or something else."""
        if not isinstance(value, dict):
            return value
        key, odd = self.chance.choice(keys), self.chance.choice((*ODD, ...))
        if odd is ...:
            return {name: held for name, held in value.items() if name != key}
        if key == "params" and isinstance(value.get("params"), dict) and self.chance.random() < 0.7:
            own = self.chance.choice(("name", "arguments", "_meta"))
            return value | {"params": value["params"] | {own: odd}}
        return value | {key: odd}

    def travels(self, sender: str, receiver: str, payload: Any, trace: str | None) -> None:
        called = "alias" if receiver == "dewey" and self._noise > 0.05 else receiver
        self.sees(sender, "sent", called, payload, trace)
        self.sees(receiver, "received", sender, payload, trace)

    def step(self, kind: str, seed: int) -> None:
        """One thing begins; what waits may go on before it."""
        self.chance.seed(seed)
        choice = self.chance.choice
        if self._waiting and choice((True, False)):
            self._waiting.pop(choice(range(len(self._waiting))))()
        trace, backend, ids = choice(TRACES), choice(BACKENDS), [choice(IDS), choice(IDS)]
        if kind == "remark":
            component, level, text = choice(REMARKS)
            held = choice((None, {"error": "deadline"}, {"tool_name": "open"}))
            self.write(component, level, text, held, trace)
        elif kind == "wording":
            component, text, data = choice(WORDINGS)
            self.write(component, "TRACE", text, data, trace)
        elif kind == "loss":
            self._numbers[backend] += 3
            self.write(backend, "WARN", "lost", {"lost": {"count": choice((1, "x")), "reason": "full"}}, None)
        elif kind == "pause":
            self._now += choice((600_000, 4_000_000, 70_000_000))
        elif kind == "batch":
            question = self.question(ids[0], "ping")
            told = [question, self.question(None, "notifications/progress"), self.answer(ids[1])]
            batch = choice((told, told[:2], [], json.dumps(question), "no JSON"))
            self.travels("relay", backend, batch, trace)
        elif kind == "call":
            self.call(ids, backend, trace)
        else:
            way = (backend, "relay") if kind in ASKED_BACK else ("relay", backend)
            self.travels(*way, self.question(ids[0], kind), trace)
            if not kind.startswith("notifications/"):
                answer = self.answer(ids[choice((0, 0, 0, 1))])
                self.soon(partial(self.travels, *reversed(way), answer, trace))

    def soon(self, happen: Callable[[], None]) -> None:
        """Mostly now, or after other things have begun."""
        if self.chance.random() < 0.6:
            happen()
        else:
            self._waiting.append(happen)

    def end(self) -> None:
        for happen in self._waiting:
            happen()

    def call(self, ids: list[Any], backend: str, trace: str | None) -> None:
        """Through the relay or past it; it may be cancelled, answered twice, or not answered."""
        choice = self.chance.choice
        question = self.question(ids[0], CALL)
        way = [("client", "relay", ids[0]), ("relay", backend, ids[1])][choice((0, 0, 1)) :]
        for sender, receiver, own in way:
            self.travels(sender, receiver, question | {"id": own}, choice((trace, trace, trace, None)))
            if choice(range(6)) == 0:
                self.write(sender, "WARN", choice(("open timed out", "connection lost", "odd")), None, trace)
        end = choice(("answered",) * 5 + ("cancelled", "cancelled", "pending", "twice", "mistyped"))
        if end != "pending":
            self.soon(partial(self.answered, way, self.answer(None), trace, end))

    def answered(
        self, way: list[tuple[str, str, Any]], answer: dict[str, Any], trace: str | None, end: str
    ) -> None:
        choice = self.chance.choice
        for sender, receiver, own in reversed(way):
            if end == "cancelled":
                stop = {"requestId": own, "reason": choice(("timed out", "changed my mind", 3))}
                cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": stop}
                ends = (sender, "sent", receiver), (receiver, "received", sender)
                for one in ends[choice((slice(2), slice(2), slice(1), slice(1, 2)))]:
                    self.sees(*one, cancel, trace)
            told = {"id": json.dumps(own) if end == "mistyped" else own}
            for _ in range(2 if end == "twice" else 1):
                self.travels(receiver, sender, answer | told, trace)

    def question(self, rpc_id: Any, method: str) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if method == CALL:
            params = {
                "name": self.chance.choice(("open", "open", "close")),
                "arguments": {"n": self.chance.choice((1, 2))},
            }
        if self.maybe():
            params["_meta"] = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
        about = {} if method.startswith("notifications/") else {"id": rpc_id}
        return {
            "jsonrpc": "2.0",
            **about,
            "method": method,
            **({"params": params} if params or self.maybe() else {}),
        }

    def answer(self, rpc_id: Any) -> dict[str, Any]:
        part = self.chance.choice(ANSWER_PARTS) if self.chance.random() < 0.3 else ANSWER_PARTS[1]
        return {"jsonrpc": "2.0", "id": rpc_id, **part}


def bendings(value: dict[str, Any], keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The value, and it with each part missing, or something else."""
    yield value
    for key in keys:
        yield {name: held for name, held in value.items() if name != key}
        yield from (value | {key: odd} for odd in ODD)


def odd_records() -> Iterator[dict[str, Any]]:
    """The data of message records: each part of each kind of message is anything once."""
    params = {
        "name": "open",
        "arguments": {"n": 1},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "x"},
    }
    question = {"jsonrpc": "2.0", "id": 1, "method": CALL, "params": params}
    done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    payloads: list[Any] = [*ODD]
    for message in (question, done, *({"jsonrpc": "2.0", "id": 1, **part} for part in ANSWER_PARTS)):
        payloads += bendings(message, KEYS)
    payloads += (question | {"params": told} for told in bendings(params, list(params)))
    payloads += ({**done, "method": method, "id": 1} for method in ("notifications/x", "initialize"))
    for code in (-1, 1, 1.0, True):
        failed = {"code": code, "message": "no"}
        payloads += (
            {"jsonrpc": "2.0", "id": 1, "error": error} for error in bendings(failed, ("code", "message"))
        )
    seen = {"direction": "sent", "peer": "gates", "transport": "stdio", "session": "one", "payload": question}
    yield from ({"mcp": {**seen, "payload": payload}} for payload in payloads)
    for mcp in bendings(seen, PLACE_KEYS):
        yield from ({"mcp": mcp}, {"mcp": mcp, "lost": None}, {"mcp": mcp, "lost": {"count": 1}})
    yield from ({"mcp": odd} for odd in ODD)
    yield {}


# Each of these looks like a plain case to a shortcut that checks less.
TABLES = {
    "cancelled, as only the callee saw": """
        0.0 relay sends gates ? 1 tools/call open
        0.1 gates gets relay ? 1 tools/call open
        0.2 gates gets relay ~ notifications/cancelled {"requestId": 1}
        0.3 gates sends relay = 1
        0.4 relay gets gates = 1
    """,
    "cancelled after an answer that overtook its question": """
        0.0 gates gets relay ? 1 tools/call open
        0.1 relay gets gates = 1
        0.2 gates sends relay = 1
        0.3 relay sends gates ? 1 tools/call open
        0.4 relay sends gates ~ notifications/cancelled {"requestId": 1}
    """,
    "a tool's own error": """
        0.0 relay sends gates ? 1 tools/call open
        0.1 gates gets relay ? 1 tools/call open
        0.2 gates sends relay = 1 {"isError": true, "content": []}
        0.3 relay gets gates = 1 {"isError": true, "content": []}
    """,
    "timed out, as the caller remarks": """
        0.0 relay sends gates ? 1 tools/call open @t
        0.1 gates gets relay ? 1 tools/call open @t
        0.2 relay says WARN open timed out @t
        0.3 gates sends relay = 1 @t
        0.4 relay gets gates = 1 @t
    """,
    "several attempts, and a remark": """
        0.0 relay sends gates ? 9 server/discover
        0.1 relay sends gates ? 1 prompts/get
        0.2 gates gets relay ? 1 prompts/get
        0.3 gates sends relay = 1 {"resultType": "inputRequired", "inputRequests": {}}
        0.4 relay gets gates = 1 {"resultType": "inputRequired", "inputRequests": {}}
        0.5 relay sends gates ? 2 prompts/get {"requestState": "x"}
        0.6 gates gets relay ? 2 prompts/get {"requestState": "x"}
        0.7 gates sends relay = 2
        0.8 relay gets gates = 2
        1.0 relay sends gates ? 3 tools/call open
        1.1 gates gets relay ? 3 tools/call open
        1.2 gates says TRACE Tool call started {"tool_name": "open"}
        1.3 gates sends relay = 3
        1.4 relay gets gates = 3
    """,
    "an answer on another connection, or about another method": """
        0.0 relay sends gates ? 1 ping #one
        0.1 relay gets gates = 1 #two
        0.2 dewey says TRACE MCP request received {"method": "tools/list"}
        0.3 dewey says TRACE MCP request completed {"method": "resources/list", "has_error": false}
    """,
    "far apart, but for one clock": """
        0.0 gates gets relay ? 1 ping
        100 relay sends gates ? 1 ping
        0.0 dewey gets relay ? 1 tools/list
        1.0 dewey gets relay ? 1 tools/list
        2.0 dewey gets relay ? 1 tools/list
        100 relay sends dewey ? 1 tools/list
        101 relay sends dewey ? 1 tools/list
        102 relay sends dewey ? 1 tools/list
        0.0 marco gets relay ? 1 tools/call open @t
        100 relay sends marco ? 1 tools/call open @t
        3.0 marco gets relay ? 2 tools/call close
        103 relay sends marco ? 2 tools/call close
    """,
    "what cannot be one": """
        0.0 relay sends relay ? 1 ping @a
        0.1 relay gets nobody ? 1 ping @a
        1.0 relay sends gates ? 2 ping @b
        1.1 gates gets dewey ? 2 ping @b
        1.2 dewey sends browser ? 7 ping
        2.0 relay sends gates ? 3 ping @c
        2.1 gates gets gates ? 3 ping @c
        3.0 relay sends gates ? 4 tools/call open #s
        3.1 gates gets relay ? 4 tools/call close #s
        4.0 relay sends gates ? 5 tools/call open {"n": 1} @e
        4.1 gates gets relay ? 5 tools/call open {"n": 2} @e
        5.0 relay sends gates ? 6 tools/call open {"n": 1} @f
        5.1 gates gets relay ? 6 tools/call open @f
    """,
}


@pytest.mark.parametrize("heading", TABLES)
@pytest.mark.parametrize("missing", ["nothing", "event_created_at", "all event_created_at", "id"])
def test_a_shortcut_leaves_alone(heading: str, missing: str):
    logs = log_table(TABLES[heading])
    if missing != "nothing":
        rows = logs.index if missing.startswith("all ") else logs.index[[0, -1]]
        logs.loc[rows, missing.removeprefix("all ")] = None
    check(logs, "")


@st.composite
def trees(draw: st.DrawFn) -> tuple[Any, ...]:
    """Times of messages, their calls, whether they are answers, and the calls behind the calls."""
    odd = ("q", "q", "a", "qqa", "qaqa", "aa")  # one is enough to make all of its tree be walked
    shapes = draw(st.lists(st.sampled_from(("qa",) * 12 + odd), min_size=2, max_size=6))
    hops = [(number, one == "a") for number, shape in enumerate(shapes) for one in shape]
    hops += [(-1, False)] * draw(st.integers(0, 2))
    times = draw(st.lists(st.integers(0, 4), min_size=len(hops), max_size=len(hops)))
    rank = draw(st.permutations(range(len(shapes))))  # a cause may stand anywhere
    parent = [-1] * len(shapes)
    for place in range(1, len(shapes)):
        parent[rank[place]] = draw(st.sampled_from((-1, rank[place - 1], *rank[:place])))
    kinds = (times, np.int64), ([call for call, _ in hops], np.int64), ([late for _, late in hops], bool)
    return *(np.array(values, dtype=kind) for values, kind in kinds), np.array(parent, dtype=np.int64)


@given(trees())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_lines_are_in_the_order_of_trees(tree: tuple[Any, ...]):
    quick = order.causal_order(*tree)
    with slowly("ordering"):
        assert order.causal_order(*tree).tolist() == quick.tolist()


def test_a_shuffled_log_shows_the_same():
    """Also without any row that is no message, when columns of the log are taken as they are."""
    logs = ga.load_logs(source=ROOT / "demo" / "captures" / "healthy.jsonl")
    whole = logs[[isinstance(data, dict) and "mcp" in data for data in logs["data"]]]
    whole = whole.drop_duplicates("event_created_at").reset_index(drop=True)
    shuffled = whole.sample(frac=1, random_state=1).reset_index(drop=True)
    mine, theirs = found_in(whole), found_in(shuffled)
    for found in (mine, theirs):
        found["calls"] = found["calls"].drop(columns="evidence")  # in the order of the log
    assert not difference(mine, theirs)


@pytest.mark.parametrize("alone", ["reading", "reading blocks"])
def test_odd_records_are_read_alike(alone: str):
    journal = Journal(1_000, {}, 0.0, sessions=False)
    for number, data in enumerate(odd_records()):
        journal.write(("relay", "client", "browser")[number % 3], "TRACE", "", data, None)
    check(ga.from_records(journal.records), alone)


KINDS = st.sampled_from(
    ("call",) * 6
    + ("ping", "initialize", "tools/list", "notifications/initialized", "batch", *ASKED_BACK)
    + ("remark", "wording", "loss", "pause")
)


@st.composite
def journals(draw: st.DrawFn) -> list[dict[str, Any]]:
    journal = Journal(
        draw(st.sampled_from((0, 1_000, 300_000))),
        {name: draw(st.sampled_from((0, 0, -40_000_000, 2_000_000))) for name in ("client", *BACKENDS)},
        draw(st.sampled_from((0.0, 0.03, 0.15))),
        sessions=draw(st.booleans()),
    )
    for kind, seed in draw(st.lists(st.tuples(KINDS, st.integers(0, 2**32 - 1)), min_size=1, max_size=18)):
        journal.step(kind, seed)
    journal.end()
    shuffled = draw(st.booleans())
    if shuffled:
        journal.chance.seed(len(journal.records))
        journal.chance.shuffle(journal.records)
    return journal.records


@given(journals(), st.sampled_from(ALONE))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_messages(records: list[dict[str, Any]], alone: str):
    check(ga.from_records(records), alone)
