"""What a flow hands out stays what the log was, whatever becomes of its frame, and takes no more room than needed."""

from __future__ import annotations

import copy
import pickle

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table


@pytest.fixture
def logs() -> pd.DataFrame:
    return log_table("""
        0.0 relay sends gates ? 3 tools/call open {"n": 1} @t
        0.1 gates gets  relay ? 3 tools/call open {"n": 1} @t
        0.2 gates sends relay ! 3 -32602 no            @t
        0.3 relay gets  gates ! 3 -32602 no            @t
    """)


@pytest.mark.parametrize(
    "change",
    [
        lambda logs: logs.pop("seq"),
        lambda logs: logs.__setitem__("id", logs["id"].iloc[::-1].to_numpy()),
        lambda logs: logs.__setitem__("trace_id", "x"),
        lambda logs: logs.__setitem__(
            "event_created_at", logs["event_created_at"].dt.tz_convert("Europe/Berlin")
        ),
    ],
)
def test_a_log_that_is_changed_later_changes_nothing(logs: pd.DataFrame, change):
    wanted = ga.reconstruct(logs)
    messages, findings = wanted.messages, ga.diagnose(wanted).to_dict()
    flow = ga.reconstruct(logs)
    change(logs)
    assert ga.diagnose(flow).to_dict() == findings
    pd.testing.assert_frame_equal(flow.messages, messages)


def test_a_flow_can_be_kept_and_copied(logs: pd.DataFrame):
    flow = ga.reconstruct(logs)
    for other in (pickle.loads(pickle.dumps(flow)), copy.deepcopy(flow)):
        pd.testing.assert_frame_equal(other.messages, flow.messages)
        pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(other)).observed, flow.observed)


def test_what_the_messages_are_made_of_is_let_go_of(logs: pd.DataFrame):
    flow = ga.reconstruct(
        pd.concat([logs] * 500, ignore_index=True).assign(id=lambda many: many.index.astype("str"))
    )
    before = len(pickle.dumps(flow))
    assert len(flow.observed) == 2000
    again = len(pickle.dumps(flow))
    assert again < before * 1.5
    assert flow.observed is flow.observed
