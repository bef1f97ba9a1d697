"""Faults of lists of tools: failed, too early, misread, cut short, or stripped on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diagnosing.cast import Needs
from diagnosing.consequences import missed, refuse_at_relay
from diagnosing.plants import fault
from diagnosing.system import ANY
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []

WHOLE = Needs(seen="whole")
OLD = Needs(seen="whole", eras=("handshake",))


@fault("R03", OLD)
def list_failed(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        system.greet(asker, server, operation)
        errors = [{"error": {"code": code, "message": said}} for code, said in system.texts.list_failed]
        answer: dict[str, Any] = system.chance.choice([*errors, {"result": {"tools": []}}])
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
        said = fill(system.pick(system.texts.refused_lists["F02"]), tool=tool["name"])
        system.say(system.client, "ERROR", said)
    else:
        answer = system.fail(system.texts.unresolved, tool=tool["name"])
        system.call(victim, tool, arguments={"filter": "open"}, answer=answer)
    system.expect("F02", [victim, ANY], tool["name"])
