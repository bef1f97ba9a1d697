"""The failure catalogue on one link: a host and its servers, in message records and ordinary ones."""

from __future__ import annotations

from collections import Counter

import pytest

VERSION = "2025-06-18"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OUTPUT = {"type": "object", "properties": {"temp": {"type": "number"}}, "required": ["temp"]}


class Link:
    """A host that greets its servers itself, and offers their tools to a model."""

    def __init__(self, story, transport="stdio", client="host"):
        self.story, self.transport, self.client, self.last = story, transport, client, 0

    def send(self, sender, receiver, payload):
        self.story.exchange(sender, receiver, {"jsonrpc": "2.0", **payload}, transport=self.transport)

    def ask(self, server, method, params=None, *, result=None, error=None, answered=True):
        self.last += 1
        request = {"id": self.last, "method": method, **({"params": params} if params is not None else {})}
        self.send(self.client, server, request)
        if answered:
            answer = {"error": error} if error is not None else {"result": {} if result is None else result}
            self.send(server, self.client, {"id": self.last, **answer})
        self.story.wait(0.2)

    def greet(self, server, tools, version=VERSION, capabilities=None):
        params = {
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": self.client, "version": "1"},
        }
        able = {"tools": {"listChanged": True}} if capabilities is None else capabilities
        result = {"protocolVersion": version, "capabilities": able, "serverInfo": {"name": server}}
        self.ask(server, "initialize", params, result=result)
        self.send(self.client, server, {"method": "notifications/initialized"})
        if tools is not None:
            self.list(server, tools)

    def list(self, server, tools, params=None, **more):
        self.ask(server, "tools/list", params, result={"tools": tools, **more})

    def offer(self, *names, **more):
        data = {"count": len(names), "names": list(names), **more}
        self.story.tell("host", "INFO", "tools offered to the model", data)

    def call(self, server, tool, arguments=None, **end):
        end.setdefault("result", {"content": [{"type": "text", "text": "fine"}]})
        if "error" in end:
            end.pop("result")
        self.ask(server, "tools/call", {"name": tool, "arguments": arguments or {}}, **end)

    def refuse(self, name):
        self.story.tell("host", "ERROR", f"No such tool available: {name}")

    def complain(self, text, data=None):
        self.story.tell("host", "ERROR", text, data)

    def http(self, status, url="http://localhost:8000/mcp", verb="POST", level="ERROR", **data):
        held = {"method": verb, "url": url, "status": status, **data}
        self.story.tell("host", level, "HTTP request failed", held)


@pytest.fixture
def link(story):
    return Link(story)


@pytest.fixture
def hub(story):
    """What is behind a relay of this name; each of its calls is one of the host's."""
    return Link(story, "websocket", client="hub")


@pytest.fixture
def web(story):
    return Link(story, "http")


def tool(name, schema=None, **more):
    return {"name": name, "description": name, "inputSchema": schema or WEATHER, **more}


ODD = {
    "F01": (tool("odd", {"anyOf": [{"type": "object", "properties": {}}]}), ("tools.1.custom.input_schema: input_schema "
            "does not support oneOf, allOf, or anyOf at the top level")),
    "F02": (tool("odd", {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}}),
            "can't resolve reference #/$defs/X from id #"),
    "F03": (tool("odd", {"type": "object", "properties": {"days": {"type": "array"}}}),
            "Invalid schema for function 'odd': array schema missing items"),
    "F04": (tool("odd", {"type": "object"}), "Invalid schema for function 'odd': object schema missing properties"),
    "F05": (tool("odd", {**WEATHER, "$schema": "http://json-schema.org/draft-07/schema#"}),
            "unsupported keyword $schema in tool odd"),
    "F06": (tool("odd" * 30), "Invalid 'tools[1].name': string too long (string_above_max_length)"),
    "F07": (tool("odd.name"), "tools.1.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(ODD.keys() - {"F02"}))
def test_a_refused_tool_of_which_no_list_is_in_the_log(story, code):
    _, said = ODD[code]
    story.tell("host", "ERROR", "API request failed", {"status": 400, "body": said})
    found = story.only()
    assert (found.code, found.component) == (code, None)
    assert found.evidence


@pytest.mark.parametrize("code", ODD)
def test_a_tool_that_the_provider_refused(link, code):
    odd, said = ODD[code]
    link.greet("weather", [tool("forecast"), odd])
    link.complain("API request failed", {"status": 400, "body": said})
    found = link.story.only()
    assert (found.code, found.severity, found.component, found.tool) == (
        code,
        "error",
        "weather",
        odd["name"],
    )


def test_f05_the_number_that_a_provider_names_is_that_of_its_own_inner_list(link):
    odd = [tool(name, {**WEATHER, "$schema": "http://json-schema.org/draft-07/schema#"}) for name in "abc"]
    link.greet("weather", odd)
    said = "Unknown name \"$schema\" at 'tools[0].function_declarations[2].parameters': Cannot find field."
    link.complain("API request failed", {"status": 400, "body": f"Unsupported keyword. {said}"})
    assert (link.story.only().code, link.story.only().tool) == ("F05", "c")


def test_f05_of_several_keywords_the_one_that_the_provider_names(link):
    odd = tool("odd", {**POSITIVE, "$schema": "http://json-schema.org/draft-07/schema#"})
    link.greet("weather", [tool("forecast"), odd])
    link.complain("API request failed", {"status": 400, "body": GEMINI})
    assert link.story.only().summary.endswith("(the host refuses the keyword exclusiveMinimum).")


NAMELESS = (
    "Invalid schema for function 'odd': In context=(), 'additionalProperties' is required to be supplied"
)
CONSTRAINT = (
    "ValidationException: Value 'odd name' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy "
    "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
)
GEMINI = (
    r'[API Error: {"error":{"code":400,"message":"Invalid JSON payload received. Unknown name '
    r"\"exclusiveMinimum\" at 'tools[0].function_declarations[1].parameters.properties[0].value': "
    r'Cannot find field."}}]'
)
PLACE = "GenerateContentRequest.tools[0].function_declarations[1].parameters"
DIALECT = "tools.1.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12"
POSITIVE = {"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}}}
EMPTY = tool("odd", {"type": "object", "properties": {}})


@pytest.mark.parametrize(
    ("code", "odd", "said"),
    [
        ("F04", EMPTY, PLACE + ".properties: should be non-empty for OBJECT type"),
        ("F04", EMPTY, NAMELESS),
        ("F05", tool("odd", POSITIVE), GEMINI),
        ("F05", tool("odd", POSITIVE), DIALECT),
        ("F05", tool("odd", POSITIVE), "Invalid schema for function 'odd': 'exclusiveMinimum' is not permitted."),
        ("F07", tool("__odd"), "Skipping MCP server 'weather': invalid function name '__odd'."),
        ("F07", tool("odd name"), CONSTRAINT),
    ],
)  # fmt: skip
def test_a_tool_that_was_refused_in_other_words(link, code, odd, said):
    link.greet("weather", [tool("forecast"), odd])
    link.complain(said, {"status": 400})
    link.refuse("mcp__weather__forecast")
    found = link.story.only()
    assert (found.code, found.severity, found.component, found.tool) == (
        code,
        "error",
        "weather",
        odd["name"],
    )


@pytest.mark.parametrize("said", [GEMINI, CONSTRAINT])
def test_what_a_tool_says_of_its_own_work_is_no_refused_list(link, said):
    link.greet("weather", [tool("forecast"), tool("odd", POSITIVE)])
    link.call("weather", "forecast", {"city": "Ulm"}, result={"content": [{"type": "text", "text": said}]})
    assert not {"F05", "F07"} & {*link.story.codes()}


def test_f04_a_relay_refuses_the_list_of_one_backend(link, hub):
    hub.greet(
        "notes", [tool("check_login", {"type": "object", "properties": {}, "additionalProperties": {}})]
    )
    hub.greet("weather", [tool("forecast")])
    said = (
        "tool refresh failed for notes: tool check_login rejected: inputSchema.additionalProperties must be "
    )
    link.story.tell("hub", "ERROR", f"{said}a boolean, got {{}}", {"backend": "notes", "tool": "check_login"})
    link.greet("hub", [tool("forecast")])
    link.call("hub", "check_login", error={"code": -32602, "message": "Unknown tool: check_login"})
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == (
        "F04",
        "notes",
        "notes",
        "check_login",
    )


@pytest.mark.parametrize("code", ODD)
def test_an_odd_tool_without_consequence_is_no_fault(link, code):
    odd, _ = ODD[code]
    link.greet("weather", [tool("forecast"), odd])
    link.call("weather", "forecast", {"city": "Ulm"})
    link.call("weather", odd["name"])
    assert link.story.codes() == []


@pytest.mark.parametrize("code", ["F01", "F06", "F07"])
def test_an_odd_tool_that_was_dropped_in_silence(link, code):
    odd, _ = ODD[code]
    link.greet("weather", [tool("forecast"), odd])
    link.offer("mcp__weather__forecast")
    link.refuse(f"mcp__weather__{odd['name']}")
    assert link.story.only().code == code


def test_f07_one_name_that_hides_the_whole_server(link):
    link.greet("weather", [tool("forecast"), tool("__IMPORTANT")])
    link.offer()
    link.refuse("mcp__weather__forecast")
    found = link.story.only()
    assert (found.code, found.component, found.tool) == ("F07", "weather", "__IMPORTANT")
    assert "with it" in found.explanation


def test_an_error_about_the_arguments_of_a_call_is_not_one_about_its_schema(link):
    link.greet("weather", [tool("forecast", {"type": "object", "properties": {"x": {"type": "array"}}})])
    link.call("weather", "forecast", error={"code": -32602, "message": "x must have items"})
    assert link.story.only().code == "R10"


def test_f02_definitions_stripped_by_the_relay(link):
    odd = ODD["F02"][0]
    whole = {**odd, "inputSchema": {**odd["inputSchema"], "$defs": {"X": {"type": "object"}}}}
    story = link.story
    for asker, asked, told in (("relay", "weather", whole), ("client", "relay", odd)):
        for rpc_id, method, result in (
            (1, "initialize", {"protocolVersion": VERSION, "capabilities": {"tools": {}}}),
            (2, "tools/list", {"tools": [told]}),
        ):
            story.exchange(asker, asked, {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": {}})
            story.exchange(asked, asker, {"jsonrpc": "2.0", "id": rpc_id, "result": result})
    story.tell("client", "ERROR", "tool rejected", {"error": "can't resolve reference #/$defs/X"})
    found = story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("F02", "weather", "relay", "odd")


def test_f08_renamed_on_a_direct_link(link):
    link.greet("weather", [tool("get-radar"), tool("forecast")])
    link.call("weather", "get_radar", error={"code": -32602, "message": "Unknown tool: get_radar"})
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F08", "weather", "host")


def test_f08_on_the_first_of_two_pages_of_the_relay(link, hub):
    hub.greet("weather", [tool("get-radar"), tool("forecast")])
    link.greet("hub", None)
    link.list("hub", [tool("get-radar")], nextCursor="2")
    link.list("hub", [tool("forecast")], {"cursor": "2"})
    link.call("hub", "get_radar", error={"code": -32603, "message": "Unknown tool: get_radar"})
    found = link.story.only()
    assert (found.code, found.tool) == ("F08", "get_radar")
    assert "get-radar" in found.fix


@pytest.mark.parametrize(
    ("held", "code", "cause"),
    [("get_radar", "F08", "hub"), ("get_sun", "R01", "host")],
    ids=["kept", "no-such-tool"],
)
def test_f08_a_relay_does_not_put_the_name_back(link, hub, held, code, cause):
    hub.greet("weather", [tool(held)])
    link.greet("hub", [tool("weather__get_radar")])
    unknown = {"code": -32602, "message": "Tool weather__get_radar not found"}
    asked = {"name": "weather__get_radar", "arguments": {"city": "Ulm"}}
    link.send("host", "hub", {"id": 90, "method": "tools/call", "params": asked})
    hub.call("weather", "weather__get_radar", {"city": "Ulm"}, error=unknown)
    link.story.tell(
        "weather", "ERROR", "Unknown tool: weather__get_radar", {"tool_name": "weather__get_radar"}
    )
    link.send("hub", "host", {"id": 90, "error": unknown})
    found = link.story.only()  # a server that says so is no host that keeps a tool from its model
    assert (found.code, found.component, found.cause_in) == (code, "weather", cause)


@pytest.mark.parametrize(
    ("held", "shown", "asked", "sent", "cause"),
    [
        ("get_radar", "get_radar", "get_radar", "iccm__get_radar", "hub"),
        ("get.radar", "weather__get.radar", "weather__get.radar", "get_radar", "hub"),
        ("weather__get_radar", "weather__get_radar", "weather__get_radar", "get_radar", "hub"),
        ("get-radar", "get-radar", "get_radar", "get_radar", "host"),
        ("get.radar", "weather__get.radar", "weather__get_radar", "get_radar", "host"),
    ],
    ids=["prefix", "separator", "dropped", "by-the-host", "by-the-host-of-a-prefix"],
)
def test_f08_who_sent_another_name_than_was_listed(link, hub, held, shown, asked, sent, cause):
    hub.greet("weather", [tool(held)])
    link.greet("hub", [tool(shown)])
    unknown = {"code": -32601, "message": f"Unknown tool: {sent}"}
    link.send("host", "hub", {"id": 90, "method": "tools/call", "params": {"name": asked, "arguments": {}}})
    hub.call("weather", sent, error=unknown)
    link.send("hub", "host", {"id": 90, "error": unknown})
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("F08", "weather", cause, sent)
    assert held in found.fix


def relayed(link, hub, given, sent, end, answered=None):
    """A call of the host through the relay, which may change the arguments or the answer."""
    asked = {"name": "forecast", "arguments": given}
    link.send("host", "hub", {"id": 90, "method": "tools/call", "params": asked})
    hub.call("weather", "forecast", sent, **end)
    link.send("hub", "host", {"id": 90, **(answered or end)})


REFUSED = {"error": {"code": -32602, "message": "Invalid arguments: place is required"}}


@pytest.mark.parametrize(
    ("sent", "cause"), [({"spec": {}}, ("F30", "hub")), ({"spec": {"city": "Ulm"}}, ("R10", "host"))]
)
def test_f30_a_relay_drops_a_part_of_an_argument(link, hub, sent, cause):
    nested = {"type": "object", "properties": {"spec": {"type": "object"}}}
    hub.greet("weather", [tool("forecast", nested)])
    link.greet("hub", [tool("forecast", nested)])
    relayed(link, hub, {"spec": {"city": "Ulm"}}, sent, REFUSED)
    found = link.story.only()
    assert (found.code, found.cause_in) == cause


@pytest.mark.parametrize(
    ("given", "cause"), [({"city": "Ulm"}, ("F02", "hub")), ({"town": "Ulm"}, ("R10", "host"))]
)
def test_f02_a_relay_lists_another_schema_than_its_backend(link, hub, given, cause):
    own = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
    hub.greet("weather", [tool("forecast", own)])
    link.greet("hub", [tool("forecast")])
    relayed(link, hub, given, given, REFUSED)
    found = link.story.only()
    assert (found.code, found.cause_in) == cause


@pytest.mark.parametrize(
    ("kept", "codes"), [({}, ["F29"]), ({"structuredContent": {"temp": 3}}, [])], ids=["dropped", "handed-on"]
)
def test_f29_a_relay_drops_what_its_backend_had_sent(link, hub, kept, codes):
    hub.greet("weather", [tool("forecast", outputSchema=OUTPUT)])
    link.greet("hub", [tool("forecast", outputSchema=OUTPUT)])
    text = {"content": [{"type": "text", "text": '{"temp": 3}'}]}
    end = {"result": {**text, "structuredContent": {"temp": 3}}}
    relayed(link, hub, {"city": "Ulm"}, {"city": "Ulm"}, end, {"result": {**text, **kept}})
    assert link.story.codes() == codes
    causes = [found.cause_in for found in link.story.diagnose().ranked if found.severity != "info"]
    assert causes == ["hub"] * len(codes)


def test_f10_whole_server_left_out(link):
    link.greet("weather", [tool("forecast")])
    link.greet("docs", [tool("find")])
    link.offer("mcp__docs__find")
    link.call("docs", "find", {"city": "x"})
    found = link.story.only()
    assert (found.code, found.severity, found.component, found.cause_in) == (
        "F10",
        "warning",
        "weather",
        "host",
    )


def test_f10_offered_and_refused_all_the_same(link):
    link.greet("weather", [tool("forecast")])
    link.offer("mcp__weather__forecast")
    link.refuse("mcp__weather__forecast")
    assert (link.story.only().code, link.story.only().component) == ("F10", "weather")


@pytest.mark.parametrize(
    ("refused", "again", "codes"),
    [("forecast", True, []), ("forecast", False, ["F10"]), ("mcp__weather__forecast", True, ["F10"])],
    ids=["put-right", "given-up", "by-its-whole-name"],
)
def test_f10_is_no_fault_where_a_model_forgot_the_prefix_once(link, refused, again, codes):
    link.greet("docs", [tool("find")])
    link.story.wait(60)
    link.greet("weather", [tool("forecast")])
    link.call("weather", "forecast", {"city": "Ulm"})
    link.refuse(refused)
    if again:
        link.call("weather", "forecast", {"city": "Ulm"})
    assert link.story.codes() == codes


def test_f10_listed_to_a_relay_that_does_not_log_what_it_handed_on(link, hub):
    hub.greet("weather", [tool("forecast")])
    link.refuse("mcp__hub__forecast")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F10", "weather", "host")
    assert found.confidence < 0.7


def test_f10_is_not_found_while_both_servers_are_offered(link):
    link.greet("weather", [tool("forecast")])
    link.greet("docs", [tool("find")])
    link.offer("mcp__docs__find", "mcp__weather__forecast")
    assert link.story.codes() == []


def test_f11_a_server_without_any_use(link):
    link.greet("weather", None, capabilities={"logging": {}})
    link.greet("docs", [tool("find")])
    assert (link.story.only().code, link.story.only().component) == ("F11", "weather")


def test_f11_a_server_of_prompts_alone_is_fine(link):
    link.greet("weather", None, capabilities={"prompts": {}})
    link.greet("docs", [tool("find")])
    assert link.story.codes() == []


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("Server weather does not advertise tools; the agent will not see any", ["F11"]),
        ("Server weather does not advertise tools", []),
        ("Server docs does not advertise tools; the agent will not see any", []),
    ],
)
def test_f11_a_client_minds_that_its_model_gets_no_tools(link, said, codes):
    link.greet("weather", None, capabilities={"prompts": {}})
    link.greet("docs", [tool("find")])
    link.story.tell("host", "WARN", said)
    assert link.story.codes() == codes


def test_f11_a_tool_of_a_server_that_declares_none_is_missed(link):
    link.greet("docs", [tool("find")])
    link.greet("weather", None, capabilities={"resources": {}})
    link.refuse("mcp__weather__forecast")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F11", "weather", "weather")


def test_f11_a_tool_of_another_server_is_missed(link):
    link.greet("docs", [tool("find")])
    link.greet("weather", None, capabilities={"resources": {}})
    link.refuse("mcp__docs__forecast")
    assert "F11" not in link.story.codes()


def test_f12_asked_too_early_and_again_in_another_session(link):
    link.greet("docs", [tool("find")])
    link.greet("weather", [])
    link.refuse("mcp__weather__forecast")
    link.greet("weather", [tool("forecast")])
    link.call("weather", "forecast", {"city": "Ulm"})
    found = link.story.only()
    assert (found.code, found.severity, found.component, found.tool) == (
        "F12",
        "error",
        "weather",
        "forecast",
    )


def test_f12_not_for_a_tool_that_never_came(link):
    link.greet("docs", [tool("find")])
    link.greet("weather", [])
    link.refuse("mcp__weather__radar")
    link.greet("weather", [tool("forecast")])
    assert "F12" not in link.story.codes()


LATE = "metadata loaded, 14 tools registered"


def late(link, said=LATE, asks=True, between=lambda: None, able=None, data=None):
    """A server that says what it has got after its empty list; whether its client comes back for it."""
    link.greet("weather", [], capabilities=able)
    between()
    link.story.tell("weather", "INFO", said, data)
    if asks:
        link.greet("weather", [tool("forecast")])
        link.call("weather", "forecast", {"city": "Ulm"})


@pytest.mark.parametrize(("asks", "severity"), [(True, "warning"), (False, "error")])
@pytest.mark.parametrize(("said", "data"), [(LATE, None), ("Tools registered", {"tool_count": 14})])
def test_f12_the_server_says_that_its_tools_came_late(link, asks, severity, said, data):
    late(link, said, asks=asks, data=data)
    found = link.story.only()
    assert (found.code, found.severity, found.component, found.cause_in) == (
        "F12",
        severity,
        "weather",
        "weather",
    )
    assert "14 tools" in found.summary or asks


@pytest.mark.parametrize("said", ["0 tools registered", "ready", "cache loaded, 14 entries"])
def test_f12_not_without_a_word_of_tools(link, said):
    late(link, said)
    assert link.story.codes() == []


@pytest.mark.parametrize("what", ["told", "restarted", "much later"])
def test_f12_not_for_tools_that_were_added(link, what):
    story = link.story
    between = {
        "told": lambda: link.send("weather", "host", {"method": "notifications/tools/list_changed"}),
        "restarted": lambda: story.tell("weather", "INFO", "MCP server starting", {"port": 9000}),
        "much later": lambda: story.wait(3600),
    }
    late(link, between=between[what])
    assert story.codes() == []


@pytest.mark.parametrize(("promise", "codes"), [({"listChanged": True}, ["F12"]), ({}, [])])
def test_f12_is_over_once_its_client_asks_again_by_itself(link, promise, codes):
    late(link, asks=False, able={"tools": promise})
    link.list("weather", [tool("forecast")])
    link.call("weather", "forecast", {"city": "Ulm"})
    assert link.story.codes() == codes
    assert all(found.severity != "error" for found in link.story.diagnose().ranked)


@pytest.mark.parametrize(("refused", "severity"), [(True, "error"), (False, "warning")])
def test_f13_told_and_not_asked(link, refused, severity):
    link.greet("weather", [tool("forecast")])
    link.send("weather", "host", {"method": "notifications/tools/list_changed"})
    link.story.wait(30)
    link.call("weather", "forecast", {"city": "Ulm"})
    if refused:
        link.refuse("mcp__weather__radar")
    found = link.story.only()
    assert (found.code, found.severity, found.component, found.cause_in) == (
        "F13",
        severity,
        "weather",
        "host",
    )


@pytest.mark.parametrize(("told", "code", "component"), [(True, "F13", "docs"), (False, "R01", "host")])
def test_a_refused_tool_whose_name_begins_with_what_nobody_is_called(link, told, code, component):
    """No server `draw` is made of it, where tools are not named after their servers."""
    link.greet("weather", [tool("get_forecast")])
    link.greet("docs", [tool("enable_plugin")])
    if told:
        link.send("docs", "host", {"method": "notifications/tools/list_changed"})
    link.story.wait(30)
    link.call("docs", "enable_plugin", {"city": "x"})
    link.complain("unknown tool name: draw_chart")
    found = link.story.only()
    assert (found.code, found.severity, found.component) == (code, "error", component)
    assert (found.cause_in, found.tool) == ("host", "draw_chart")


@pytest.mark.parametrize(
    ("times", "codes"), [(1, ["R01"]), (2, ["B13"])], ids=["one-tool", "two-of-a-family"]
)
def test_b13_two_tools_of_the_family_of_nobody_that_a_relay_lacks(link, hub, times, codes):
    hub.greet("weather", [tool("get_forecast")])
    hub.greet("docs", [tool("find_page")])
    link.greet("hub", [tool("get_forecast"), tool("find_page")])
    for name in ("mail_read", "mail_send")[:times]:
        link.call("hub", name, error={"code": -32602, "message": f"Unknown tool: {name}"})
    assert link.story.codes() == codes


def test_b13_a_tool_of_the_family_of_nobody_where_tools_are_named_after_their_servers(link, hub):
    hub.greet("weather", [tool("weather_forecast")])
    hub.greet("docs", [tool("docs_find")])
    link.greet("hub", [tool("weather_forecast"), tool("docs_find")])
    link.refuse("mcp__hub__draw_chart")
    assert [found.component for found in link.story.diagnose().ranked if found.code == "B13"] == ["draw"]


def test_f13_not_for_a_record_that_only_names_the_tool(link):
    link.greet("weather", [tool("forecast")])
    link.call("weather", "forecast", {"city": "Ulm"})
    link.story.tell("weather", "INFO", "Tool call received: create_radar")
    link.story.wait(30)
    link.complain("unknown tool name: create_radar", {"tool": "create_radar"})
    assert "F13" not in link.story.codes()


@pytest.fixture
def other(story):
    """Another client of the same servers."""
    return Link(story, client="other")


def test_f13_another_client_got_the_new_list(link, other):
    link.greet("weather", [tool("forecast"), tool("old")])
    other.greet("weather", [tool("forecast"), tool("radar")])
    link.refuse("mcp__weather__radar")
    link.call("weather", "old", error={"code": -32602, "message": "Unknown tool: old"})
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("F13", "weather", "weather", "radar")


@pytest.mark.parametrize(("listener", "cause"), [("host", "weather"), ("other", "host"), (None, "host")])
def test_f13_since_2026_a_client_has_to_listen_itself(link, other, listener, cause):
    era = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
    link.list("weather", [tool("forecast")], era)
    if listener is not None:
        listen = {"id": 70, "method": "subscriptions/listen", "params": era}
        link.send(listener, "weather", listen)
    other.list("weather", [tool("forecast"), tool("radar")], era)
    link.refuse("mcp__weather__radar")
    found = next(item for item in link.story.diagnose().ranked if item.code == "F13")
    assert (found.component, found.cause_in, found.tool) == ("weather", cause, "radar")


def test_f13_told_while_another_client_asked(link, other):
    link.greet("weather", [tool("forecast")])
    other.greet("weather", [tool("forecast")])
    for client in ("host", "other"):
        link.send("weather", client, {"method": "notifications/tools/list_changed"})
    other.list("weather", [tool("forecast"), tool("radar")])
    link.story.wait(30)
    link.call("weather", "forecast", {"city": "Ulm"})
    link.refuse("mcp__weather__radar")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F13", "weather", "host")


def test_f10_for_the_client_that_got_the_tool_listed(link, other):
    link.greet("weather", [tool("forecast"), tool("radar")])
    other.greet("weather", [tool("forecast")])
    link.refuse("mcp__weather__radar")
    assert link.story.only().code == "F10"


def test_f13_not_for_what_was_there_before_the_list(link):
    link.story.tell("weather", "INFO", "tool registered: radar")
    link.greet("weather", [tool("forecast")])
    link.complain("unknown tool name: radar", {"tool": "radar"})
    assert "F13" not in link.story.codes()


def test_f13_told_and_asked(link):
    link.greet("weather", [tool("forecast")])
    link.send("weather", "host", {"method": "notifications/tools/list_changed"})
    link.list("weather", [tool("forecast"), tool("radar")])
    link.story.wait(30)
    link.call("weather", "radar", {"city": "Ulm"})
    assert link.story.codes() == []


def pass_on(link, hub, server, name):
    """A call of the host through the relay."""
    link.send("host", "hub", {"id": 90, "method": "tools/call", "params": {"name": name, "arguments": {}}})
    hub.call(server, name, {"city": "Ulm"})
    link.send("hub", "host", {"id": 90, "result": {"content": []}})


def test_f13_a_relay_was_told_and_did_not_ask(link, hub):
    hub.greet("weather", [tool("weather_forecast")])
    link.greet("hub", [tool("weather_forecast")])
    pass_on(link, hub, "weather", "weather_forecast")
    hub.send("weather", "hub", {"method": "notifications/tools/list_changed"})
    link.refuse("mcp__iccm__weather_radar")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == (
        "F13",
        "weather",
        "hub",
        "weather_radar",
    )


def test_f13_a_relay_was_not_told(link, hub):
    hub.greet("weather", [tool("weather_forecast")])
    link.greet("hub", [tool("weather_forecast")])
    pass_on(link, hub, "weather", "weather_forecast")
    link.refuse("mcp__iccm__weather_radar")
    hub.list("weather", [tool("weather_forecast"), tool("weather_radar")])
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F13", "weather", "weather")


def test_f14_a_cursor_that_does_not_move(link):
    link.greet("weather", None)
    link.list("weather", [tool("forecast")], nextCursor="2")
    for _ in range(4):
        link.list("weather", [tool("radar")], {"cursor": "2"}, nextCursor="2")
    found = link.story.only()
    assert (found.code, found.cause_in) == ("F14", "weather")


@pytest.mark.parametrize("written", ["get_forecast", "mcp__weather__get_forecast"])
def test_f10_is_not_found_where_the_host_only_writes_the_names_in_its_own_way(link, written):
    link.greet("weather", [tool("get-forecast")])
    link.greet("docs", [tool("find")])
    link.offer("mcp__docs__find", written)
    assert link.story.codes() == []


@pytest.mark.parametrize(
    ("name", "text", "codes"),
    [
        ("get_error_log", "Error: expected 3 to equal 4\n    at Object.<anonymous> (x.test.js:3:1)", []),
        ("get_error_log", '{"success": false, "error": "Error: disk is away"}', ["F32"]),
        ("log_time", "Error: disk is away", ["F32"]),
        ("run_tests", "❌ Tests failed: 3 of 20", []),
        ("test_connection", "Connection failed: nobody listens on port 5432", []),
        ("run_query", "Connection failed: nobody listens on port 5432", ["F32"]),
        ("export", "❌ Export failed: disk is away", ["F32"]),
    ],
)
def test_f32_is_not_found_where_failures_were_asked_for(link, name, text, codes):
    link.greet("ci", [tool(name)])
    link.call("ci", name, {"city": "x"}, result={"content": [{"type": "text", "text": text}]})
    assert link.story.codes() == codes


@pytest.mark.parametrize(
    ("key", "cause"), [("city", "host"), ("temp", "weather")], ids=["an-argument", "nothing-the-tool-takes"]
)
def test_f32_a_missing_key_is_the_callers_only_where_the_tool_takes_it(link, key, cause):
    link.greet("weather", [tool("forecast")])
    text = f"Traceback (most recent call last):\n  File 'a.py', line 3\nKeyError: '{key}'"
    link.call("weather", "forecast", {}, result={"content": [{"type": "text", "text": text}]})
    found = link.story.only()
    assert (found.code, found.cause_in) == ("F32", cause)


def test_f15_two_servers_over_the_limit(link):
    link.greet("weather", [tool(f"sky_{number}") for number in range(4)])
    link.greet("docs", [tool(f"doc_{number}") for number in range(4)])
    link.offer(*(f"mcp__weather__sky_{n}" for n in range(4)), "mcp__docs__doc_0", limit=5)
    link.refuse("mcp__docs__doc_3")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("F15", "docs", "host", "doc_3")


TOO_MANY = [
    'Request Failed: 400 {"error":{"message":"Cannot have more than 5 tools per request."}}',
    "400 Invalid 'tools': array too long. Expected an array with maximum length 5, but got one with length 8",
    "BadRequestError: tools: List should have at most 5 items after validation, not 8",
    "400 INVALID_ARGUMENT: maximum number of function declarations allowed is 5",
    "request rejected: 8 tools exceed the limit of 5",
    "request failed: too many tools: 8, max 5",
]


@pytest.mark.parametrize("said", TOO_MANY)
def test_f15_the_provider_refuses_too_many_tools(link, said):
    link.greet("weather", [tool(f"sky_{number}") for number in range(4)])
    link.greet("docs", [tool(f"doc_{number}") for number in range(4)])
    link.complain(said)
    found = link.story.only()
    assert (found.code, found.severity, found.cause_in) == ("F15", "error", "host")
    assert "host was given 8 tools and 5 are allowed" in found.summary


def test_f15_a_host_says_that_it_leaves_some_out(link):
    link.greet("weather", [tool(f"sky_{number}") for number in range(8)])
    link.story.tell("host", "WARN", "8 tools exceed the limit of 5, using the first 5")
    assert (link.story.only().code, link.story.only().severity) == ("F15", "warning")


@pytest.mark.parametrize(
    "said", [TOO_MANY[0].replace("5", "128"), "too many open files", "at most 5 tools were used today"]
)
def test_f15_not_under_the_limit_nor_of_something_else(link, said):
    link.greet("weather", [tool("forecast")])
    link.complain(said)
    assert link.story.codes() == []


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("duplicate tool name find from docs and web, last one wins", ["F16"]),
        ("tool find of docs is overwritten by web", ["F16"]),
        ("duplicate tool name find: renamed to docs_find and web_find", []),
        ("duplicate tool name find_all from docs and web, last one wins", []),
        ("tools loaded", []),
    ],
)
def test_f16_a_client_says_that_it_keeps_one_of_two(link, said, codes):
    for server in ("docs", "web"):
        link.greet(server, [tool("find")])
    link.story.tell("host", "WARN", said)
    link.call("web", "find", {"city": "x"})
    assert link.story.codes() == codes


def test_f16_both_are_reached_whatever_was_said(link):
    for server in ("docs", "web"):
        link.greet(server, [tool("find")])
    link.story.tell("host", "WARN", "duplicate tool name find from docs and web")
    link.call("web", "find", {"city": "x"})
    link.call("docs", "find", {"city": "x"})
    assert link.story.codes() == []


RAISED = "agents.exceptions.UserError: Duplicate tool names found across MCP servers: {'find'}"


@pytest.mark.parametrize(
    ("said", "goes_on", "codes"),
    [
        (RAISED, False, ["F16"]),
        (RAISED, True, []),
        ("duplicate tool find, failed to add it twice", False, []),
    ],
)
def test_f16_a_client_raises_at_two_equal_names(link, said, goes_on, codes):
    for server in ("docs", "web"):
        link.greet(server, [tool("find"), tool(f"{server}_index")])
    link.complain(said)
    if goes_on:
        link.call("web", "web_index", {"city": "x"})
    assert link.story.codes() == codes


@pytest.mark.parametrize(
    ("names", "codes"), [(["find"], ["F16"]), (["mcp__docs__find", "mcp__web__find"], [])]
)
def test_f16_one_name_on_two_servers(link, names, codes):
    for server in ("docs", "web"):
        link.greet(server, [tool("find")])
    link.offer(*names)
    link.call("web", "find", {"city": "x"})
    assert link.story.codes() == codes


def test_f16_a_relay_lists_one_name_twice(link, hub):
    for server in ("docs", "web"):
        hub.greet(server, [tool("find")])
    link.greet("hub", [tool("find"), tool("find")])
    pass_on(link, hub, "docs", "find")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("F16", "web", "hub", "find")


@pytest.mark.parametrize(
    ("end", "arguments", "code", "severity"),
    [
        ("unknown diagram plan.docx", {"city": "plan.docx"}, "F16", "error"),
        (None, {"city": "plan.docx"}, "F16", "warning"),
    ],
    ids=["fails", "does"],
)
def test_f16_a_call_may_be_meant_for_the_server_that_is_not_reached(
    link, hub, end, arguments, code, severity
):
    for server in ("docs", "web"):
        hub.greet(server, [tool("export")])
    link.story.tell("hub", "WARN", "tool name conflict: export provided by docs and web, using web")
    link.greet("hub", [tool("export")])
    said = {"content": [{"type": "text", "text": end or "fine"}], "isError": end is not None}
    params = {"name": "export", "arguments": arguments}
    link.send("host", "hub", {"id": 90, "method": "tools/call", "params": params})
    hub.call("web", "export", arguments, result=said)
    link.send("hub", "host", {"id": 90, "result": said})
    first = link.story.diagnose().root_cause
    assert (first.code, first.severity) == (code, severity)
    assert link.story.codes().count("R10") == (code == "R10")


@pytest.mark.parametrize(
    ("said", "codes"), [("switching route find: docs -> web (blue/green)", []), ("route find set", ["F16"])]
)
def test_f16_not_where_one_takes_the_place_of_the_other(link, hub, said, codes):
    for server in ("docs", "web"):
        hub.greet(server, [tool("find")])
    link.story.tell("hub", "INFO", said)
    link.greet("hub", [tool("find")])
    pass_on(link, hub, "web", "find")
    assert link.story.codes() == codes


def test_f17_the_client_refuses_the_version(link):
    link.greet("weather", None, version="2024-10-07")
    link.complain("Server's protocol version is not supported: 2024-10-07")
    assert (link.story.only().code, link.story.only().component) == ("F17", "weather")


def unasked(link):
    link.send("weather", "host", {"id": None, "error": {"code": -32601, "message": "Method not found"}})


def test_f24_an_answer_without_its_id(link):
    params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    link.send("host", "weather", {"id": 0, "method": "initialize", "params": params})
    result = {"protocolVersion": VERSION, "capabilities": {"tools": {}}, "serverInfo": {"name": "weather"}}
    link.send("weather", "host", {"id": None, "result": result})
    link.complain("MCP server weather timed out after 60000 ms")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F24", "weather", "weather")
    assert "in the place of the one to initialize" in found.summary
    assert "initialize got no other answer" in found.explanation


def test_f24_answer_to_a_notification_ends_the_connection(link):
    link.greet("weather", None)
    unasked(link)
    link.complain("Invalid JSON-RPC message: id must be string or number, closing", {"server": "weather"})
    link.story.tell("host", "INFO", "connection closed", {"peer": "weather"})
    found = link.story.only()
    assert (found.code, found.cause_in) == ("F24", "weather")


@pytest.mark.parametrize(("calls", "codes"), [(False, ["F24"]), (True, [])])
def test_f24_a_list_that_was_under_way_is_no_sign_of_life(link, calls, codes):
    link.ask("weather", "initialize", result={"protocolVersion": VERSION, "capabilities": {"tools": {}}})
    unasked(link)
    link.complain("protocol error: received a response with id null; closing the connection")
    link.ask("weather", "tools/list", result={"tools": [tool("forecast")]})
    if calls:
        link.call("weather", "forecast", {"city": "Ulm"})
    assert link.story.codes() == codes


def test_f24_is_noise_while_the_connection_lives(link):
    link.greet("weather", [tool("forecast")])
    unasked(link)
    link.call("weather", "forecast", {"city": "Ulm"})
    assert link.story.codes() == []
    remarks = [finding.title for finding in link.story.diagnose().ranked if finding.code == "F24"]
    assert remarks == ["weather sends answers that nobody asked for"]


def test_f24_second_answer_while_other_connections_use_the_same_ids(story):
    for server in ("weather", "docs"):
        own = Link(story)
        own.greet(server, None)
        if server == "weather":
            own.send("weather", "host", {"id": own.last, "result": {}})
            story.tell("host", "INFO", "connection closed", {"peer": "weather"})
    found = story.only()
    assert (found.code, found.cause_in) == ("F24", "weather")
    assert "a second answer" in found.summary


@pytest.mark.parametrize(("status", "cause"), [(404, "host"), (400, "weather")])
def test_f26_session_of_before_the_restart(web, status, cause):
    web.greet("weather", [tool("forecast")])
    web.story.tell("weather", "INFO", "MCP server starting", {"port": 8000})
    for _ in range(2):
        web.call("weather", "forecast", {"city": "Ulm"}, answered=False)
        web.http(status, headers={"Mcp-Session-Id": "s1"}, body="Session not found")
        web.story.tell("weather", "WARN", f"POST /mcp {status} Session not found", {"status": status})
    found = web.story.only()
    assert (found.code, found.component, found.cause_in) == ("F26", "weather", cause)
    assert found.summary.startswith(f"weather answers 2 requests with {status}")  # which both ends logged


def test_f26_is_over_once_the_client_initialized_again(web):
    web.greet("weather", [tool("forecast")])
    web.story.tell("weather", "INFO", "MCP server starting", {"port": 8000})
    web.http(404, headers={"Mcp-Session-Id": "s1"}, body="Session not found", level="WARN")
    web.greet("weather", [tool("forecast")])
    web.call("weather", "forecast", {"city": "Ulm"})
    assert web.story.codes() == []


NO_SESSION = '{"jsonrpc":"2.0","id":"x","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}'


@pytest.mark.parametrize("answered", [True, False], ids=["answer logged", "answer not logged"])
def test_f26_a_client_that_never_sends_the_id(web, answered):
    params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    web.ask("weather", "initialize", params, answered=answered)
    for _ in range(2):
        web.ask("weather", "tools/list", answered=False)
        web.http(400, headers={"Content-Type": "application/json"}, body=NO_SESSION, peer="weather")
    found = web.story.only()
    assert (found.code, found.component, found.cause_in) == ("F26", "weather", "host")
    assert "does not name its session" in found.summary


def test_f26_is_over_once_the_client_sends_the_id(web):
    web.ask("weather", "initialize", {"protocolVersion": VERSION, "capabilities": {}})
    web.http(400, level="WARN", body=NO_SESSION, peer="weather")
    web.list("weather", [tool("forecast")])
    web.call("weather", "forecast", {"city": "Ulm"})
    assert "F26" not in web.story.codes()


UNSUPPORTED = "Bad Request: Unsupported protocol version: 2026-99-99. Supported versions: 2025-06-18"


def test_f17_in_the_header_of_http(web):
    web.greet("weather", None)
    for verb in ("POST", "GET"):
        headers = {"Mcp-Session-Id": "s1", "MCP-Protocol-Version": "2026-99-99"}
        web.http(400, verb=verb, body=UNSUPPORTED, peer="weather", request_headers=headers)
    found = web.story.only()
    assert (found.code, found.component, found.cause_in) == ("F17", "weather", "host")


def test_f17_is_over_once_another_version_was_taken(web):
    web.http(400, level="WARN", body=UNSUPPORTED, peer="weather")
    web.greet("weather", [tool("forecast")])
    web.call("weather", "forecast", {"city": "Ulm"})
    assert web.story.codes() == []


@pytest.mark.parametrize(
    ("code", "status", "body"),
    [("F27", 404, ""), ("F27", 405, "Method Not Allowed"), ("F27", 307, ""), ("F28", 421, "Invalid Host header"),
     ("F28", 403, "Origin not allowed")],
)  # fmt: skip
def test_handshake_answered_by_http_alone(web, code, status, body):
    web.story.message(
        "host", "sent", "weather", {"jsonrpc": "2.0", "id": 1, "method": "initialize"}, transport="http"
    )
    web.http(status, body=body)
    found = web.story.only()
    assert (found.code, found.component) == (code, "weather")


def test_f27_in_other_words(web):
    web.story.tell(
        "host", "WARN", "POST http://localhost:8000/sse 405 Method Not Allowed", {"server": "weather"}
    )
    assert (web.story.only().code, web.story.only().component) == ("F27", "weather")


@pytest.mark.parametrize(
    ("status", "body", "code"), [(404, "Not Found", "F27"), (421, "Invalid Host header", "F28")]
)
def test_the_error_that_the_library_of_the_client_makes_of_a_refusal(web, status, body, code):
    params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    web.story.message("host", "sent", "weather", request, transport="http")
    web.http(status, level="WARN", body=body, peer="weather")
    answer = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": body}}
    web.story.message("host", "received", "weather", answer, transport="http")
    assert (web.story.only().code, web.story.only().component) == (code, "weather")


def test_f27_in_the_words_of_a_transport(web):
    web.story.tell(
        "host", "INFO", "connecting to MCP server erp", {"server": "erp", "url": "http://127.0.0.1:1/"}
    )
    told = "Failed to connect to MCP server erp: SSE error: Non-200 status code (405)"
    web.story.tell("host", "ERROR", told, {"server": "erp"})
    found = web.story.only()
    assert (found.code, found.component, found.cause_in) == ("F27", "erp", "host")


def test_f27_a_probe_is_harmless(web):
    web.http(405, verb="GET", level="DEBUG", peer="weather")
    web.greet("weather", [tool("forecast")])
    web.call("weather", "forecast", {"city": "Ulm"})
    assert web.story.codes() == []


@pytest.mark.parametrize(
    ("result", "codes"),
    [
        ({"structuredContent": {"temp": 3.5}}, []),
        ({"structuredContent": {"temp": "warm"}}, ["F29"]),
        ({}, ["F29"]),
    ],
)
def test_f29_result_against_the_output_schema(link, result, codes):
    link.greet("weather", [tool("forecast", outputSchema=OUTPUT)])
    link.call("weather", "forecast", {"city": "Ulm"}, result={"content": [], **result})
    assert link.story.codes() == codes


def test_f29_is_an_error_where_the_client_says_so(link):
    link.greet("weather", [tool("forecast", outputSchema=OUTPUT)])
    link.call("weather", "forecast", {"city": "Ulm"}, result={"content": []})
    link.complain("Tool forecast has an output schema but did not return structured content")
    assert (link.story.only().code, link.story.only().severity) == ("F29", "error")


def test_f29_is_a_warning_where_the_client_says_so_of_another_tool(link):
    link.greet("weather", [tool("forecast", outputSchema=OUTPUT), tool("alerts", outputSchema=OUTPUT)])
    link.call("weather", "forecast", {"city": "Ulm"}, result={"content": []})
    link.call("weather", "alerts", {"city": "Ulm"}, result={"content": []})
    link.complain("Tool alerts has an output schema but did not return structured content")
    found = {one.tool: one.severity for one in link.story.diagnose().ranked}
    assert found == {"forecast": "warning", "alerts": "error"}


NO_STRUCTURE = "Tool forecast has an output schema but no structured content was provided"


def test_f29_is_an_error_where_the_server_notices(link):
    link.greet("weather", [tool("forecast", outputSchema=OUTPUT)])
    result = {"content": [{"type": "text", "text": NO_STRUCTURE}], "isError": True}
    link.call("weather", "forecast", {"city": "Ulm"}, result=result)
    found = link.story.only()
    assert (found.code, found.severity, found.cause_in) == ("F29", "error", "weather")


def test_f29_is_an_error_where_a_relay_throws_the_result_away(link, hub):
    hub.greet("weather", [tool("forecast", outputSchema=OUTPUT)])
    link.greet("hub", [tool("forecast", outputSchema=OUTPUT)])
    call = {"name": "forecast", "arguments": {"city": "Ulm"}}
    link.send("host", "hub", {"id": 90, "method": "tools/call", "params": call})
    hub.call("weather", "forecast", {"city": "Ulm"}, result={"content": []})
    link.send("hub", "host", {"id": 90, "error": {"code": 0, "message": NO_STRUCTURE}})
    assert (link.story.only().code, link.story.only().severity) == ("F29", "error")


NESTED = {
    "type": "object",
    "properties": {"opts": {"type": "object"}, "note": {"type": ["object", "string"]}},
}


def test_f30_argument_as_json_text(link):
    link.greet("weather", [tool("forecast", NESTED)])
    link.call(
        "weather",
        "forecast",
        {"opts": '{"a": 1}'},
        error={"code": -32602, "message": "opts: not a valid dict"},
    )
    found = link.story.only()
    assert (found.code, found.severity, found.cause_in, found.tool) == ("F30", "error", "host", "forecast")


@pytest.mark.parametrize("arguments", [{"opts": {"a": 1}}, {"note": '{"a": 1}'}, {}])
def test_f30_what_the_schema_allows(link, arguments):
    link.greet("weather", [tool("forecast", NESTED)])
    link.call("weather", "forecast", arguments)
    assert link.story.codes() == []


def test_f31_misspelt_argument_ignored(link):
    link.greet("weather", [tool("forecast", {"type": "object", "properties": {"state": {"type": "string"}}})])
    link.call("weather", "forecast", {"sate": "CA"})
    found = link.story.only()
    assert (found.code, found.severity, found.cause_in) == ("F31", "warning", "host")
    assert "state" in found.summary


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"x": {}}, "additionalProperties": {"type": "string"}},
    ],
)
def test_f31_open_schemas_ignore_nothing(link, schema):
    link.greet("weather", [tool("forecast", schema)])
    link.call("weather", "forecast", {"state": "CA"})
    assert link.story.codes() == []


def test_f33_hidden_in_this_mode(link):
    link.greet("weather", [tool("forecast"), tool("alerts")])
    link.call("weather", "forecast", {"city": "Ulm"})
    link.complain("unknown tool name: get_alerts", {"tool": "alerts", "visibility": "hidden"})
    found = link.story.only()
    assert (found.code, found.component, found.cause_in) == ("F33", "weather", "host")


@pytest.mark.parametrize(
    ("why", "code"),
    [("The tool is deferred and not visible to the model in this mode", "F33"), ("Try another one", "F10")],
)
def test_f33_a_refusal_that_speaks_of_the_model_is_no_offer_to_it(link, hub, why, code):
    hub.greet("weather", [tool("forecast"), tool("alerts")])
    link.greet("hub", [tool("forecast"), tool("alerts")])
    link.story.tell("host", "INFO", "deferred tools: alerts (load with ToolSearch)" if code == "F33" else "-")
    link.offer("forecast")
    link.refuse(f"mcp__iccm__alerts. {why}")
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == (code, "weather", "host", "alerts")


@pytest.mark.parametrize(
    "where", [{"_meta": {"ui": {"visibility": ["app"]}}}, {"_meta": {"visibility": "app"}}, {}]
)
def test_f33_not_for_the_model(link, where):
    link.greet("weather", [tool("forecast"), {**tool("alerts"), **where}])
    if not where:
        link.story.tell("host", "INFO", 'tool alerts has visibility ["app"], not offered to the model')
    link.call("weather", "forecast", {"city": "Ulm"})
    link.complain("unknown tool name: alerts", {"tool": "alerts"})
    found = link.story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("F33", "weather", "host", "alerts")
    assert "app" in found.summary


def test_f33_not_where_the_model_may_see_it(link):
    link.greet("weather", [{**tool("alerts"), "_meta": {"ui": {"visibility": ["model", "app"]}}}])
    link.complain("unknown tool name: alerts", {"tool": "alerts"})
    assert "F33" not in link.story.codes()


def test_f34_headers_of_another_message(web):
    web.greet("weather", [tool("forecast")])
    web.http(400, level="DEBUG", headers={"Mcp-Method": "tools/list"})
    web.call("weather", "forecast", {"city": "Ulm"}, error={"code": -32020, "message": "Header mismatch"})
    found = web.story.only()
    assert (found.code, found.component, found.cause_in) == ("F34", "weather", "host")
    assert "mcp-method: tools/list" in found.explanation


ERA = "io.modelcontextprotocol/protocolVersion"


def slow(link, word=None, *, wait=30, sent=True, heard=True, data=None):
    """A call that its client says something of while it waits; its answer may not leave, or not arrive."""
    link.greet("weather", [tool("forecast"), tool("simulate")])
    call = {"name": "simulate", "arguments": {"city": "Ulm"}}
    link.send("host", "weather", {"id": 9, "method": "tools/call", "params": call})
    link.story.wait(wait)
    if word is not None:
        link.complain(word, data)
        link.story.wait(wait)
    answer = {"jsonrpc": "2.0", "id": 9, "result": {"content": [{"type": "text", "text": "fine"}]}}
    if sent:
        link.story.message("weather", "sent", "host", answer, transport="stdio")
    if sent and heard:
        link.story.message("host", "received", "weather", answer, transport="stdio")


GAVE_UP = [
    ("Timed out while waiting for response to ClientRequest. Waited 30.0 seconds.", {"tool": "simulate"}),
    ("MCP error -32001: Request timed out", {"server": "weather", "code": -32001}),
    ("tools/call simulate failed: Timed out while waiting for response", {"type": "McpError"}),
    ("httpx.ReadTimeout", {"server": "weather"}),
    ("asyncio.exceptions.TimeoutError", {"server": "weather", "tool": "simulate"}),
    ("Request timed out", {"id": 9}),
    ("Request timed out", None),
]


@pytest.mark.parametrize(("word", "data"), GAVE_UP)
def test_f25_a_client_that_gave_up_without_a_word_to_the_server(link, word, data):
    slow(link, word, data=data)
    link.call("weather", "forecast", {"city": "Ulm"})
    found = link.story.only()
    assert (found.code, found.component, found.tool) == ("F25", "weather", "simulate")
    assert found.summary == "The call of simulate was given up after 30 s; weather answered too late."


def test_f25_a_client_that_gave_up_a_call_that_is_never_answered(link):
    slow(link, "Request timed out", data={"id": 9}, sent=False)
    link.story.tell("host", "INFO", "still here")
    found = link.story.only()
    assert (found.code, found.summary) == (
        "F25",
        "The call of simulate was given up after 30 s; weather had not answered by then.",
    )


def test_f25_a_relay_that_gave_up_what_its_backend_then_finished(story):
    story.start_relay()
    trace, named = story.trace(), {"tool_name": "dewey_search"}
    story.tell(story.relay, "TRACE", "Tool call received: dewey_search", named, trace)
    story.route("dewey_search", "dewey", {}, trace)
    story.request("dewey", "tools/call", 3)
    story.tell("dewey", "TRACE", "Tool call started", named)
    story.wait(60)
    error = {"error": "timed out after 60s waiting for dewey"}
    story.tell(story.relay, "ERROR", "Tool call failed: dewey_search", named | error, trace)
    story.wait(12)
    story.tell("dewey", "TRACE", "Tool call completed", named | {"success": True})
    assert (story.only().code, story.only().component) == ("F25", "dewey")


@pytest.mark.parametrize(
    ("word", "data", "wait"),
    [
        ("cache of avatars timed out", None, 30),
        ("Request timed out", {"id": 4711}, 30),
        ("Request timed out", {"tool": "forecast"}, 30),
        ("Request timed out", {"server": "mail"}, 30),
        ("Request timed out", None, 0.1),
    ],
)
def test_a_time_out_of_something_else_says_nothing_of_a_call(link, word, data, wait):
    slow(link, word, data=data, wait=wait)
    assert link.story.codes() == []


@pytest.mark.parametrize("said", [False, True])
def test_an_answer_that_its_client_missed(link, said):
    slow(link, heard=False, wait=0.02)
    link.story.wait(60)
    if said:
        link.complain("Request timed out", {"id": 9})
    link.call("weather", "forecast", {"city": "Ulm"})
    written = Counter()
    for record in link.story.records:  # their numbers show that no record is missing
        written[record["component"]] += 1
        record |= {"instance": f"{record['component']}:1", "seq": written[record["component"]]}
    assert link.story.codes() == (["R12"] if said else ["R22"])
    if said:
        assert "never got it" in link.story.only().explanation


def test_b11_explains_why_its_caller_gave_up(link):
    link.greet("weather", [tool("simulate")])
    link.send("host", "weather", {"id": 9, "method": "tools/call", "params": {"name": "simulate"}})
    link.story.exchange("weather", "host", {"content": []}, transport="stdio")
    link.story.wait(30)
    link.complain("tools/call simulate: MCP error -32001: Request timed out", {"server": "weather"})
    assert link.story.only().code == "B11"
