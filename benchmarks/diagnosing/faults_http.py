"""Faults of HTTP around the messages."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from diagnosing.cast import Needs
from diagnosing.consequences import missed
from diagnosing.plants import fault
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []

HTTP = Needs(eras=("handshake",), transports=("http",), seen="whole", hub=True)
OVER_HTTP = Needs(transports=("http",), seen="whole", hub=True)


def _exchange(system: System, victim: str, status: int, body: str, **more: Any) -> None:
    where = f"http://{system.chance.choice(['localhost', '127.0.0.1', victim])}:{system.ports[victim]}/mcp"
    level = system.chance.choice(["ERROR", "WARN", "INFO"])
    told = {"method": "POST", "url": where, "peer": victim, **more}
    if system.chance.random() < 0.7:
        said = system.pick(system.texts.http_failed)
        system.say(system.hub, level, said, {**told, "status": status, "body": body})
    else:
        said = system.pick(system.texts.http_failed_in_prose)
        said = fill(said, where=where, status=status, body=body[:60])
        system.say(system.hub, "ERROR", said, {"server": victim})


@fault("F26", HTTP)
def stale_session(system: System, victim: str) -> Iterator[None]:
    yield
    system.call(victim)
    system.pause(5, 60)
    if system.chance.random() < 0.7:
        system.announce(victim)
    status, body = system.pick(system.texts.stale_session)
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
    status, body = system.pick(system.texts.wrong_address)

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
    status, body = system.pick(system.texts.bad_host)

    def manner(asker: str, server: str, operation: Operation) -> None:
        method = "initialize" if system.era == "handshake" else "server/discover"
        system.ask(asker, server, method, {"protocolVersion": system.version}, None, operation, lost=True)
        _exchange(system, server, status, body)

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F28", victim, cause=victim)
