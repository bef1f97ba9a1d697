"""A good and a bad trace: aligned step by step, the first divergence first, its consequences not told again."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.comparison._alignment import align
from godot_analysis.comparison._payloads import payload_changes
from godot_analysis.loading.tables import log_table

CALL = """
    1.000 relay gets  client ? 7 tools/call gates_a {"path": "/a"}
    1.010 relay sends gates  ? 3 tools/call gates_a {"path": "/a"}
    1.020 relay gets  gates  = 3 {"content": [{"type": "text", "text": "done"}]}
    1.030 relay sends client = 7 {"content": [{"type": "text", "text": "done"}]}
"""


def compare(good, bad):
    return ga.compare(log_table(good), log_table(bad))


def told(good, bad):
    return [(item.kind, item.path) for item in compare(good, bad).ranked]


def test_a_trace_does_not_differ_from_itself():
    assert told(CALL, CALL) == []


def test_ids_times_and_trace_context_differ_in_every_run():
    later = CALL.replace("? 7", "? 91").replace("= 7", "= 91").replace("1.0", "5.0")
    traced = later.replace('{"path": "/a"}', '{"path": "/a"}  @other')
    assert told(CALL, traced) == []


def test_a_step_that_did_not_follow_is_the_divergence():
    lost = '1.000 relay gets client ? 7 tools/call gates_a {"path": "/a"}\n1.030 relay sends client ! 7 -32603 Unknown tool: gates_a'
    found = compare(CALL, lost)
    assert [item.kind for item in found.ranked] == ["outcome", "missing message"]
    assert found.breaking
    assert "Unknown tool: gates_a" in found.first.message
    assert [item.kind for item in compare(lost, CALL).ranked] == ["better outcome", "extra message"]
    assert not compare(lost, CALL).breaking


def test_the_first_divergence_is_the_earliest():
    greet = "0.1 relay sends gates ? 1 initialize {}\n0.2 relay gets gates = 1 {}"
    lost = '1.000 relay gets client ? 7 tools/call gates_a {"path": "/a"}\n1.030 relay sends client ! 7 -32603 Unknown tool: gates_a'
    found = compare(greet + CALL, lost)
    assert (found.first.kind, found.first.path) == ("missing message", "relay → gates/initialize")
    assert "with 1 more message that followed" in found.first.message


def test_what_a_missing_call_would_have_caused_is_not_told_again():
    second = CALL.replace("gates_a", "gates_b").replace("1.0", "2.0").replace("7", "8")
    assert told(CALL + second, CALL) == [("other input", "client → relay/tools~1call/gates_b")]
    assert told(CALL, CALL + second) == [("other input", "client → relay/tools~1call/gates_b")]


def test_changed_arguments_are_told_where_they_began():
    assert told(CALL, CALL.replace("/a", "/b")) == [
        ("argument", "client → relay/tools~1call/gates_a/params/arguments/path")
    ]


def test_changed_results_are_told_where_they_came_from():
    found = compare(CALL, CALL.replace("done", "other"))
    assert [(item.kind, item.path) for item in found.ranked] == [
        ("result", "relay → gates/tools~1call/gates_a/result/content/0/text")
    ]
    assert not found.breaking


def test_a_result_of_another_shape_breaks_unless_something_else_was_asked():
    other = CALL.replace('"text": "done"', '"data": "done"')
    assert compare(CALL, other).breaking
    assert not compare(CALL, other.replace("/a", "/b")).breaking


def test_text_that_holds_json_is_compared_as_what_it_holds():
    def answer(text):
        return CALL.replace('"done"', f'"{text}"')

    one, two = r"{\"id\": 1, \"state\": \"ok\"}", r"{ \"state\": \"ok\", \"id\": 1 }"
    assert told(answer(one), answer(two)) == []


def test_latency_is_told_at_the_step_that_takes_the_time():
    def after(milliseconds):
        return CALL.replace("1.020", f"1.{20 + milliseconds:03}").replace(
            "1.030", f"1.{30 + milliseconds:03}"
        )

    assert told(after(0), after(90)) == []  # less than 100 ms
    assert told(after(300), after(420)) == []  # less than twice
    assert told(after(0), after(500)) == [("slower", "relay → gates/tools~1call/gates_a/duration_ms")]
    assert told(after(500), after(0)) == [("faster", "relay → gates/tools~1call/gates_a/duration_ms")]
    assert not compare(after(0), after(500)).breaking


def test_other_errors_of_the_same_request():
    def failing(text):
        return f"1.0 relay sends gates ? 3 tools/call gates_a {{}}\n1.1 relay gets gates ! 3 -32602 {text}"

    assert [kind for kind, _ in told(failing("no file"), failing("no right"))] == ["error"]
    assert told(failing("failed at 2026-01-01T00:00:00Z"), failing("failed at 2026-01-02T00:00:00Z")) == []


def test_an_answer_that_was_only_inferred_is_no_outcome(shared_captures):
    good, bad = (
        ga.load_logs(source=shared_captures / f"{name}.jsonl")
        for name in ("healthy", "backend_killed_restarted")
    )
    found = ga.compare(good, bad)
    assert "not logged" in {item.kind for item in found.ranked}
    assert not [item for item in found.ranked if item.breaking and "fiedler" in item.message]


def test_lists_and_handshakes_are_compared_as_what_they_are():
    def listing(*names):
        tools = ",".join(
            f'{{"name": "{name}", "inputSchema": {{"type": "object", "properties": {{}}}}}}' for name in names
        )
        return f'1.0 client sends relay ? 2 tools/list\n1.1 client gets relay = 2 {{"tools": [{tools}]}}'

    assert told(listing("a", "b"), listing("a")) == [
        ("tool removed", "client → relay/tools~1list/result/tools/b")
    ]
    assert told(listing("a", "b"), listing("b", "a")) == [
        ("order", "client → relay/tools~1list/result/tools")
    ]


def test_concurrent_steps_in_another_order_have_only_moved():
    def greet(name, at):
        return f"{at}.0 relay sends {name} ? 1 initialize {{}} #{name}\n{at}.1 relay gets {name} = 1 {{}} #{name}\n"

    found = compare(
        greet("gates", 1) + greet("dewey", 2) + greet("marco", 3),
        greet("dewey", 1) + greet("marco", 2) + greet("gates", 3),
    )
    assert [(item.kind, item.judgement) for item in found.ranked] == [("moved", "cosmetic")]


def test_the_same_part_under_another_name():
    found = compare(CALL, CALL.replace("relay", "mcp-relay"))
    assert [(item.kind, item.left, item.right) for item in found.ranked] == [
        ("component renamed", "relay", "mcp-relay")
    ]
    # Another server is another server, whatever it is called.
    assert compare(CALL, CALL.replace(" gates ", " doors ")).breaking


def test_healthy_against_bug13_begins_with_the_connection_that_was_never_made(demo_capture):
    found = ga.compare(demo_capture("healthy"), demo_capture("bug13"), labels=("healthy", "bug13"))
    assert (found.first.kind, found.first.path) == ("missing message", "relay → gates/initialize")
    lost = {item.tool for item in found.ranked if item.kind == "tool removed"}
    assert lost == {"gates_create_document", "gates_validate_markdown", "gates_list_capabilities"}
    assert not [item for item in found.ranked if item.breaking and "gates" not in item.message]
    assert found.summary.startswith(f"{found.counts['breaking']} breaking")


def test_a_capture_does_not_differ_from_itself(demo_capture):
    for name in ("healthy", "bug13"):
        assert ga.compare(demo_capture(name), demo_capture(name)).ranked == ()


def test_the_original_system_with_bug13(shared_captures):
    good, bad = (ga.load_logs(source=shared_captures / f"{name}.jsonl") for name in ("healthy", "bug13"))
    found = ga.compare(good, bad)
    assert found.first.path == "mcp-relay → gates/initialize"
    assert ga.compare(good, good).ranked == ()


@pytest.mark.parametrize(
    ("left", "right", "pairs", "moved"),
    [
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)], set()),
        ("abc", "ac", [(0, 0), (2, 1)], set()),
        ("aab", "aba", [(0, 0), (1, 2), (2, 1)], {1}),
        ("", "a", [], set()),
        ("abcd", "dabc", [(0, 1), (1, 2), (2, 3), (3, 0)], {3}),
    ],
)
def test_alignment(left, right, pairs, moved):
    found = align([(letter,) for letter in left], [(letter,) for letter in right])
    assert (found.pairs, found.moved) == (pairs, moved)
    assert sorted({one for one, _ in found.pairs} | set(found.left_only)) == list(range(len(left)))
    assert sorted({two for _, two in found.pairs} | set(found.right_only)) == list(range(len(right)))


def test_alignment_prefers_what_is_equal_to_what_is_alike():
    found = align([("call", "a"), ("call", "b"), ("call", "c")], [("call", "a"), ("call", "c")])
    assert found.pairs == [(0, 0), (1, 1)]  # the strictest key is the first one
    strict = align([("a", 0), ("b", 0), ("c", 0)], [("a", 0), ("c", 0)])
    assert (strict.pairs, strict.left_only) == ([(0, 0), (2, 1)], [1])


def test_a_hundred_thousand_steps_align():
    steps = [(number % 7, number % 3) for number in range(100_000)]
    found = align(steps, steps[500:] + steps[:500])
    assert len(found.pairs) == 100_000


@pytest.mark.parametrize(
    ("left", "right", "paths"),
    [
        ({"a": 1, "created_at": 1}, {"a": 1, "created_at": 2}, []),
        ({"id": "0192f0c1-2d3e-7a4b-8c5d-6e7f80912a3b"}, {"id": "0192f0c1-2d3e-7a4b-8c5d-6e7f80912a3c"}, []),
        ({"url": "ws://localhost:9050/x"}, {"url": "ws://localhost:9051/x"}, []),
        ({"at": 1700000000}, {"at": 1700000099}, []),
        ({"n": 1}, {"n": 2}, ["n"]),
        ({"n": 1}, {"n": True}, ["n"]),
        ({"n": [1, 2]}, {"n": [1]}, ["n"]),
        ({"a": {"b": [{"c": "x"}]}}, {"a": {"b": [{"c": "y"}]}}, ["a/b/0/c"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ("{broken", "{broken!", [""]),
    ],
)
def test_payloads_without_what_passes(left, right, paths):
    assert [change.path for change in payload_changes(left, right)] == paths
    assert [change.path for change in payload_changes(left, left)] == []


def test_payload_changes_are_bounded():
    assert len(payload_changes({str(n): n for n in range(1000)}, {})) == 10
