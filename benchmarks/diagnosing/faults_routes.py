"""Faults of routing, and of what hosts make of the lists they got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diagnosing.cast import Needs
from diagnosing.consequences import refuse_at_relay
from diagnosing.plants import fault
from diagnosing.system import ANY
from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from diagnosing.system import System

__all__: list[str] = []

RELAY = ("relay", "two relays")
ROUTED = Needs(topologies=RELAY, eras=("handshake",), transports=("websocket", "http"), hub=True, others=True,
               servers=3, prefixed=True)  # fmt: skip
HOSTED = Needs(seen="whole", client=True)
HOST_ALONE = Needs(topologies=("direct",), client=True, client_whole=True)
DIRECT = ("direct",)


def _manage(system: System, verb: str, name: str, url: str | None = None) -> None:
    """The client calls one of the relay's own tools."""
    system.pause()
    tool = f"relay_{verb}_server"
    arguments = {"name": name} | ({"url": url} if url else {})
    operation = system.operation()
    path = [system.client, *system.relays]
    params = {"name": tool, "arguments": arguments}
    system.along(path, params, {"result": {"content": [{"type": "text", "text": "ok"}]}}, operation)


def _restart(system: System, without: str) -> None:
    """The relay starts again, and greets all but one."""
    system.pause(5, 40)
    for pair in [pair for pair in system.links if system.hub in pair]:
        del system.links[pair]
    system.held[system.hub] = []
    system.unreached.add(without)
    operation = system.operation()
    for server in system.servers:
        system.connect(system.hub, server, operation)
    if len(system.relays) == 1:
        for client in system.clients:
            system.greet(client, system.hub, operation)
            system.show(client, system.hub, system.held[system.hub], operation)
    else:
        system.greet(system.relays[0], system.hub, operation)
    system.wait(1)


def _family(system: System, victim: str) -> str:
    """What the names of the victim's tools call it: all that is known of a server that does not log."""
    return system.tools[victim][0]["name"].rsplit("_", 2)[0]


def _refusals(system: System, victim: str) -> str | None:
    """Calls of the victim's tools that the relay refuses; the tool if it is only one."""
    count = system.chance.randint(1, 3)
    for tool in system.tools[victim][:count]:
        refuse_at_relay(system, tool["name"])
    return system.tools[victim][0]["name"] if len(system.tools[victim][:count]) == 1 else None


@fault("B13", ROUTED)
def never_reached(system: System, victim: str) -> Iterator[None]:
    system.unreached.add(victim)
    if system.chance.random() < 0.6:
        system.announce(victim)
    if system.chance.random() < 0.3:
        said = fill(system.pick(system.texts.no_connection), port=system.ports[victim] - 1)
        url = f"ws://localhost:{system.ports[victim] - 1}"
        told = {"backend": victim, "url": url, "error": said}
        system.say(system.hub, "ERROR", system.relay_says("not_connected", server=victim), told)
    yield
    system.work(2, 8, without=(victim,))
    if system.client not in system.mute and system.chance.random() < 0.3:
        system.refuse(victim, system.tools[victim][0]["name"])
    else:
        _refusals(system, victim)
    system.expect("B13", [victim, _family(system, victim)])


@fault(
    "R02",
    Needs(
        topologies=RELAY,
        eras=("handshake",),
        transports=("websocket", "http"),
        hub=True,
        victim=True,
        others=True,
        servers=3,
        prefixed=True,
    ),
)
def came_late(system: System, victim: str) -> Iterator[None]:
    system.unreached.add(victim)
    yield
    system.work(1, 4, without=(victim,))
    system.announce(victim)
    system.pause()
    _refusals(system, victim)
    system.expect("R02", victim)


@fault("R04", ROUTED, alone=True)
def removed(system: System, victim: str) -> Iterator[None]:
    yield
    system.call(victim)
    _manage(system, "remove", victim)
    system.held[system.hub] = [tool for tool in system.held[system.hub] if tool not in system.tools[victim]]
    system.work(1, 5, without=(victim,))
    _refusals(system, victim)
    system.expect("R04", victim)


@fault(
    "B29",
    Needs(
        topologies=("relay",),
        eras=("handshake",),
        transports=("websocket", "http"),
        hub=True,
        victim=True,
        others=True,
        servers=3,
        prefixed=True,
    ),
    alone=True,
)
def not_persisted(system: System, victim: str) -> Iterator[None]:
    system.unreached.add(victim)
    yield
    system.unreached.discard(victim)
    system.announce(victim)
    _manage(system, "add", victim, f"ws://localhost:{system.ports[victim]}")
    system.connect(system.hub, victim)
    system.show(system.client, system.hub, system.held[system.hub])
    system.call(victim)
    system.work(1, 4)
    _restart(system, victim)
    system.work(1, 4, without=(victim,))
    _refusals(system, victim)
    system.expect("B29", victim)


@fault(
    "R14",
    Needs(topologies=("relay",), eras=("handshake",), words=("original",), hub=True, victim=True, servers=4),
    alone=True,
)
def somebody_else(system: System, victim: str) -> Iterator[None]:
    """A backend that does not log is connected to another one, and the relay never greeted it."""
    host = system.servers[1]
    system.unreached.add(victim)
    system.mute.add(victim)
    system.writers[victim].least = "OFF"
    for name in system.servers[1:]:
        system.mute.discard(name)
        system.writers[name].least = "TRACE"
        system.styles[name] = "dewey"
    system.styles[host] = "playfair"
    told = {"client_id": system.journal.identity(), "ip": "::ffff:127.0.0.1"}
    system.say(host, "INFO", "Client connected", told)
    system.wait(0.5)
    for name in system.servers[2:]:
        system.announce(name)
    yield
    system.work(2, 6, without=(victim,))
    system.expect("R14 B13", [ANY])


@fault(
    "R01",
    Needs(seen="calls", topologies=RELAY, prefixed=True, eras=("handshake", "stateless"), hub_whole=True),
)
def wrong_name(system: System, victim: str) -> Iterator[None]:
    yield
    system.call(victim)
    real = system.tools[victim][0]["name"]
    name = real.rsplit("_", 2)[0] + system.chance.choice(
        ["_frobnicate", "_do_everything", "_list_all_of_them"]
    )
    refuse_at_relay(system, name)
    system.expect("R01", [victim, ANY], name)


@fault("F08", Needs(seen="whole", hub=True))
def renamed(system: System, victim: str) -> Iterator[None]:
    tool = system.tools[victim][0]
    tool["name"] = system.chance.choice(["get-open_issues", "list_all-pages", "repo.search_code"])
    yield
    asked = system.chance.choice([tool["name"].replace("-", "_").replace(".", "_"), tool["name"].title()])
    if system.relays:
        refuse_at_relay(system, asked)
    else:
        system.call(victim, tool, name=asked, answer=system.fail(system.texts.unknown_tool, tool=asked))
    system.expect("F08", [victim, ANY], asked)


@fault(
    "R06",
    Needs(
        topologies=RELAY,
        eras=("handshake",),
        words=("verbatim", "arrow", "mixed"),
        transports=("websocket", "http"),
        seen="whole",
        victim=True,
        victim_whole=True,
        servers=2,
    ),
)
def old_instance(system: System, victim: str) -> Iterator[None]:
    yield
    system.call(victim)
    system.pause(3, 30)
    old = system.writers[victim]
    fresh = f"box:{system.chance.randint(100, 30000)}:{system.chance.getrandbits(32):08x}"
    before, count = old.instance, old.written
    old.instance, old.written = fresh, 0
    system.announce(victim)
    old.instance, old.written = before, count
    for _ in range(system.chance.randint(2, 4)):
        system.call(victim)
    system.expect("R06", victim)


@fault(
    "B10",
    Needs(
        topologies=("relay",),
        eras=("handshake",),
        client=True,
        client_whole=True,
        seen="whole",
        servers=3,
        transports=("websocket", "http"),
        prefixed=True,
    ),
    alone=True,
)
def not_told(system: System, victim: str) -> Iterator[None]:
    system.unreached.add(victim)
    yield
    system.unreached.discard(victim)
    system.work(1, 4, without=(victim,))
    _manage(system, "add", victim, f"ws://localhost:{system.ports[victim]}")
    system.connect(system.hub, victim)
    if system.chance.random() < 0.4:
        system.notify(system.hub, system.client, "notifications/tools/list_changed", asker=system.client)
    system.pause(6, 20)
    system.refuse(victim, system.tools[victim][0]["name"])
    system.expect("B10", victim, system.tools[victim][0]["name"])


@fault("F13", HOST_ALONE)
def told_in_vain(system: System, victim: str) -> Iterator[None]:
    fresh = system.tools[victim].pop()
    yield
    if system.era == "stateless":
        wanted = {"notifications": {"toolsListChanged": True}}
        system.ask(system.client, victim, "subscriptions/listen", wanted, None)
    system.work(1, 4)
    system.notify(victim, system.client, "notifications/tools/list_changed", asker=system.client)
    system.pause(6, 40)
    system.refuse(victim, fresh["name"])
    system.work(1, 3)
    system.expect("F13", victim, cause="")


@fault("F10", HOSTED)
def not_offered(system: System, victim: str) -> Iterator[None]:
    yield
    system.work(1, 6, without=(victim,))
    if system.chance.random() < 0.7 or system.relays:
        tool = system.tools[victim][0]["name"]
        system.open(system.client)  # what it was listed must be seen
        system.refuse(victim, tool)
        system.expect("F10", victim, tool)
    else:
        others = [server for server in system.servers if server != victim]
        names = [
            system.prefixed(server, tool["name"], server)
            for server in others
            for tool in system.tools[server]
        ]
        told = {"count": len(names), "names": names}
        system.say(system.client, "INFO", system.pick(system.texts.offered), told)
        system.work(1, 3, without=(victim,))
        system.expect("F10", victim)


@fault("F15", HOST_ALONE, alone=True)
def over_the_limit(system: System, victim: str) -> Iterator[None]:
    yield
    system.servers.remove(victim)
    system.servers.append(victim)  # it is the last that is cut off
    names = [
        (server, system.prefixed(server, tool["name"], server))
        for server in system.servers
        for tool in system.tools[server]
    ]
    limit = len(names) - 1
    told: dict[str, Any] = {"count": limit, "names": [name for _, name in names[:limit]], "limit": limit}
    system.say(system.client, "INFO", system.pick(system.texts.offered), told)
    system.work(1, 4, without=(victim,))
    if system.chance.random() < 0.7:
        system.refuse(victim, system.tools[victim][-1]["name"])
    system.expect("F15", [victim, ANY])


@fault("F33", HOST_ALONE)
def hidden(system: System, victim: str) -> Iterator[None]:
    yield
    system.work(1, 4, without=(victim,))
    tool = system.tools[victim][0]["name"]
    remarks = system.chance.choice(
        [
            {"visibility": "app"},
            {"mode": "plan", "hidden": True},
            {"deferred": True},
            {"permission": "denied"},
        ]
    )
    system.refuse(victim, tool, **remarks)
    system.expect("F33", victim, tool)


def _spoil(code: str) -> Callable[[dict[str, Any], int], None]:
    """What breaks the rule of a class in a tool."""
    schemas: dict[str, list[dict[str, Any]]] = {
        "F01": [{"anyOf": [{"type": "object"}]}, {"type": "object", "oneOf": [{}, {}], "properties": {}}],
        "F03": [{"type": "object", "properties": {"tags": {"type": "array"}}}],
        "F04": [{"type": "object"}],
        "F05": [
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {}},
            {"type": "object", "properties": {"q": {"type": "string", "x-order": 1}}},
        ],
    }

    def spoil(tool: dict[str, Any], choice: int) -> None:
        tool.pop("outputSchema", None)
        if code in schemas:
            tool["inputSchema"] = schemas[code][choice % len(schemas[code])]
        elif code == "F06":
            tool["name"] = "retrieve_the_complete_history_of_all_changes_made_to_one_document"[
                : 60 + choice % 5
            ]
        else:
            tool["name"] = ["repo.files/read", "get page", "Größe_lesen"][choice % 3]

    return spoil


def _about(text: str, keyword: str) -> bool:
    """Whether a complaint is about a keyword; `$schema` is told by its URL, too."""
    return keyword in text or (keyword == "$schema" and "https:" in text)


def _refused_list(code: str) -> None:
    @fault(code, Needs(seen="whole", client=True))
    def refused(system: System, victim: str) -> Iterator[None]:
        tool = system.tools[victim][-1]
        _spoil(code)(tool, system.chance.randint(0, 9))
        yield
        if not system.relays:
            held = [told for server in system.servers for told in system.tools[server]]
        else:
            held = system.held[system.relays[0]]
        name = tool["name"]
        if system.chance.random() < 0.4:
            name = system.prefixed(victim, name)
        # Of the two keywords of F05 the provider complains of the one that is there.
        other = "x-order" if "$schema" in tool["inputSchema"] else "$schema"
        known = system.texts.refused_lists[code]
        texts = [text for text in known if code != "F05" or not _about(text, other)]
        said = fill(system.chance.choice(texts), tool=name, place=held.index(tool))
        kind = system.chance.random()
        if kind < 0.4:
            told: dict[str, Any] = {"status": 400, "body": said}
            system.say(system.client, "ERROR", system.pick(system.texts.list_not_sent), told)
        elif kind < 0.7:
            told = {"status": 400, "error": {"type": "invalid_request_error", "message": said}}
            system.say(system.client, "ERROR", system.pick(system.texts.list_not_taken), told)
        else:
            prose = system.pick(system.texts.list_not_taken_in_prose)
            system.say(system.client, "ERROR", fill(prose, said=said))
        system.expect(code, victim, tool["name"], cause=victim)


for _code in ("F01", "F03", "F04", "F05", "F06", "F07"):
    _refused_list(_code)
