"""What happens in healthy systems and looks suspicious: each function adds one such thing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from diagnosing import words
from diagnosing.styles import CALL
from diagnosing.tools import arguments_for, text
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosing.system import System

__all__ = ["NOISES", "disturb"]


def disturb(system: System, least: int = 1, most: int = 5) -> None:
    """Add some of them, ordinary calls between."""
    wanted = system.chance.randint(least, most)
    for noise in system.chance.sample(NOISES, min(wanted, len(NOISES))):
        noise(system)
        system.work(0, 3)


def _server(system: System) -> str:
    usable = [name for name in system.servers if system.tools[name] and name not in system.unreached]
    return system.chance.choice(usable)


def answered_no(system: System) -> None:
    """A tool says that what was asked for is not there: an answer like any other."""
    server = _server(system)
    tool = system.chance.choice(system.tools[server])
    said = system.pick(system.texts.an_answer_all_the_same)
    said = fill(said, tool=tool["name"], noun=system.chance.choice(words.NOUNS))
    system.call(server, tool, answer={"result": {**text(said), "isError": True}})


def cancelled(system: System) -> None:
    """The user gives a call up."""
    server = _server(system)
    path = system.path(server)
    tool = system.chance.choice(system.tools[server])
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    requests = [
        system.send(asker, asked, CALL, params, operation) for asker, asked in itertools.pairwise(path)
    ]
    system.pause(1, 20)
    reason = system.pick(system.texts.cancelled)
    for (asker, asked), request in zip(itertools.pairwise(path), requests, strict=True):
        why = {"requestId": request["id"], "reason": reason}
        system.notify(asker, asked, "notifications/cancelled", why, operation=operation)
    system.call(server)


def slow(system: System) -> None:
    """A call takes a minute and more, and is answered."""
    system.call(_server(system), took=system.chance.uniform(40, 170))


def progress(system: System) -> None:
    """A long call reports how far it is."""
    server = _server(system)
    tool = system.chance.choice(system.tools[server])
    asker = system.hub
    operation = system.operation()
    params = {
        "name": tool["name"],
        "arguments": arguments_for(system.chance, tool),
        "_meta": {"progressToken": 7},
    }

    def report() -> None:
        for done in (20, 60, 100):
            system.wait(8)
            told = {"progressToken": 7, "progress": done, "total": 100}
            system.notify(server, asker, "notifications/progress", told, asker=asker, operation=operation)

    if system.relays:
        outer = system.path(server)[:-1]
        requests = [
            system.send(one, other, CALL, params, operation) for one, other in itertools.pairwise(outer)
        ]
    answer = {"result": system.result(tool)}
    system.ask(asker, server, CALL, params, answer, operation, within=report)
    if system.relays:
        for (one, other), request in reversed(list(zip(itertools.pairwise(outer), requests, strict=True))):
            system.reply(one, other, request, answer, operation)


def other_methods(system: System) -> None:
    """Resources, prompts, completion; in the older era also ping and logging/setLevel."""
    server = _server(system)
    asked: list[tuple[str, dict[str, Any] | None, dict[str, Any]]] = [
        ("resources/list", None, {"resources": [{"uri": "file:///a", "name": "a"}]}),
        ("resources/read", {"uri": "file:///a"}, {"contents": [{"uri": "file:///a", "text": "an error"}]}),
        ("prompts/list", None, {"prompts": [{"name": "review"}]}),
        (
            "prompts/get",
            {"name": "review"},
            {"messages": [{"role": "user", "content": text("x")["content"][0]}]},
        ),
    ]
    if system.era == "handshake":
        asked += [("ping", None, {}), ("logging/setLevel", {"level": "warning"}, {})]
    for method, params, result in system.chance.sample(asked, 3):
        system.ask(system.hub, server, method, params, {"result": result})


def optional_method(system: System) -> None:
    """A server does not know an optional method, and may say so."""
    unknown = system.fail(system.texts.optional_method)
    method = system.chance.choice(["prompts/list", "resources/list", "resources/templates/list"])
    system.ask(system.hub, _server(system), method, None, unknown)


def messages_of_server(system: System) -> None:
    """A server logs by notification, errors too."""
    server = _server(system)
    for level, said in zip(("info", "error"), system.pick(system.texts.notes), strict=True):
        told = {"level": level, "logger": "index", "data": said}
        system.notify(server, system.hub, "notifications/message", told, asker=system.hub)


def asked_back(system: System) -> None:
    """A server asks its client: a sample, a question for the user, the roots."""
    server = _server(system)
    if system.era == "stateless":
        return _retried(system, server)
    link = system.link(system.hub, server)
    method, params, result = system.chance.choice(
        [
            (
                "sampling/createMessage",
                {"messages": [], "maxTokens": 9},
                {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"},
            ),
            (
                "elicitation/create",
                {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}},
                {"action": "decline"},
            ),
            ("roots/list", {}, {"roots": []}),
        ]
    )
    number = system.chance.randint(0, 3)
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    operation = system.operation()
    system.move(server, system.hub, request, request, operation, link=link)
    system.pause(0.5, 6)
    answer = {"jsonrpc": "2.0", "id": number, "result": result}
    return system.move(system.hub, server, answer, request, operation, link=link)


def _retried(system: System, server: str) -> None:
    """A call needs more input and is sent again under a new id, as 2026-07-28 has it."""
    tool = system.chance.choice(system.tools[server])
    operation = system.operation()
    params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
    question = {"method": "elicitation/create", "params": {"message": "Sure?", "requestedSchema": {}}}
    needed = {"resultType": "input_required", "inputRequests": {"sure": question}, "requestState": "s1"}
    system.along(system.path(server), params, {"result": needed}, operation)
    system.pause(1, 9)
    again = {**params, "inputResponses": {"sure": {"action": "accept"}}, "requestState": "s1"}
    system.along(system.path(server), again, {"result": system.result(tool)}, operation)


def changed_list(system: System) -> None:
    """A list changes, and is fetched again, sooner or later."""
    server = _server(system)
    asker = system.hub
    if system.era == "stateless":
        wanted = {"notifications": {"toolsListChanged": True}}
        system.ask(asker, server, "subscriptions/listen", wanted, None)
        system.notify(server, asker, "notifications/subscriptions/acknowledged", wanted, asker=asker)
    system.pause(1, 5)
    system.notify(server, asker, "notifications/tools/list_changed", asker=asker)
    if system.chance.random() < 0.5:
        system.call(server)
    system.pause(0.1, 25)
    system.show(asker, server, system.tools[server])


def restarted(system: System) -> None:
    """A server is restarted on purpose, and greeted anew before it is needed."""
    server = _server(system)
    system.announce(server)
    system.pause(0.2, 2)
    for asker in system.clients if not system.relays else [system.hub]:
        system.links.pop((asker, server), None)
        system.introduce(asker, server, system.operation())
    system.call(server)


def probed(system: System) -> None:
    """A client probes for a stream, is refused with 405, and goes on."""
    server = _server(system)
    where = f"http://localhost:{system.ports[server]}/mcp"
    status, body = system.pick(system.texts.probe_refused)
    said = system.pick(system.texts.http_request)
    told = {"method": "GET", "url": where, "status": status, "peer": server, "body": body}
    level = system.chance.choice(["INFO", "WARN", "DEBUG"])
    system.say(system.hub, level, said, told)
    fine = {"method": "POST", "url": where, "status": 202, "peer": server}
    system.say(system.hub, "DEBUG", said, fine)


def authorised(system: System) -> None:
    """A first request is refused for want of a token, the next one has it."""
    server = _server(system)
    where = f"http://localhost:{system.ports[server]}/mcp"
    said = system.pick(system.texts.http_request)
    for status, body in (system.pick(system.texts.needs_token), (200, "")):
        told = {"method": "POST", "url": where, "status": status, "peer": server, "body": body}
        system.say(system.hub, "INFO", said, told)
    system.call(server)


def at_once(system: System) -> None:
    """Two calls are under way together, and the later one is answered first."""
    server, other = _server(system), _server(system)
    path = system.path(server)
    if system.styles[system.hub] == "router" or len(path) > 2:
        return
    asker = path[0]
    pending = []
    for asked in (server, other):
        tool = system.chance.choice(system.tools[asked])
        operation = system.operation()
        params = {"name": tool["name"], "arguments": arguments_for(system.chance, tool)}
        pending.append((asked, tool, operation, system.send(asker, asked, CALL, params, operation)))
    for asked, tool, operation, request in reversed(pending):
        system.pause(0.01, 4)
        system.reply(asker, asked, request, {"result": system.result(tool)}, operation)


def repeated(system: System) -> None:
    """The user asks for the very same thing again."""
    server = _server(system)
    tool = system.chance.choice(system.tools[server])
    arguments = arguments_for(system.chance, tool)
    for _ in range(system.chance.randint(2, 3)):
        system.call(server, tool, arguments=arguments)


def muttering(system: System) -> None:
    """Components and their neighbours complain of something else."""
    names = [*words.NEIGHBOURS, system.hub, *system.servers]
    for _ in range(system.chance.randint(1, 5)):
        level, said, data = system.pick(system.texts.mutterings)
        system.say(system.chance.choice(names), level, said, data)
        system.pause(0, 1)


def offered(system: System) -> None:
    """The host says what it offers to its model: everything."""
    if system.relays:
        given = [(system.relays[0], tool) for tool in system.held[system.relays[0]]]
    else:
        given = [(server, tool) for server in system.servers for tool in system.tools[server]]
    names = [system.prefixed(owner, tool["name"], owner) for owner, tool in given]
    told: dict[str, Any] = {"count": len(names), "names": names}
    if system.chance.random() < 0.4:
        told["limit"] = 128
    system.say(system.client, "INFO", system.pick(system.texts.offered), told)


def visited(system: System) -> None:
    """Somebody who does not log opens a connection to a server, a health check perhaps."""
    server = _server(system)
    opened, closed = system.pick(system.texts.visits)
    visitor = {"client_id": system.journal.identity(), "ip": "::ffff:127.0.0.9"}
    system.say(server, "INFO", opened, visitor)
    system.pause(0, 1)
    system.say(server, "INFO", closed, visitor)


def spoken_of(system: System) -> None:
    """A component tells of its routine in words that sound like trouble."""
    server = _server(system)
    for said, data in system.texts.routine:
        system.say(server, "INFO", said, data)


NOISES: list[Callable[[System], None]] = [
    answered_no, cancelled, slow, progress, other_methods, optional_method, messages_of_server, asked_back,
    changed_list, restarted, probed, authorised, at_once, repeated, muttering, offered, visited, spoken_of,
]  # fmt: skip
"""The noises; in a relay system they happen on its last link where they need not come from the client."""
