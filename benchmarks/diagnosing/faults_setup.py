"""Faults before any call: bytes and frames, handshakes, lists, HTTP around them."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from diagnosing import words
from diagnosing.cast import Needs
from diagnosing.plants import fault
from diagnosing.system import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []

WHOLE = Needs(seen="whole")
OLD = Needs(seen="whole", eras=("handshake",))
HTTP = Needs(eras=("handshake",), transports=("http",), seen="whole", hub=True)
OVER_HTTP = Needs(transports=("http",), seen="whole", hub=True)


def missed(system: System, victim: str) -> None:
    """What follows when a server's tools never came: now and then somebody asks for one."""
    system.work(1, 6, without=(victim,))
    tool = system.tools[victim][0]["name"]
    if system.relays and system.chance.random() < 0.6:
        refuse_at_relay(system, tool)
    elif not system.relays and system.client not in system.mute and system.chance.random() < 0.5:
        system.refuse(victim, tool)


def refuse_at_relay(system: System, tool: str) -> None:
    """A call that the last relay refuses, as the relay's own words or as an answer."""
    system.pause()
    operation = system.operation()
    path = [system.client, *system.relays]
    params = {"name": tool, "arguments": {}}
    said = system.chance.choice(["Unknown tool: {tool}", "Tool {tool} not found", 'unknown tool "{tool}"'])
    hops = list(itertools.pairwise(path))
    requests = [system.send(asker, asked, "tools/call", params, operation) for asker, asked in hops]
    if system.styles[system.hub] == "router":
        known = [told["name"] for told in system.held[system.hub]]
        data = {"tool_name": tool, "available_tools": known}
        system.say(system.hub, "ERROR", f"Unknown tool: {tool}", data, operation)
    code = system.chance.choice([-32603, -32602])
    answer = {"error": {"code": code, "message": said.format(tool=tool)}}
    for (asker, asked), request in reversed(list(zip(hops, requests, strict=True))):
        system.reply(asker, asked, request, answer, operation)


# Bytes and frames


@fault("B11", WHOLE)
def no_frame(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        request = system.send(asker, server, "tools/list", None, operation)
        bare = {"tools": system.tools[server]}
        system.move(server, asker, bare, request, operation, link=system.link(asker, server))

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("B11", victim, cause=victim)


@fault("F20", Needs(transports=("stdio",), seen="whole", words=("verbatim",)))
def noise_on_stdio(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        for line in system.chance.sample(
            [
                "Server started on stdio",
                "[dotenv@17.2.0] injecting env (4) from .env",
                "(node:42) Warning: x",
                "Debug: loading plugins...",
                "npm WARN deprecated foo@1",
            ],
            system.chance.randint(1, 3),
        ):
            link = system.link(asker, server)
            style, system.styles[server] = system.styles[server], "silent"
            system.move(server, asker, line, {}, operation, link=link)
            system.styles[server] = style
        system.introduce(asker, server, operation)

    system.styles[system.hub] = "verbatim"
    system.writers[system.hub].least = "TRACE"
    system.manners[victim] = manner
    yield
    system.work()
    system.expect("F20", victim, cause=victim)


@fault("F21", Needs(seen="whole", words=("verbatim",)))
def cut_off(system: System, victim: str) -> Iterator[None]:
    system.styles[system.hub] = "verbatim"
    system.writers[system.hub].least = "TRACE"
    size = system.chance.choice([4096, 8192, 65536])

    def manner(asker: str, server: str, operation: Operation) -> None:
        for tool in system.tools[server]:
            tool["description"] = "x" * (size // len(system.tools[server]) + 200)
        system.greet(asker, server, operation)
        request = system.send(asker, server, "tools/list", None, operation)
        whole = {"jsonrpc": "2.0", "id": request["id"], "result": {"tools": system.tools[server]}}
        half = json.dumps(whole)[:size]
        system.move(server, asker, whole, request, operation, link=system.link(asker, server), got=half)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F21", victim)


@fault("F22", Needs(transports=("stdio",), seen="whole", words=("verbatim",)))
def content_length(system: System, victim: str) -> Iterator[None]:
    system.styles[system.hub] = "verbatim"
    system.writers[system.hub].least = "TRACE"

    def manner(asker: str, server: str, operation: Operation) -> None:
        request = system.send(asker, server, "initialize", {"protocolVersion": system.version}, operation)
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {}})
        framed = f"Content-Length: {len(body)}\r\n\r\n{body}"
        style, system.styles[server] = system.styles[server], "silent"
        system.move(server, asker, framed, request, operation, link=system.link(asker, server))
        system.styles[server] = style

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F22", victim, cause=victim)


@fault("F24", Needs(eras=("handshake",), transports=("stdio", "websocket"), seen="whole", hub_whole=True))
def answers_notification(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        link = system.link(asker, server)
        odd = {"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "Method not found"}}
        if system.chance.random() < 0.4:
            used = f"{asker}-{link.number}" if link.named else link.number
            odd = {"jsonrpc": "2.0", "id": used, "result": {}}
        about = {"method": "notifications/initialized"}
        system.move(server, asker, odd, about, operation, link=link)
        said = system.chance.choice(
            [
                "transport closed: unexpected response",
                "Connection closed",
                "server process exited",
                "session ended: protocol error",
            ]
        )
        level = "INFO" if said in {"Connection closed", "server process exited"} else "ERROR"
        system.say(asker, level, said, {"peer": server})

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F24", victim, cause=victim)


# Handshakes


@fault("B05", OLD)
def no_mcp(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        code, said = system.chance.choice(words.NO_MCP)
        error = {"error": {"code": code, "message": said.format(method="initialize")}}
        system.greet(asker, server, operation, error=error)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("B05", victim, cause=victim)


@fault("F11", OLD)
def no_tools_declared(system: System, victim: str) -> Iterator[None]:
    able = system.chance.choice([{}, {"logging": {}}])

    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation, capabilities=able)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    if system.chance.random() < 0.5 and system.client not in system.mute:
        system.refuse(victim, system.tools[victim][0]["name"])
    system.expect("F11", victim, cause=victim)


@fault("F17", OLD)
def version_rejected(system: System, victim: str) -> Iterator[None]:
    said_by_server = system.chance.random() < 0.6 or system.hub in system.mute

    def manner(asker: str, server: str, operation: Operation) -> None:
        if said_by_server:
            code, said = system.chance.choice(words.BAD_VERSION)
            error: dict[str, Any] = {"code": code, "message": said.format(version=system.version)}
            if system.chance.random() < 0.5:
                error["data"] = {"supported": ["2024-11-05"], "requested": system.version}
            system.greet(asker, server, operation, error={"error": error})
            return
        other = system.chance.choice(["2099-01-01", "1.0", "2023-06-01"])
        system.greet(asker, server, operation, version=other, confirmed=False)
        system.say(asker, "ERROR", system.chance.choice(words.REFUSED_VERSION).format(version=other))

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F17", victim)


@fault("F18", Needs(eras=("stateless",), seen="whole"))
def no_fallback(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        code, said = system.chance.choice(
            [
                (-32601, "Method not found"),
                (-32600, "Received request before initialization was complete"),
                (-32000, "Server not initialized"),
                (-32602, "Invalid request parameters"),
            ]
        )
        error = {"error": {"code": code, "message": said}}
        system.ask(asker, server, "server/discover", None, error, operation)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F18", victim, cause="")


@fault("F19", OLD)
def never_confirmed(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation, confirmed=False)
        if system.chance.random() < 0.4:
            system.notify(asker, server, "initialized", operation=operation)
        code, said = system.chance.choice(words.NOT_INITIALIZED)
        error = {"error": {"code": code, "message": said.format(method="tools/list")}}
        system.ask(asker, server, "tools/list", None, error, operation)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F19", victim)


# HTTP


def _exchange(system: System, victim: str, status: int, body: str, **more: Any) -> None:
    where = f"http://{system.chance.choice(['localhost', '127.0.0.1', victim])}:{system.ports[victim]}/mcp"
    level = system.chance.choice(["ERROR", "WARN", "INFO"])
    told = {"method": "POST", "url": where, "peer": victim, **more}
    if system.chance.random() < 0.7:
        system.say(system.hub, level, "HTTP request failed", {**told, "status": status, "body": body})
    else:
        said = f"POST {where} returned {status} ({body[:60]})"
        system.say(system.hub, "ERROR", said, {"server": victim})


@fault("F26", HTTP)
def stale_session(system: System, victim: str) -> Iterator[None]:
    yield
    system.call(victim)
    system.pause(5, 60)
    if system.chance.random() < 0.7:
        system.announce(victim)
    status, body = system.chance.choice(words.STALE_SESSION)
    session = system.link(system.hub, victim).session
    for _ in range(system.chance.randint(1, 3)):
        system.pause()
        tool = system.chance.choice(system.tools[victim])
        path = system.path(victim)
        operation = system.operation()
        params = {"name": tool["name"], "arguments": {}}
        for asker, asked in itertools.pairwise(path):
            system.send(asker, asked, "tools/call", params, operation, lost=asked == victim)
        _exchange(system, victim, status, body, headers={"Mcp-Session-Id": session})
    system.expect("F26", victim)


@fault("F27", OVER_HTTP)
def wrong_address(system: System, victim: str) -> Iterator[None]:
    status, body = system.chance.choice(
        [
            (404, "Not Found"),
            (405, "Method Not Allowed"),
            (307, "Temporary Redirect"),
            (404, "Cannot POST /mcp"),
        ]
    )

    def manner(asker: str, server: str, operation: Operation) -> None:
        method = "initialize" if system.era == "handshake" else "server/discover"
        system.ask(asker, server, method, {"protocolVersion": system.version}, None, operation, lost=True)
        _exchange(system, server, status, body)

    system.mute.add(victim)
    system.styles[victim] = "silent"
    system.writers[victim].least = "OFF"
    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F27", victim)


@fault("F28", OVER_HTTP)
def host_refused(system: System, victim: str) -> Iterator[None]:
    status, body = system.chance.choice(words.BAD_HOST)

    def manner(asker: str, server: str, operation: Operation) -> None:
        method = "initialize" if system.era == "handshake" else "server/discover"
        system.ask(asker, server, method, {"protocolVersion": system.version}, None, operation, lost=True)
        _exchange(system, server, status, body)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F28", victim, cause=victim)


# Lists


@fault("R03", OLD)
def list_failed(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        answer: dict[str, Any] = system.chance.choice(
            [
                {"error": {"code": -32603, "message": "Cannot read properties of undefined (reading 'map')"}},
                {"error": {"code": -32603, "message": "Internal error"}},
                {"error": {"code": 0, "message": "runtime error: index out of range"}},
                {"result": {"tools": []}},
            ]
        )
        system.ask(asker, server, "tools/list", None, answer, operation)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("R03", victim, cause=victim)


@fault(
    "F12", Needs(topologies=("relay", "two relays"), seen="whole", hub=True, hub_whole=True, prefixed=True)
)
def too_early(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        system.ask(asker, server, "tools/list", None, {"result": {"tools": []}}, operation)

    system.manners[victim] = manner
    yield
    system.work(1, 4, without=(victim,))
    refuse_at_relay(system, system.tools[victim][0]["name"])
    system.pause(5, 30)
    system.show(system.hub, victim, system.tools[victim])
    system.expect("F12", victim)


@fault(
    "R13",
    Needs(
        topologies=("relay", "two relays"),
        seen="whole",
        words=("verbatim", "arrow", "mixed"),
        hub=True,
        hub_whole=True,
    ),
)
def misread(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.introduce(asker, server, operation)
        system.held[asker] = [tool for tool in system.held[asker] if tool not in system.tools[server]]

    system.manners[victim] = manner
    yield
    system.work(1, 5, without=(victim,))
    for tool in system.tools[victim][: system.chance.randint(1, 2)]:
        refuse_at_relay(system, tool["name"])
    system.expect("R13", victim)


@fault("F14", WHOLE)
def next_page_not_read(system: System, victim: str) -> Iterator[None]:
    first, rest = system.tools[victim][:-1], system.tools[victim][-1:]
    loops = system.chance.random() < 0.3

    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        page = {"tools": first, "nextCursor": "c2"}
        system.ask(asker, server, "tools/list", None, {"result": page}, operation)
        for _ in range(system.chance.randint(3, 6) if loops else 0):
            system.ask(asker, server, "tools/list", {"cursor": "c2"}, {"result": page}, operation)
        system.held[asker] += first

    system.manners[victim] = manner
    yield
    system.call(victim, system.chance.choice(first))
    if not loops and system.client not in system.mute and system.chance.random() < 0.6:
        system.refuse(victim, rest[0]["name"])
    system.expect("F14", victim)
    del system.tools[victim][-1:]


@fault("F02", Needs(topologies=("relay", "two relays"), seen="whole", client_whole=True, client=True))
def definitions_stripped(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    tool["inputSchema"] = {
        "type": "object",
        "properties": {"filter": {"$ref": "#/$defs/Filter"}},
        "$defs": {"Filter": {"type": "object", "properties": {"state": {"type": "string"}}}},
    }

    def stripped(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                **told,
                "inputSchema": {key: value for key, value in told["inputSchema"].items() if key != "$defs"},
            }
            for told in tools
        ]

    system.tolerated.add("F02")  # the same hop strips the others' definitions, too
    system.shown = stripped
    yield
    system.work(1, 4, without=(victim,))
    if system.chance.random() < 0.5:
        said = system.chance.choice(words.REFUSED_LISTS["F02"]).format(tool=tool["name"])
        system.say(system.client, "ERROR", said)
    else:
        answer = {"error": {"code": -32602, "message": "can't resolve reference #/$defs/Filter"}}
        system.call(victim, tool, arguments={"filter": "open"}, answer=answer)
    system.expect("F02", [victim, ANY], tool["name"])
