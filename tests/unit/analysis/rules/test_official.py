"""Messages that are JSON-RPC and not MCP: a fault where somebody could not use them, a remark everywhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from godot_analysis.diagnosis.facts._plain import plain_answer, plain_request
from godot_analysis.normal_form.official import Judge, Seen
from godot_analysis.reading.classify import classify

OLD = "2025-06-18"
TOOL = {"name": "forecast", "inputSchema": {"type": "object"}}
SHAPELESS = {"name": "report"}
FINE = {"content": [{"type": "text", "text": "fine"}]}
ZOD = '[{"code": "invalid_type", "expected": "object", "received": "undefined"}]'


class Link:
    """A host and one server, seen from both ends."""

    def __init__(self, story, host="host", server="weather"):
        self.story, self.host, self.server, self.last = story, host, server, 0

    def ask(self, method, params=None, result=None, error=None):
        self.last += 1
        request = {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params or {}}
        self.story.exchange(self.host, self.server, request)
        end = {"result": result} if error is None else {"error": error}
        self.story.exchange(self.server, self.host, {"jsonrpc": "2.0", "id": self.last, **end})

    def greet(self, tools=(TOOL,), confirm=True, **result):
        hello = {
            "protocolVersion": OLD,
            "capabilities": {},
            "clientInfo": {"name": self.host, "version": "1"},
        }
        known = {
            "protocolVersion": OLD,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": self.server, "version": "1"},
        }
        told = {name: value for name, value in (known | result).items() if value is not None}
        self.ask("initialize", hello, told)
        if confirm:
            note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            self.story.exchange(self.host, self.server, note)
            self.ask("tools/list", {}, {"tools": list(tools)})

    def call(self, tool="forecast", result=FINE, **end):
        self.ask("tools/call", {"name": tool, "arguments": {}}, result, **end)

    def complain(self, text):
        self.story.tell(self.host, "ERROR", text)

    def remarks(self):
        return {finding.code for finding in self.story.diagnose().ranked if finding.severity == "info"}


@pytest.fixture
def link(story):
    return Link(story)


def test_what_the_schema_allows_is_no_remark(link):
    link.greet()
    link.call()
    assert link.story.codes() == []
    assert not link.remarks()


def test_r17_list_that_its_client_cannot_read(link):
    link.greet([TOOL, SHAPELESS])
    link.complain(f"Failed to fetch tools of weather: {ZOD}")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == (
        "R17",
        "weather",
        "weather",
        "report",
    )
    assert "tools.1.inputSchema" in found.summary
    assert OLD in found.summary


def test_r17_handshake_after_which_the_client_stops(link):
    link.greet(serverInfo=None, confirm=False)
    link.story.wait(9)
    link.story.tell("host", "INFO", "waiting for the user")
    found = link.story.only()
    assert (found.code, found.component) == ("R17", "weather")
    assert "serverInfo" in found.summary


def test_r17_backend_whose_list_the_relay_cannot_use(story):
    story.start_relay(["dewey", "fiedler"])
    Link(story, story.relay, "gates").greet([TOOL, {**SHAPELESS, "name": "gates_report"}])
    story.call("gates_report")
    found = story.only()
    assert (found.code, found.component, found.tool) == ("R17", "gates", "gates_report")


@pytest.mark.parametrize(
    "odd",
    [
        {"serverInfo": None},
        {"serverInfo": {"name": "weather"}},
        {"protocolVersion": None},
        {"tools": [TOOL, {**TOOL, "name": "odd", "inputSchema": {"type": "string"}}]},
    ],
    ids=str,
)
def test_r17_is_a_remark_where_the_tools_are_used_all_the_same(link, odd):
    link.greet(**odd)
    link.call()
    assert link.story.codes() == []
    assert link.remarks() == {"R17"}


def test_r17_a_tool_that_its_client_left_out(link):
    link.greet([TOOL, SHAPELESS])
    link.complain("skipping tool report: inputSchema is required")
    link.call()
    found = link.story.only()
    assert (found.code, found.severity, found.tool) == ("R17", "warning", "report")


def test_r17_is_borne_by_a_client_that_works_with_another_such_server(story):
    other = Link(story, server="maps")
    other.greet(serverInfo=None)
    other.call()
    link = Link(story)
    link.greet(serverInfo=None, confirm=False)
    story.wait(9)
    story.tell("host", "INFO", "waiting for the user")
    assert story.codes() == []


def test_a_provider_that_refuses_the_schema_is_the_closer_cause(link):
    link.greet([TOOL, {"name": "odd", "inputSchema": {"anyOf": [{"type": "object"}]}}])
    link.complain("tools.1.custom.input_schema: input_schema does not support anyOf at the top level")
    assert link.story.only().code == "F01"


def test_capabilities_without_tools_are_the_closer_cause(story):
    story.start_relay(["dewey", "fiedler"])
    Link(story, story.relay, "gates").greet(capabilities={}, serverInfo={"name": "gates"}, confirm=False)
    story.call("gates_create_document")
    assert story.only().code == "F11"


def test_r18_result_that_its_client_throws_away(link):
    link.greet()
    link.call(result={"text": "18 degrees"})
    link.complain("1 validation error for CallToolResult content: Field required")
    found = link.story.only()
    assert (found.code, found.component, found.tool) == ("R18", "weather", "forecast")
    assert "content" in found.summary


@pytest.mark.parametrize(("called_since", "codes"), [(False, ["R18"]), (True, [])])
def test_r18_the_client_throws_it_away_a_moment_later(link, called_since, codes):
    link.greet()
    link.call(result={"content": "sunny"})
    link.story.wait(3)
    if called_since:
        link.call(result={"content": [{"type": "text", "text": "sunny"}]})
    link.complain("1 validation error for CallToolResult content: Input should be a valid list")
    assert link.story.codes() == codes


def test_r18_result_that_the_relay_makes_an_error_of(story):
    story.start_relay()
    story.call("dewey_search", error={"code": -32603, "message": "unexpected"})
    link = Link(story, story.relay, "gates")
    link.greet([{**TOOL, "name": "gates_draw"}])
    outer = Link(story, "client", story.relay)
    ask = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "gates_draw", "arguments": {}},
    }
    story.exchange("client", story.relay, ask)
    link.call("gates_draw", {"content": [{"type": "txt", "text": "drawn"}]})
    bad = {"code": -32603, "message": "2 validation errors for CallToolResult"}
    story.exchange(story.relay, "client", {"jsonrpc": "2.0", "id": 7, "error": bad})
    assert outer.last == 0
    codes = {
        finding.code: finding.component for finding in story.diagnose().ranked if finding.severity == "error"
    }
    assert codes["R18"] == "gates"
    assert codes.get("R12") != "gates"


def test_r18_is_a_remark_where_nobody_minds(link):
    link.greet()
    link.call(result={"text": "18 degrees"})
    assert link.story.codes() == []
    assert link.remarks() == {"R18"}


def test_r19_request_that_is_refused_for_its_form(link):
    link.greet()
    refusal = {"code": -32602, "message": "Invalid request parameters"}
    link.ask("tools/call", {"name": "forecast", "arguments": "city=Ulm"}, error=refusal)
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("R19", "weather", "host")
    assert "arguments" in found.summary


LACKING = {"code": -32602, "message": "Invalid request parameters"}


@pytest.mark.parametrize(
    "hello", [{"version": OLD}, {"protocolVersion": OLD}], ids=["another name", "nothing else"]
)
def test_r19_handshake_without_what_mcp_requires(link, hello):
    for _ in range(2):
        link.ask("initialize", hello, error=LACKING)
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("R19", "weather", "host")


def test_a_refusal_of_a_sound_handshake_is_not_about_its_form(link):
    hello = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    link.ask("initialize", hello, error=LACKING)
    assert "R19" not in link.story.codes()


def test_r19_is_a_remark_where_the_server_is_lenient(link):
    link.greet()
    link.ask("tools/call", {"name": "forecast", "arguments": "city=Ulm"}, FINE)
    assert link.story.codes() == []
    assert link.remarks() == {"R19"}


def test_a_refusal_of_sound_arguments_is_not_about_their_form(link):
    link.greet()
    link.call(error={"code": -32602, "message": "city is required"})
    assert link.story.only().code == "R10"


@pytest.mark.parametrize(
    "text", ["invalid_type", "pydantic_core.ValidationError", "json: cannot unmarshal string"]
)
def test_words_of_form(text):
    assert classify(text).tells(
        "message.malformed", "result.invalid", "arguments.invalid", "arguments.missing"
    )


def test_a_remark_about_a_tool_does_not_hide_its_failure(link):
    link.greet()
    for said in ("file not found", "city is required"):
        link.call(result={"content": [{"type": "text", "text": said}], "isError": True})
    found = link.story.only()
    assert (found.code, found.severity) == ("R10", "error")
    assert "city is required" in found.summary


# What is plain needs no schema: the schema itself would say nothing.

_WORDS = st.sampled_from(["", "a", "text", "object", "string"])
_ODD = st.one_of(st.none(), st.booleans(), st.integers(), _WORDS, st.just([]), st.just({}))


def _dicts(**parts):
    return st.fixed_dictionaries({}, optional={name: st.one_of(part, _ODD) for name, part in parts.items()})


_SCHEMAS = _dicts(
    type=st.just("object"),
    properties=st.dictionaries(_WORDS, st.one_of(st.just({}), _ODD), max_size=2),
    required=st.lists(st.one_of(_WORDS, _ODD), max_size=2),
    additionalProperties=st.booleans(),
)
_TOOLS = _dicts(name=_WORDS, description=_WORDS, inputSchema=_SCHEMAS)
_NAMES = st.one_of(st.just({"name": "a", "version": "1"}), _dicts(name=_WORDS, version=_WORDS, title=_WORDS))
_ABLE = _dicts(
    tools=_dicts(listChanged=st.booleans()),
    resources=_dicts(listChanged=st.booleans()),
    logging=st.just({}),
    experimental=_dicts(own=_ODD),
)
_ANSWERS = {
    "initialize": _dicts(protocolVersion=st.just(OLD), capabilities=_ABLE, serverInfo=_NAMES),
    "tools/list": _dicts(tools=st.lists(st.one_of(_TOOLS, st.just(TOOL)), max_size=2)),
    "tools/call": _dicts(
        content=st.lists(st.one_of(_dicts(type=st.just("text"), text=_WORDS), _ODD), max_size=2),
        isError=st.booleans(),
        structuredContent=st.just({}),
    ),
}
_PARAMS = {
    "initialize": _dicts(protocolVersion=st.just(OLD), capabilities=_ABLE, clientInfo=_NAMES),
    "tools/list": _dicts(cursor=_WORDS, _meta=_dicts(traceparent=_WORDS)),
    "tools/call": _dicts(
        name=_WORDS, arguments=st.dictionaries(_WORDS, _ODD), _meta=_dicts(traceparent=_WORDS)
    ),
}
_VERSIONS = ("2024-11-05", "2025-03-26", OLD, "2025-11-25")
_LINK = ("a", "b", None)


def _judged(version, method, request, result):
    judge = Judge()
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    judge(Seen(_LINK, "sent", "request", "initialize", "0", {"params": hello}))
    info = {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "b", "version": "1"}}
    judge(Seen(_LINK, "received", "response", None, "0", {"result": info}))
    asked = judge(Seen(_LINK, "sent", "request", method, "1", {"method": method, **request}))
    return asked, judge(Seen(_LINK, "received", "response", None, "1", {"result": result}))


@pytest.mark.parametrize("method", _ANSWERS)
@given(data=st.data(), version=st.sampled_from(_VERSIONS))
def test_what_is_plain_is_sound(method, data, version):
    params, result = data.draw(_PARAMS[method]), data.draw(_ANSWERS[method])
    asked, answered = _judged(version, method, {"params": params}, result)
    assert not (plain_request(method, {"params": params}) and asked)
    assert not (plain_answer(method, result) and answered)


_WHOLE_SCHEMA = {
    "type": "object",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "properties": {"city": {}},
    "required": ["city"],
}
_WHOLE_TOOL = {
    "name": "forecast",
    "title": "Forecast",
    "description": "The weather",
    "inputSchema": _WHOLE_SCHEMA,
    "outputSchema": _WHOLE_SCHEMA,
    "annotations": dict.fromkeys(
        ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"), True
    ),
}
_WHOLE_NAME = dict.fromkeys(("name", "version", "title", "description", "websiteUrl"), "a")
_CHANGING = {"listChanged": True}
_TRACED = {"_meta": {"traceparent": "00-1", "progressToken": 1}}
_WISHES = {"roots": _CHANGING, "sampling": {}, "elicitation": {}}
_ABILITIES = {
    **{name: {} for name in ("logging", "completions", "experimental")},
    **dict.fromkeys(("tools", "prompts"), _CHANGING),
    "resources": {"listChanged": True, "subscribe": True},
}
_WHOLE_REQUESTS = {
    "initialize": {
        "protocolVersion": OLD,
        "capabilities": _WISHES,
        "clientInfo": _WHOLE_NAME,
        **_TRACED,
    },
    "tools/list": {"cursor": "a", **_TRACED},
    "tools/call": {"name": "forecast", **_TRACED},
}
_WHOLE_ANSWERS = {
    "initialize": {
        "protocolVersion": OLD,
        "capabilities": _ABILITIES,
        "serverInfo": _WHOLE_NAME,
        "instructions": "a",
    },
    "tools/list": {"tools": [_WHOLE_TOOL], "nextCursor": "a"},
    "tools/call": {"content": [{"type": "text", "text": "a"}], "isError": False},
}


def _spoilt(value):
    """The value with one part of it that is null, or with one more name in one of its objects."""
    yield None
    if isinstance(value, dict):
        yield {**value, "other": []}
        for name, part in value.items():
            yield from (
                {**value, name: odd} for odd in _spoilt(part) if (name, part) != ("city", {}) or odd is None
            )
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], odd, *value[place + 1 :]] for odd in _spoilt(part))


@pytest.mark.parametrize("method", _WHOLE_REQUESTS)
def test_a_request_is_plain_until_any_part_of_it_is_odd(method):
    params = _WHOLE_REQUESTS[method]
    assert plain_request(method, {"params": params})
    assert [odd for odd in _spoilt(params) if plain_request(method, {"params": odd})] == []


@pytest.mark.parametrize("method", _WHOLE_ANSWERS)
def test_an_answer_is_plain_until_any_part_of_it_is_odd(method):
    result = _WHOLE_ANSWERS[method]
    assert plain_answer(method, result)
    assert [odd for odd in _spoilt(result) if odd is not None and plain_answer(method, odd)] == []


def test_what_every_schema_leaves_open_is_plain():
    free = _WHOLE_SCHEMA | {"title": None, "additionalProperties": None, "$defs": None}
    assert plain_answer(
        "tools/list", {"tools": [_WHOLE_TOOL | {"inputSchema": free, "_meta": {"any": None}}]}
    )


def test_an_experiment_is_not_plain():
    able = {"experimental": _CHANGING}
    assert not plain_answer("initialize", _WHOLE_ANSWERS["initialize"] | {"capabilities": able})


@pytest.mark.parametrize(
    "odd", [{"arguments": []}, {"structuredContent": []}], ids=lambda odd: next(iter(odd))
)
def test_what_may_hold_anything_is_an_object(odd):
    assert plain_request("tools/call", {"params": {"name": "forecast", "arguments": {"any": [None]}}})
    assert plain_answer("tools/call", {**FINE, "structuredContent": {"any": [None]}})
    assert not plain_request("tools/call", {"params": {"name": "forecast", **odd}})
    assert not plain_answer("tools/call", {**FINE, **odd})


def test_a_sound_log_needs_no_schema(link, monkeypatch):
    monkeypatch.setattr("godot_analysis.diagnosis.facts.breaches.Judge", lambda: None)
    link.greet()
    link.call()
    assert link.story.diagnose().healthy
