"""Faults of the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnosing.cast import Needs
from diagnosing.consequences import missed
from diagnosing.plants import fault
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []

OLD = Needs(seen="whole", eras=("handshake",))


@fault("B05", OLD)
def no_mcp(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        error = system.fail(system.texts.no_mcp, method="initialize")
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
            answer = system.fail(system.texts.bad_version, version=system.version)
            if system.chance.random() < 0.5:
                answer["error"]["data"] = {"supported": ["2024-11-05"], "requested": system.version}
            system.greet(asker, server, operation, error=answer)
            return
        other = system.chance.choice(["2099-01-01", "1.0", "2023-06-01"])
        system.greet(asker, server, operation, version=other, confirmed=False)
        system.say(asker, "ERROR", fill(system.pick(system.texts.refused_version), version=other))

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F17", victim)


@fault("F18", Needs(eras=("stateless",), seen="whole"))
def no_fallback(system: System, victim: str) -> Iterator[None]:
    def manner(asker: str, server: str, operation: Operation) -> None:
        error = system.fail(system.texts.no_fallback)
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
        error = system.fail(system.texts.not_initialized, method="tools/list")
        system.ask(asker, server, "tools/list", None, error, operation)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F19", victim)
