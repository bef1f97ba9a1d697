"""Whom an ordinary record speaks of, and which request it is therefore not about."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table
from godot_analysis.reading.names import Speech, is_one

TOOLS = ("render_page", "convert_time", "echo")
COMPONENTS = ("agent", "pdf", "time", "jobs")


@pytest.mark.parametrize(
    ("text", "data", "tools", "servers"),
    [
        ("tool mcp__pdf__render_page failed: closed", None, {"render_page"}, {"pdf"}),
        ("call failed", {"tool": "mcp__pdf__render_page"}, {"render_page"}, {"pdf"}),
        ("call failed", {"tool_name": "echo", "backend": "jobs"}, {"echo"}, {"jobs"}),
        ("MCP server pdf process exited with code -6", None, set(), {"pdf"}),
        ("[jobs] Failed to parse JSONRPC message", None, set(), {"jobs"}),
        ("GET failed", {"url": "http://pdf:9000/mcp"}, set(), {"pdf"}),
        ("render_page took too long", None, {"render_page"}, set()),
        ("gave up, in time for an echo", None, set(), set()),
        ("not reached", {"backend": "ws://gates:9051"}, set(), set()),
        ("not reached", ["no", "object"], set(), set()),
    ],
)
def test_whom_a_record_names(text, data, tools, servers):
    about = Speech(TOOLS, COMPONENTS).about(text, data)
    assert (about.tools, about.servers) == (tools, servers)


@pytest.mark.parametrize("held", [{"server": "prod-7"}, {"target": "tokio"}])
def test_a_name_that_is_no_component_of_the_log_is_nobodys(held):
    assert not Speech(TOOLS, COMPONENTS).about("deadline exceeded", held).servers


def test_a_prefix_ends_at_a_space():
    about = Speech(TOOLS, COMPONENTS).about("mcp__gates is down, see mcp__iccm__open", None)
    assert (about.tools, about.servers) == ({"open"}, {"iccm"})


def test_names_in_any_script_are_told_apart():
    assert not is_one("打开", "关闭")
    assert is_one("文件_打开", "打开")
    assert not is_one("--", "..")


def test_what_names_nobody_may_be_about_anybody():
    about = Speech((), ()).about("Request timed out", None)
    assert about.is_of("echo", "jobs")
    assert about.is_of(None, None)


def test_a_prefix_makes_no_other_tool_of_it():
    about = Speech(TOOLS, COMPONENTS).about("failed", {"tool": "pdf_render_page", "server": "iccm-pdf"})
    assert about.is_of("render_page", "pdf")
    assert not about.is_of("render_page", "jobs")
    assert not about.is_of("echo", "pdf")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("request timed out", "timed_out"),
        ('request timed out {"tool": "mcp__jobs__train"}', "timed_out"),
        ('request timed out {"tool": "mcp__pdf__render_page"}', "pending"),
        ('request timed out {"server": "pdf"}', "pending"),
    ],
)
def test_a_time_out_ends_the_call_that_it_names(said, status):
    flow = ga.reconstruct(
        log_table(f"""
        0.0 agent sends pdf  ? 1 tools/call render_page @t
        0.1 agent gets  pdf  = 1 {{"content": []}} @t
        0.2 agent sends jobs ? 1 tools/call train @t
        5.2 agent says ERROR {said} @t
        """)
    )
    assert flow.calls["status"].tolist() == ["answered", status]


def test_a_time_out_before_a_call_is_not_of_it():
    flow = ga.reconstruct(
        log_table("""
        0.0 agent sends jobs ? 1 tools/call train @t
        5.0 agent says ERROR request timed out @t
        5.1 agent sends pdf  ? 1 tools/call render_page @t
        5.2 agent gets  pdf  = 1 {"content": []} @t
        """)
    )
    assert flow.calls["status"].tolist() == ["timed_out", "answered"]


@pytest.mark.parametrize("method", ["~ notifications/tools/list_changed", "? 9 ping", "? 9 roots/list"])
def test_what_a_host_says_of_a_failure_is_no_message(method):
    flow = ga.reconstruct(
        log_table(f"""
        0.0 agent sends pdf ? 1 tools/call render_page
        0.1 agent gets  pdf {method}
        0.2 agent says ERROR tool mcp__pdf__render_page failed: closed {{"tool": "mcp__pdf__render_page"}}
        """)
    )
    assert flow.count_operations()["total"] == 1
