"""What must hold for every log: random small systems with random faults, clocks, gaps and shuffles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import godot_analysis as ga
from godot_analysis.columns import STATUSES

ENDS = ("answered", "error", "tool_error", "request lost", "answer lost")
BACKENDS = ("gates", "dewey")
START_US = 1_767_225_600_000_000


@dataclass
class System:
    """Client → relay → backend, and what each of them logs."""

    traced: bool
    reused_ids: bool
    records: list[dict[str, Any]] = field(default_factory=list)
    now: int = 0

    def sees(self, observer: str, direction: str, peer: str, payload: Any, trace: str | None) -> None:
        self.now += 1
        self.records.append(
            {
                "id": f"00000000-0000-7000-8000-{len(self.records):012}",
                "component": observer,
                "level": "TRACE",
                "message": "",
                "trace_id": trace if self.traced else None,
                "event_created_at": self.now,
                "data": {"mcp": {"direction": direction, "peer": peer, "payload": payload}},
            }
        )

    def travels(self, sender: str, receiver: str, payload: Any, trace: str, *, arrives: bool = True) -> bool:
        self.sees(sender, "sent", receiver, payload, trace)
        if arrives:
            self.sees(receiver, "received", sender, payload, trace)
        return arrives

    def call(self, number: int, tool: str, backend: str, end: str) -> None:
        trace = f"00000000-0000-4000-8000-{number:012}"
        outer = {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": tool, "arguments": {"n": number}},
        }
        inner = {**outer, "id": 3 if self.reused_ids else 1000 + number}
        answer: dict[str, Any] = {"result": {"content": [], "isError": end == "tool_error"}}
        if end == "error":
            answer = {"error": {"code": -32000, "message": "broken"}}
        self.travels("client", "relay", outer, trace)
        if self.travels("relay", backend, inner, trace, arrives=end != "request lost") and self.travels(
            backend,
            "relay",
            {"jsonrpc": "2.0", "id": inner["id"], **answer},
            trace,
            arrives=end != "answer lost",
        ):
            self.travels("relay", "client", {"jsonrpc": "2.0", "id": number, **answer}, trace)


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(("open", "close")), st.sampled_from(BACKENDS), st.sampled_from(ENDS)),
    max_size=8,
)


@st.composite
def systems(draw: st.DrawFn, operations: st.SearchStrategy[Any] = OPERATIONS) -> tuple[System, list[Any]]:
    system = System(traced=draw(st.booleans()), reused_ids=draw(st.booleans()))
    calls = draw(operations)
    for number, (tool, backend, end) in enumerate(calls, 1):
        system.call(number, tool, backend, end)
    return system, calls


@st.composite
def damaged(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records of a system of which some are missing, late, or by a clock of their own."""
    system, _ = draw(systems())
    step = draw(st.sampled_from((1_000, 250_000, 3_000_000)))  # microseconds between two events
    offset = draw(
        st.fixed_dictionaries({name: st.integers(-5_000_000, 5_000_000) for name in ("client", *BACKENDS)})
    )
    silent = draw(st.sets(st.sampled_from(("client", "relay", *BACKENDS)), max_size=2))
    kept = []
    for record in system.records:
        if record["component"] in silent or draw(st.integers(0, 9)) == 0:
            continue
        late = draw(st.integers(0, 20_000))
        at = START_US + record["event_created_at"] * step + offset.get(record["component"], 0) + late
        kept.append({**record, "event_created_at": pd.Timestamp(at, unit="us", tz="UTC").isoformat()})
    return draw(st.permutations(kept))


def check(flow: ga.Flow) -> None:
    messages, hops, calls = flow.messages, flow.hops, flow.calls
    shown = Counter(messages["record"])
    used = Counter(hops["sent_record"].dropna()) + Counter(hops["received_record"].dropna())
    assert used == shown, "every sighting is in exactly one hop"
    both = (hops["seen"] == "both").sum()
    assert len(hops) == len(messages) - both
    assert (hops["joined_by"] != "").sum() == both

    assert calls["call"].tolist() == list(range(len(calls)))
    assert hops["hop"].tolist() == list(range(len(hops)))
    assert set(calls["status"]) <= set(STATUSES)
    assert ((calls["status"] == "lost") == calls["lost_at"].notna()).all()
    assert set(calls["lost_at"].dropna()) <= {"sender", "wire", "receiver", "logger"}
    assert (calls["duration_ms"].dropna() >= 0).all()

    paired = calls.dropna(subset=["request_hop", "response_hop"])
    assert (paired["request_hop"] < paired["response_hop"]).all(), "no answer before its question"
    nested = calls.dropna(subset=["parent"])
    parents = calls.loc[nested["parent"].astype("int64")]
    for mine, above in zip(nested.itertuples(), parents.itertuples(), strict=True):
        assert above.call < mine.call
        if not pd.isna(mine.request_hop) and not pd.isna(above.request_hop):
            assert above.request_hop < mine.request_hop, "no effect before its cause"
    assert flow.count_operations()["total"] == len(flow.operations)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_the_invariants_hold_whatever_is_missing(records: list[dict[str, Any]]):
    check(ga.reconstruct(ga.from_records(records)))


@settings(max_examples=60, deadline=None)
@given(damaged(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_means_nothing(records: list[dict[str, Any]], random: Any):
    logs = ga.from_records(records).drop_duplicates("event_created_at").reset_index(drop=True)
    shuffled = logs.sample(frac=1, random_state=random.randrange(2**31)).reset_index(drop=True)
    pd.testing.assert_frame_equal(
        ga.reconstruct(logs).calls.drop(columns="evidence"),
        ga.reconstruct(shuffled).calls.drop(columns="evidence"),
    )


@settings(max_examples=60, deadline=None)
@given(systems())
def test_a_whole_log_tells_the_whole_truth(told: tuple[System, list[Any]]):
    system, operations = told
    records = [
        {**record, "event_created_at": f"2026-01-01T00:00:00.{record['event_created_at']:03}Z"}
        for record in system.records
    ]
    # Somebody who logs on, so that what has not come is known to come no more.
    records += [
        {"component": name, "message": "alive", "level": "INFO", "event_created_at": "2026-01-01T01:00:00Z"}
        for name in ("client", "relay", *BACKENDS)
    ]
    flow = ga.reconstruct(ga.from_records(records))
    check(flow)
    assert flow.count_operations()["total"] == len(operations)
    assert flow.calls["caller"].isin(["client", "relay"]).all()
    ends = dict(zip(flow.operations["rpc_id"].astype(int), flow.operations["status"], strict=True))
    for number, (_, _, end) in enumerate(operations, 1):
        if end in {"answered", "error", "tool_error"}:
            assert ends[number] == end
        else:
            assert ends[number] in {"lost", "pending"}, end
    inner = flow.calls[flow.calls["caller"] == "relay"]
    assert inner["parent"].notna().all(), "each call of the relay has the client's behind it"
    assert (flow.calls.loc[inner["parent"].astype(int), "tool"].to_numpy() == inner["tool"].to_numpy()).all()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ("mcp", "direction", "peer", "payload", "method", "id", "params", "result", "error", "jsonrpc", "name",
             "arguments", "request", "response", "tool_name", "code", "message", "requestId", "lost", "count", "from")
        ),
        inner | st.sampled_from(("sent", "received", "tools/call", "2.0", "initialize")),
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
TEXTS = st.sampled_from(
    ("→ gates", "← gates", "Tool call received: x", "MCP request received", "MCP response sent", "Tool error",
     "Sending request to backend: gates", "Received response from backend: gates", "Unknown tool: x", "")
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), TEXTS, JSON, st.booleans()), max_size=12))
def test_no_log_is_too_strange(rows: list[tuple[str, str, Any, bool]]):
    records = [
        {
            "component": component,
            "level": "ERROR",
            "message": text,
            "data": {"mcp": {"direction": "sent", "peer": "b", "payload": data}} if wrapped else data,
            "event_created_at": f"2026-01-01T00:00:{number:02}Z",
        }
        for number, (component, text, data, wrapped) in enumerate(rows)
    ]
    check(ga.reconstruct(ga.from_records(records)))


@st.composite
def clocked(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, tuple[int, float]]]:
    """Calls that both ends log, each by a clock that is ahead by an offset and gains by a drift."""
    clocks = {
        name: (draw(st.integers(-60_000_000, 60_000_000)), draw(st.floats(-200e-6, 200e-6)))
        for name in ("relay", *BACKENDS)
    }
    records: list[dict[str, Any]] = []
    now = 0

    def sees(observer: str, direction: str, peer: str, payload: Any) -> None:
        offset, drift = clocks[observer]
        at = START_US + now + offset + round(now * drift)
        shown = {"direction": direction, "peer": peer, "session": "-".join(sorted((observer, peer)))}
        records.append(
            {
                "component": observer,
                "level": "TRACE",
                "message": "",
                "event_created_at": pd.Timestamp(at, unit="us", tz="UTC").isoformat(),
                "data": {"mcp": {**shown, "payload": {"jsonrpc": "2.0", "id": len(records) // 4, **payload}}},
            }
        )

    for backend in draw(st.lists(st.sampled_from(BACKENDS), min_size=1, max_size=8)):
        question, answer = {"method": "ping"}, {"result": {}}
        for observer, direction, peer, payload in (
            ("relay", "sent", backend, question),
            (backend, "received", "relay", question),
            (backend, "sent", "relay", answer),
            ("relay", "received", backend, answer),
        ):
            now += draw(st.integers(1, 50_000))
            sees(observer, direction, peer, payload)
        now += draw(st.integers(0, 5_000_000))
    return records, clocks


@settings(max_examples=60, deadline=None)
@given(clocked())
def test_clocks_are_as_far_apart_as_told_within_the_error(
    told: tuple[list[dict[str, Any]], dict[str, tuple[int, float]]],
):
    records, clocks = told
    flow = ga.reconstruct(ga.from_records(records))
    check(flow)
    assert flow.calls["status"].eq("answered").all()
    assert flow.hops["seen"].eq("both").all()
    drifted = 40_000_000 * 400e-6  # no system here runs longer, or drifts faster
    for clock in flow.clocks.itertuples():
        ahead = clocks[clock.component][0] - clocks[clock.reference][0]
        assert abs(clock.offset_us - ahead) <= clock.error_us + drifted
