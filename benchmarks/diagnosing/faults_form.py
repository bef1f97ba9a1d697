"""Faults of form: JSON-RPC that the schema of MCP does not allow, and that a strict reader refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnosing.cast import Needs
from diagnosing.consequences import missed
from diagnosing.plants import fault
from diagnosing.tools import arguments_for
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []

ERA = ("handshake",)


@fault("R17", Needs(eras=ERA, words=("verbatim", "arrow", "mixed"), seen="whole", hub=True, hub_whole=True))
def list_of_another_form(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        tools = [dict(tool) for tool in system.tools[server]]
        odd = system.chance.choice(tools)
        odd["inputSchema"] = system.chance.choice([None, [], "object"])
        if system.chance.random() < 0.5:
            del odd["inputSchema"]
        system.ask(asker, server, "tools/list", None, {"result": {"tools": tools}}, operation)
        said = fill(system.pick(system.texts.unreadable), server=server, what="ListToolsResult")
        system.say(asker, "ERROR", said, {"server": server} if system.chance.random() < 0.5 else None)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("R17", victim, cause=victim)


@fault("R18", Needs(topologies=("direct",), eras=ERA, seen="whole", client=True))
def result_of_another_form(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.chance.choice(system.tools[victim])
    bare = system.chance.choice([{"text": "done"}, {"content": "done"}, {"content": [{"text": "done"}]}])
    system.call(victim, tool, answer={"result": bare})
    said = fill(system.pick(system.texts.unreadable), server=victim, what="CallToolResult")
    system.say(system.client, "ERROR", said)
    system.expect("R18", victim, tool["name"], cause=victim)


@fault("R19", Needs(topologies=("direct",), eras=ERA, seen="whole"))
def request_of_another_form(system: System, victim: str) -> Iterator[None]:
    yield
    tool = system.chance.choice(system.tools[victim])
    given = arguments_for(system.chance, tool)
    text = system.chance.choice([str(given), "{}", [given]])
    answer = system.fail(system.texts.malformed)
    params = {"name": tool["name"], "arguments": text}
    system.along(system.path(victim), params, answer, system.operation())
    system.expect("R19", victim, tool["name"], cause=system.client)
