"""What real components are called, and what the SDKs and hosts of this world say when something fails.

The texts follow the wordings of the TypeScript, Python, Go, Rust, C# and Java SDKs and of the large hosts and
providers; `{tool}` and `{argument}` are filled in.
"""

# ruff: noqa: E501, ISC004 - texts as they are said

from __future__ import annotations

from typing import Final

CLIENTS: Final = ["claude-code", "cursor", "vscode", "codex", "windsurf", "zed", "agent", "desktop", "host"]
RELAYS: Final = ["mcp-relay", "relay", "hub", "gateway", "mcp-proxy", "router", "bridge"]
SERVERS: Final = [
    "gates", "dewey", "fiedler", "playfair", "marco", "github", "filesystem", "weather-mcp", "postgres-mcp",
    "notion", "slack", "jira_cloud", "search", "maps", "billing", "calendar", "docs-server", "vault", "sentry",
    "browser", "memory", "kube", "tickets", "Mailer",
]  # fmt: skip
VERBS: Final = ["get", "list", "create", "search", "update", "delete", "read", "write", "export", "validate"]
NOUNS: Final = [
    "document", "issue", "file", "page", "forecast", "table", "channel", "ticket", "invoice", "event", "route",
    "secret", "alert", "tab", "note", "pod", "message", "report", "build", "user",
]  # fmt: skip
NEIGHBOURS: Final = ["nginx", "scheduler", "postgres", "cron", "backup", "metrics-agent"]

UNKNOWN_TOOL: Final = [
    (-32602, "MCP error -32602: Tool {tool} not found"),
    (-32602, "Unknown tool: {tool}"),
    (-32602, 'unknown tool "{tool}"'),
    (-32602, "Unknown tool: '{tool}'"),
    (-32603, "Unknown tool: {tool}"),
    (-32601, "Tool not found: {tool}"),
    (None, "Unknown tool: {tool}"),
    (None, "MCP error -32602: Tool {tool} not found"),
]
"""How a server says that it does not know a tool: the code (None: in a result with isError) and the text."""

BAD_ARGUMENTS: Final = [
    (-32602, 'MCP error -32602: Input validation error: Invalid arguments for tool {tool}: [{{"code": '
     '"invalid_type", "expected": "string", "received": "undefined", "path": ["{argument}"], "message": '
     '"Required"}}]'),
    (None, "Input validation error: '{argument}' is a required property"),
    (None, "Error executing tool {tool}: 1 validation error for {tool}Arguments\n{argument}\n  Field required "
     "[type=missing, input_value={{}}, input_type=dict]"),
    (-32602, 'invalid params: validating "arguments": validating root: required: missing properties: '
     '["{argument}"]'),
    (-32602, "failed to deserialize parameters: missing field `{argument}`"),
    (None, "The arguments dictionary is missing a value for the required parameter '{argument}'."),
    (-32603, "{argument} is required"),
    (-32000, "Missing required argument: {argument}"),
]  # fmt: skip

DEFECTS: Final = [
    (None, "Error executing tool {tool}: 'NoneType' object is not subscriptable"),
    (None, "Error executing tool {tool}: list index out of range"),
    (-32603, "Cannot read properties of undefined (reading 'map')"),
    (None, "Cannot read properties of null (reading 'length')"),
    (-32603, "runtime error: invalid memory address or nil pointer dereference"),
    (-32603, "runtime error: index out of range [3] with length 3"),
    (-32603, "called `Option::unwrap()` on a `None` value"),
    (None, "An error occurred invoking '{tool}': Object reference not set to an instance of an object."),
    (-32603, 'java.lang.NullPointerException: Cannot invoke "String.length()" because "text" is null'),
    (None, "upstream API returned 503 Service Unavailable"),
    (-32603, "Internal error: database is locked"),
    (-32000, "TypeError: fetch failed"),
]

UNSERIALISABLE: Final = [
    "Object of type datetime is not JSON serializable",
    "Error executing tool {tool}: Unable to serialize unknown type: <class 'set'>",
    "Converting circular structure to JSON --> starting at object with constructor 'Socket'",
    "Do not know how to serialize a BigInt",
    "json: unsupported type: chan int",
    "json: unsupported value: NaN",
    "A possible object cycle was detected. This can either be due to a cycle or if the object depth is larger "
    "than the maximum allowed depth of 64.",
    "No serializer found for class com.acme.Report and no properties discovered to create BeanSerializer",
    "Out of range float values are not JSON compliant",
]

WRONG_OUTPUT: Final = [
    "MCP error -32602: Output validation error: Tool {tool} has an output schema but no structured content was "
    "provided",
    "Output validation error: outputSchema defined but no structured output returned",
    "Tool {tool} has an output schema but did not return structured content",
]
"""Said by a server's own SDK instead of the result."""

REFUSED_OUTPUT: Final = [
    "Structured content does not match the tool's output schema: data/total must be number",
    "Invalid structured content returned by tool {tool}: 'many' is not of type 'number'",
    "MCP error -32600: Tool {tool} has an output schema but did not return structured content",
]
"""Said by a client's SDK after the result."""

TIMED_OUT: Final = [
    "MCP error -32001: Request timed out",
    "Timed out while waiting for response to ClientRequest. Waited 60.0 seconds.",
    'calling "tools/call": context deadline exceeded',
    "java.util.concurrent.TimeoutException: Did not observe any item or terminal signal within 60000ms",
]

NO_CONNECTION: Final = [
    "connect ECONNREFUSED 127.0.0.1:{port}",
    "[Errno 111] Connect call failed ('127.0.0.1', {port})",
    "dial tcp 127.0.0.1:{port}: connect: connection refused",
    "No connection could be made because the target machine actively refused it. (localhost:{port})",
    "java.net.ConnectException: Connection refused: localhost/127.0.0.1:{port}",
]

LOST_CONNECTION: Final = [
    "no close frame received or sent",
    "MCP error -32000: Connection closed",
    "read ECONNRESET",
    "[Errno 32] Broken pipe",
    "received 1001 (going away); then sent 1001 (going away)",
    "EOF",
]

NOT_INITIALIZED: Final = [
    (-32602, "Invalid request parameters"),
    (-32600, "Received request before initialization was complete"),
    (0, 'method "{method}" is invalid during session initialization'),
    (-32002, "Server not initialized"),
]

BAD_VERSION: Final = [
    (-32602, "Unsupported protocol version"),
    (-32602, "Unsupported protocol version: {version}"),
    (-32000, "Bad Request: Unsupported protocol version (supported versions: 2024-11-05)"),
    (-32022, "UnsupportedProtocolVersionError: {version} is not supported"),
]

REFUSED_VERSION: Final = [
    "Server's protocol version is not supported: {version}",
    "RuntimeError: Unsupported protocol version from the server: {version}",
    'unsupported protocol version: "{version}"',
]

NO_MCP: Final = [
    (-32601, "Method not found"),
    (-32601, "Unknown method: {method}"),
    (-32600, "Unknown message type: {method}"),
    (-32601, 'The method "{method}" is not supported'),
]

STALE_SESSION: Final = [
    (404, '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}'),
    (404, "session not found"),
    (400, "Bad Request: No valid session ID provided"),
    (404, "Session terminated"),
]

BAD_HOST: Final = [
    (421, "Invalid Host header"),
    (403, "Invalid Origin header"),
    (403, "Forbidden: Host evil.example not allowed"),
    (421, "Misdirected Request"),
]

REFUSALS: Final = [
    "No such tool available: {name}",
    "unknown tool name: {name}",
    "Error: No such tool available: {name}",
    "Tool '{name}' does not exist",
]
"""How a host says that it does not know a tool which its model asked for."""

REFUSED_LISTS: Final[dict[str, list[str]]] = {
    "F01": [
        "tools.{place}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
        "tools.{place}.custom.input_schema.type: Field required",
        "Invalid schema for function '{tool}': schema must be a JSON Schema of 'type: \"object\"', got 'type: "
        "\"None\"'.",
    ],
    "F02": [
        "Error compiling schema for {tool}: can't resolve reference #/$defs/Filter from id #",
        "PointerToNowhere: '/$defs/Filter' does not exist within the schema of {tool}",
    ],
    "F03": [
        "Invalid schema for function '{tool}': In context=('properties', 'tags'), array schema missing items.",
        "GenerateContentRequest.tools[0].function_declarations[{place}].parameters.properties[tags].items: missing "
        "field.",
        "Failed to validate tool {tool}: tool parameters array type must have items",
    ],
    "F04": [
        "Invalid schema for function '{tool}': In context=(), object schema missing properties.",
        "tool {tool}: input schema without properties",
    ],
    "F05": [
        "Invalid JSON payload received. Unknown name \"$schema\" at 'tools[0].function_declarations[{place}]"
        ".parameters': Cannot find field.",
        'tool {tool}: no schema with key or ref "https://json-schema.org/draft/2020-12/schema"',
        'tool {tool}: strict mode: unknown keyword: "x-order"',
    ],
    "F06": [
        "Invalid 'tools[{place}].function.name': string too long. Expected a string with maximum length 64, but got "
        "a string with length 71 instead.",
        "tools.{place}.custom.name: String should have at most 64 characters",
    ],
    "F07": [
        "Invalid 'tools[{place}].function.name': string does not match pattern. Expected a string that matches the "
        "pattern '^[a-zA-Z0-9_-]+$'.",
        "tools.{place}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'",
        "Invalid tool name {tool}: must match ^[a-zA-Z0-9_-]+$",
    ],
}  # fmt: skip
"""What providers and hosts say of a list that they do not take, by class."""

NOTHING_WRONG: Final = [
    "done",
    "No results.",
    "0 errors, 0 warnings",
    "The last error was fixed in v2.3; see the error handling guide.",
    "2026-11-20 10:00:01 INFO start\n2026-11-20 10:00:07 ERROR connection refused\n2026-11-20 10:00:09 INFO done",
    '{"errors": [], "failed": 0, "ok": true}',
    '{"error": null, "items": []}',
    '{"result": {"matches": 3, "error_rate": 0.02}}',
    '{"build": "4711", "status": "failed", "branch": "main", "finished": "2026-11-20T10:00:00Z"}',
    '{"success": true, "message": "1 error corrected"}',
    "# How to handle exceptions\n\nTraceback (most recent call last) is what Python prints first.",
    "[]",
    "",
    "Größe: 12 °C, „fehlerfrei“ 🚀",
]
"""Results of calls that went well, though some of them speak of failures."""

AN_ANSWER_ALL_THE_SAME: Final = [
    "No {noun} with that id was found",
    "Error executing tool {tool}: {noun} 4711 not found",
    "ENOENT: no such file or directory, open '/data/{noun}.md'",
    "{noun} already exists",
    "No matches found for your query",
]
"""What a tool answers with isError although nothing is wrong: what was asked for is not there."""

MUTTERINGS: Final = [
    ("WARN", "disk usage at 81 %", {"mount": "/var"}),
    ("WARN", "slow query", {"ms": 1840, "statement": "select 1"}),
    ("ERROR", "cannot rotate log file", {"path": "/var/log/app.log"}),
    ("WARN", "DeprecationWarning: the punycode module is deprecated", None),
    ("ERROR", "metrics endpoint not reachable, will retry", {"endpoint": "statsd"}),
    ("WARN", "certificate expires in 12 days", {"days": 12}),
    ("ERROR", "failed to load optional plugin", {"plugin": "spellcheck"}),
    ("WARN", "cache miss rate high", {"rate": 0.4}),
]
"""What components say at WARN or ERROR that has nothing to do with MCP."""

UNREADABLE = [
    "1 validation error for {what}: Field required",
    "Failed to read the answer of {server}: invalid_type, expected object, received undefined",
    "json: cannot unmarshal string into Go struct field {what}",
    "{server}: unexpected response format",
]

MALFORMED = [
    (-32602, "Invalid request parameters"),
    (-32600, "Invalid Request"),
    (-32602, "1 validation error for CallToolRequestParams arguments: Input should be a valid dictionary"),
    (-32603, "json: cannot unmarshal string into Go struct field arguments"),
]
