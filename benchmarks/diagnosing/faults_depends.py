"""Faults of what a server depends on: it breaks when a tool runs, or cannot be started at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnosing.cast import Needs
from diagnosing.consequences import missed
from diagnosing.plants import fault
from diagnosing.wordlists import SEEN, fill, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []


def _broken(kind: str) -> None:
    @fault("R09", Needs(seen="calls"), kind=kind)
    def broken(system: System, victim: str) -> Iterator[None]:
        yield
        tool, other = system.tools[victim][:2]
        system.call(victim, other)
        answer = system.fail(system.texts.dependencies[kind], tool=tool["name"])
        for _ in range(system.chance.randint(1, 3)):
            operation = system.call(victim, tool, answer=answer)
        if victim not in system.mute and system.chance.random() < 0.3:
            told = answer["error"]["message"] if "error" in answer else answer["result"]["content"][0]["text"]
            system.say(victim, "ERROR", told, {"tool": tool["name"]}, operation)
        system.expect("R09", victim, tool["name"], cause=victim)


for _kind in load(SEEN).dependencies:
    _broken(_kind)


@fault(
    "R20",
    Needs(topologies=("direct",), eras=("handshake",), transports=("stdio",), client=True, prefixed=True),
)
def no_start(system: System, victim: str) -> Iterator[None]:
    said = system.pick(system.texts.no_start)
    named = system.chance.random() < 0.5 or "{server}" not in said
    spawned = system.chance.random() < 0.5

    def manner(asker: str, server: str, operation: Operation) -> None:
        if spawned:
            hello = {"protocolVersion": system.version}
            system.ask(asker, server, "initialize", hello, None, operation, lost=True)
            system.pause()
        system.say(asker, "ERROR", fill(said, server=server), {"server": server} if named else None)

    system.mute.add(victim)
    system.styles[victim] = "silent"
    system.writers[victim].least = "OFF"
    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("R20", victim)
