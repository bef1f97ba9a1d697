"""Faults of single calls: bugs, mistakes, results and arguments that do not fit, lost connections."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from diagnosing.cast import Needs
from diagnosing.plants import fault
from diagnosing.styles import CALL
from diagnosing.system import ANY
from diagnosing.tools import OUTPUT, arguments_for, text
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import System

__all__: list[str] = []

CALLS = Needs(seen="calls")
WHOLE = Needs(seen="whole")


@fault("R09", CALLS)
def defect(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    system.call(victim, system.tools[victim][1])
    system.call(victim, tool, answer=system.fail(system.texts.defects, tool=tool["name"]))
    system.expect("R09", victim, tool["name"], cause=victim)


@fault("R10", CALLS)
def bad_arguments(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    tool["inputSchema"] = {
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
    }
    yield
    if system.chance.random() < 0.5:
        system.call(victim, tool)
    else:
        system.call(victim, system.tools[victim][1])
    answer = system.fail(system.texts.bad_arguments, tool=tool["name"], argument="query")
    system.call(victim, tool, arguments=system.chance.choice([{}, {"limit": 3}]), answer=answer)
    system.expect("R10", victim, tool["name"])


@fault("R08", CALLS)
def one_error_for_all(system: System, victim: str) -> Iterator[None]:
    yield
    answer = system.fail(system.texts.one_for_all)
    for tool in (system.tools[victim] * 2)[: system.chance.randint(3, 5)]:
        system.call(victim, tool, answer=answer)
    system.expect("R08", victim, cause=victim)


@fault("R12", CALLS)
def no_reason(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    answer = system.chance.choice(
        [{"error": {"code": -32000, "message": ""}}, {"result": {"content": [], "isError": True}}]
    )
    system.call(victim, tool, answer=answer)
    system.call(victim, system.tools[victim][1])
    system.expect("R12 R09", victim, tool["name"])


@fault("B28", CALLS)
def unserialisable(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    system.call(victim, system.tools[victim][1])
    system.call(victim, tool, answer=system.fail(system.texts.unserialisable, tool=tool["name"]))
    system.expect("B28", victim, tool["name"], cause=victim)


@fault("F09", WHOLE)
def listed_and_unknown(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    system.call(victim, system.tools[victim][1])
    system.call(victim, tool, answer=system.fail(system.texts.unknown_tool, tool=tool["name"]))
    system.expect("F09", victim, tool["name"], cause=victim)


@fault("F25", CALLS)
def given_up(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    path = system.path(victim)
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    hops = list(itertools.pairwise(path))
    requests = [system.send(asker, asked, CALL, params, operation) for asker, asked in hops]
    system.wait(system.chance.choice([30, 60, 120]))
    told = system.pick(system.texts.timed_out)
    for (asker, asked), request in zip(hops, requests, strict=True):
        why = {"requestId": request["id"], "reason": told}
        system.notify(asker, asked, "notifications/cancelled", why, operation=operation)
    said = system.relay_says("call_given_up")
    system.say(system.hub, "ERROR", said, {"tool": tool["name"], "error": told}, operation)
    system.pause(2, 40)
    if system.chance.random() < 0.6:
        answer = {"result": system.result(tool)}
        for (asker, asked), request in reversed(list(zip(hops, requests, strict=True))):
            system.reply(asker, asked, request, answer, operation)
    system.expect("F25", victim, tool["name"])


@fault("F29", WHOLE)
def unlike_its_schema(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    tool["outputSchema"] = OUTPUT
    yield
    wrong: list[dict[str, Any]] = [
        {"content": text("3 found")["content"]},
        {**text("{}"), "structuredContent": {}},
        {**text("{}"), "structuredContent": {"total": "many"}},
        {**text("{}"), "structuredContent": {"total": 1, "items": [2]}},
    ]
    kind = system.chance.random()
    if kind < 0.25:
        system.call(victim, tool, answer=system.fail(system.texts.wrong_output, tool=tool["name"]))
    else:
        system.call(victim, tool, answer={"result": system.chance.choice(wrong)})
        if kind < 0.5 and system.client not in system.mute:
            said = fill(system.pick(system.texts.refused_output), tool=tool["name"])
            system.say(system.client, "ERROR", said)
    system.expect("F29", victim, tool["name"], cause=victim)


@fault("F30", WHOLE)
def argument_as_text(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    properties = {"filter": {"type": "object", "properties": {"state": {"type": "string"}}},
                  "tags": {"type": "array", "items": {"type": "string"}}}  # fmt: skip
    tool["inputSchema"] = {"type": "object", "properties": properties}
    tool.pop("outputSchema", None)
    yield
    name, value = system.chance.choice([("filter", {"state": "open"}), ("tags", ["a", "b"])])
    kind = properties[name]["type"]
    bad = system.fail(system.texts.argument_as_text, tool=tool["name"], argument=name, kind=kind)
    answer = system.chance.choice([bad, bad, {"result": text("done")}])
    system.call(victim, tool, arguments={name: json.dumps(value)}, answer=answer)
    system.expect("F30", victim, tool["name"])


@fault("F31", WHOLE)
def misspelt(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    tool["inputSchema"] = {
        "type": "object",
        "properties": {"query": {"type": "string"}, "max_results": {"type": "integer"}},
    }
    tool.pop("outputSchema", None)
    yield
    arguments = system.chance.choice(
        [{"qeury": "x"}, {"query": "x", "maxResults": 3}, {"query": "x", "max_result": 3}]
    )
    system.call(victim, tool, arguments=arguments)
    system.expect("F31", victim, tool["name"])


@fault("F32", CALLS)
def failure_as_success(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    tool.pop("outputSchema", None)
    yield
    system.call(victim, tool, answer={"result": text(system.pick(system.texts.failure_as_success))})
    system.expect("F32", victim, tool["name"])


@fault("F34", Needs(eras=("stateless",), words=("verbatim", "arrow"), transports=("http",), seen="calls"))
def header_mismatch(system: System, victim: str) -> Iterator[None]:
    yield
    tool, other = system.tools[victim][:2]
    answer = system.fail(system.texts.header_mismatch, other=other["name"])
    if system.chance.random() < 0.5 and system.hub not in system.mute:
        headers = {"Mcp-Method": CALL, "Mcp-Name": other["name"], "MCP-Protocol-Version": system.version}
        where = f"http://localhost:{system.ports[victim]}/mcp"
        told = {"method": "POST", "url": where, "status": 400, "headers": headers, "peer": victim}
        system.say(system.hub, "DEBUG", system.pick(system.texts.http_request), told)
    system.call(victim, tool, answer=answer)
    system.expect("F34", victim, tool["name"])


@fault("B08", CALLS, last=True)
def never_ends(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    if system.chance.random() < 0.5:
        system.call(victim, system.tools[victim][1])
    else:
        system.call(victim, tool)
    operation = system.call(victim, tool, answered=False)
    if system.chance.random() < 0.3 and victim not in system.mute:
        system.say(victim, "ERROR", system.pick(system.texts.crashes), None, operation)
    system.wait(system.chance.uniform(45, 300))
    speaker = next(name for name in (system.hub, victim, *system.servers) if name not in system.mute)
    system.say(speaker, "INFO", system.pick(system.texts.heartbeats), {"uptime": 400})
    system.expect("B08", victim, tool["name"])


@fault("R07", Needs(topologies=("relay", "two relays"), eras=("handshake",), transports=("websocket", "http"),
                    seen="calls", hub=True), last=True)  # fmt: skip
def gone_for_good(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    system.call(victim, tool)
    system.pause()
    path = system.path(victim)
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    hops = list(itertools.pairwise(path))
    for asker, asked in hops:
        system.send(asker, asked, CALL, params, operation, lost=asked == victim)
    lost = {"backend": victim, "error": system.pick(system.texts.lost_connection)}
    system.say(system.hub, "WARN", system.relay_says("connection_lost", server=victim), lost, operation)
    system.wait(system.chance.uniform(60, 200))
    system.say(system.hub, "INFO", system.pick(system.texts.heartbeats))
    system.expect("R07", victim, tool["name"])


@fault("R05", Needs(topologies=("relay", "two relays"), eras=("handshake",), transports=("websocket", "http"),
                    seen="calls", hub=True))  # fmt: skip
def sent_again(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    system.call(victim, tool)
    system.pause()
    path = system.path(victim)
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    hops = list(itertools.pairwise(path))
    requests = [
        system.send(
            asker, asked, CALL, params, operation, lost=asked == victim and system.chance.random() < 0.5
        )
        for asker, asked in hops
    ]
    lost = {"backend": victim, "error": system.pick(system.texts.lost_connection)}
    system.say(system.hub, "WARN", system.relay_says("connection_lost", server=victim), lost, operation)
    system.pause(2, 12)
    system.links.pop((system.hub, victim), None)
    system.announce(victim)
    system.greet(system.hub, victim)
    system.show(system.hub, victim, system.tools[victim])
    answer = {"result": system.result(tool)}
    if system.styles[system.hub] == "router":
        request = {"jsonrpc": "2.0", "id": 3, "method": CALL, "params": params}
        style = system.styles[system.hub]
        system.styles[system.hub] = "silent"
        system.ask(system.hub, victim, CALL, params, answer, operation)
        system.styles[system.hub] = style
        told = {"response": {"jsonrpc": "2.0", "id": request["id"], **answer}}
        system.say(system.hub, "TRACE", f"Retry successful for tool: {tool['name']}", told, operation)
    else:
        system.ask(system.hub, victim, CALL, params, answer, operation)
    for (asker, asked), request in reversed(list(zip(hops[:-1], requests[:-1], strict=True))):
        system.reply(asker, asked, request, answer, operation)
    system.expect("R05", victim, tool["name"])


@fault("R11", Needs(transports=("websocket", "http"), eras=("handshake",), hub=True))
def lost_idle(system: System, victim: str) -> Iterator[None]:
    yield
    system.pause()
    lost = {"backend": victim, "error": system.pick(system.texts.lost_connection)}
    system.say(system.hub, "WARN", system.relay_says("idle_connection_lost", server=victim), lost)
    system.pause(2, 12)
    system.links.pop((system.hub, victim), None)
    system.announce(victim)
    system.introduce(system.hub, victim, system.operation())
    system.call(victim)
    system.expect("R11", victim)


@fault("R15", Needs(eras=("handshake",), transports=("websocket", "http"), seen="calls", hub=True))
def broke_under_it(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.tools[victim][0]
    system.pause()
    path = system.path(victim)
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    hops = list(itertools.pairwise(path))
    requests = [
        system.send(asker, asked, CALL, params, operation, lost=asked == victim) for asker, asked in hops
    ]
    texts = [system.texts.lost_connection, system.texts.no_connection][system.chance.random() < 0.5]
    said = fill(system.pick(texts), port=system.ports[victim])
    told = {"backend": victim, "tool": tool["name"], "error": said}
    failed = system.relay_says("call_failed", tool=tool["name"])
    system.say(system.hub, "ERROR", failed, told, operation)
    answer = {"error": {"code": -32603, "message": said}}
    for (asker, asked), request in reversed(list(zip(hops[:-1], requests[:-1], strict=True))):
        system.reply(asker, asked, request, answer, operation)
    system.expect("R15", victim, tool["name"])


@fault("F23", WHOLE, last=True)
def id_retyped(system: System, victim: str) -> Iterator[None]:
    if system.client in system.string_ids:
        system.string_ids.clear()
    yield
    tool = system.tools[victim][0]
    system.pause()
    path = system.path(victim)
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    hops = list(itertools.pairwise(path))
    requests = [system.send(asker, asked, CALL, params, operation) for asker, asked in hops]
    asker, asked = hops[-1]
    system.pause(0.01, 2)
    answer = {"result": system.result(tool)}
    system.reply(asker, asked, requests[-1], answer, operation, number=str(requests[-1]["id"]))
    system.wait(system.chance.uniform(30, 90))
    speaker = system.hub if system.hub not in system.mute else victim
    system.say(speaker, "INFO", system.pick(system.texts.heartbeats))
    system.expect("F23", victim, tool["name"], cause=victim)


@fault("F16", Needs(seen="whole", hub_whole=True, servers=3))
def same_name(system: System, victim: str) -> Iterator[None]:
    winner = system.servers[1]
    shared = dict(system.tools[victim][0], name="search")
    system.tools[victim][0] = shared
    system.tools[winner][0] = dict(shared)
    system.shown = lambda tools: list({tool["name"]: tool for tool in tools}.values())
    yield
    if not system.relays:
        names = {tool["name"]: server for server in system.servers for tool in system.tools[server]}
        told = {
            "count": len(names),
            "names": [system.prefixed(names[name], name, names[name]) for name in names],
        }
        if system.client != "zed":
            told["names"] = list(names)
        system.say(system.client, "INFO", system.pick(system.texts.offered), told)
    for _ in range(system.chance.randint(2, 4)):
        system.call(winner, shared)
    system.expect("F16", [victim, winner, ANY], "search")
