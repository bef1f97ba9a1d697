"""Faults of bytes and frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from diagnosing.cast import Needs
from diagnosing.consequences import missed
from diagnosing.plants import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosing.system import Operation, System

__all__: list[str] = []

WHOLE = Needs(seen="whole")


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
        for line in system.chance.sample(system.texts.stdout_noise, system.chance.randint(1, 3)):
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
        odd = {"jsonrpc": "2.0", "id": None, **system.fail(system.texts.answered_notification)}
        if system.chance.random() < 0.4:
            used = f"{asker}-{link.number}" if link.named else link.number
            odd = {"jsonrpc": "2.0", "id": used, "result": {}}
        about = {"method": "notifications/initialized"}
        system.move(server, asker, odd, about, operation, link=link)
        level, said = system.pick(system.texts.closed)
        system.say(asker, level, said, {"peer": server})

    system.manners[victim] = manner
    yield
    missed(system, victim)
    system.expect("F24", victim, cause=victim)
