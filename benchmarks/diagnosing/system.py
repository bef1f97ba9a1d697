"""A random system of MCP components: everything that can happen in it, and what is to be found."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from diagnosing.cast import Cast, Needs
from diagnosing.journal import Journal
from diagnosing.styles import CALL, ROUTER_SAYS, Sight, write
from diagnosing.tools import Tool, arguments_for, make_tools, result_of, text
from diagnosing.wordlists import Coded, Wordlist, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ANY", "Expected", "Operation", "System"]

ANY: Final = "*"
_META: Final = "io.modelcontextprotocol/"
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Expected:
    """What a reader should be told: one of these codes, of one of these components, of this tool."""

    codes: frozenset[str]
    components: frozenset[str]
    tool: str | None = None
    causes: frozenset[str] = frozenset()


@dataclass
class Operation:
    """What belongs together, with the trace ids that components give it."""

    shared: str | None
    own: dict[str, str] = field(default_factory=dict)


@dataclass
class Link:
    """A connection: `number` is the last id used on it, `marks` what its ends remember."""

    transport: str
    session: str | None
    number: int = 0
    named: bool = False
    marks: dict[str, Any] = field(default_factory=dict)


class System(Cast):
    """The components, their tools and their links; every method is something that happens."""

    def __init__(self, seed: int, needs: Needs, texts: Wordlist, victims: int = 1) -> None:
        self.chance = chance = random.Random(seed)
        self.texts = texts
        self.journal = Journal(chance)
        self.expected: list[Expected] = []
        self.tolerated: set[str] = set()  # codes that would be true as well
        self.draw_axes(needs)
        self.cast(max(needs.servers, victims))
        self.victims = self.servers[:victims]
        self.dress(needs)
        self.tools: dict[str, list[Tool]] = {}
        taken: set[str] = set()
        for server in self.servers:
            prefixed = (needs.prefixed and server in self.victims) or self.words == "original"
            naming = (
                "prefixed"
                if prefixed
                else chance.choice(["prefixed", "prefixed", "plain", "camel", "dashed"])
            )
            self.tools[server] = make_tools(chance, server, chance.randint(2, 7), naming, taken)
        self.links: dict[tuple[str, str], Link] = {}
        self.held: dict[str, list[Tool]] = defaultdict(list)  # what a relay knows
        self.manners: dict[
            str, Callable[[str, str, Operation], None]
        ] = {}  # servers that are greeted otherwise
        self.unreached: set[str] = set()
        self.shown: Callable[[list[Tool]], list[Tool]] = list  # what a relay makes of its lists
        self.marked = 0.0

    # What happens

    def expect(
        self, codes: str, components: str | list[str], tool: str | None = None, cause: str = ""
    ) -> None:
        """Say what should be found: codes and components between which a reader need not tell."""
        named = [components] if isinstance(components, str) else components
        self.expected.append(
            Expected(frozenset(codes.split()), frozenset(named), tool, frozenset(cause.split()))
        )

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.journal.wait(seconds)

    def pause(self, least: float = 0.1, most: float = 3.0) -> None:
        """Let some time pass."""
        self.journal.wait(self.chance.uniform(least, most))

    def say(self, name: str, level: str, message: str, data: dict[str, Any] | None = None,
            operation: Operation | None = None) -> None:  # fmt: skip
        """An ordinary record."""
        trace = None if operation is None else self.trace_of(operation, name)
        self.journal.tell(self.writers[name], level, message, data, trace)

    def operation(self) -> Operation:
        """Something new that is done."""
        return Operation(self.journal.identity())

    def trace_of(self, operation: Operation, name: str) -> str | None:
        """The trace id under which a component logs an operation."""
        mode = self.modes.get(name, "none")
        if mode == "own":
            return operation.own.setdefault(name, self.journal.identity())
        return operation.shared if mode == "shared" else None

    def link(self, asker: str, asked: str) -> Link:
        """The connection between two components."""
        if (asker, asked) not in self.links:
            self.links[asker, asked] = self._link(asker, asked)
        return self.links[asker, asked]

    def _link(self, asker: str, asked: str) -> Link:
        transport = self.link_transport.get(asked) or self.chance.choice(
            ["stdio", "stdio", "http"] if self.era == "handshake" else ["stdio", "http"]
        )
        session = {
            "websocket": f"{self.chance.randint(32768, 60999)}>{self.ports[asked]}",
            "http": self.journal.identity() if self.era == "handshake" else None,
            "stdio": self.chance.choice([None, f"stdio-{self.chance.randint(1, 9)}"]),
        }[transport]
        if self.styles[asked] == "playfair":
            session = session or self.journal.identity()
        scheme = {"websocket": "ws", "http": "http", "stdio": "stdio"}[transport]
        link = Link(transport, session, self.chance.choice([-1, 0]), asker in self.string_ids)
        link.marks["url"] = f"{scheme}://localhost:{self.ports[asked]}"
        return link

    def number(self, asker: str, asked: str, method: str) -> int | str:
        """The id of the next request."""
        link = self.link(asker, asked)
        if self.styles[asker] == "router":
            return {"initialize": 1, "tools/list": 2}.get(method, 3)
        link.number += 1
        return f"{asker}-{link.number}" if link.named else link.number

    def move(self, sender: str, receiver: str, payload: Any, about: dict[str, Any], operation: Operation,
             *, link: Link, lost: bool = False, got: Any = None) -> None:  # fmt: skip
        """A message goes over a link, and both ends write down what they see of it."""
        for name, peer, sent in ((sender, receiver, True), (receiver, sender, False)):
            if not sent:
                self.wait(self.chance.uniform(0.0003, 0.004))
                if lost:
                    return
            seen = payload if sent or got is None else got
            trace = self.trace_of(operation, name)
            sight = Sight(sent, peer, seen, about, link.transport, link.session, trace, link.marks)
            write(self.styles[name], self.journal, self.writers[name], sight)

    def ask(  # noqa: PLR0917 - a request is all of these, in this order
        self,
        asker: str,
        asked: str,
        method: str,
        params: dict[str, Any] | None,
        answer: dict[str, Any] | None,
        operation: Operation | None = None,
        *,
        took: float | None = None,
        within: Callable[[], None] | None = None,
        lost: bool = False,
    ) -> dict[str, Any]:
        """A request, what it causes, and its answer unless that is None."""
        operation = operation or self.operation()
        request = self.send(asker, asked, method, params, operation, lost=lost)
        if within is not None:
            within()
        if answer is not None:
            self.wait(self.chance.uniform(0.001, 0.05) if took is None else took)
            self.reply(asker, asked, request, answer, operation)
        return request

    def send(self, asker: str, asked: str, method: str, params: dict[str, Any] | None, operation: Operation,
             *, lost: bool = False) -> dict[str, Any]:  # fmt: skip
        """The request alone."""
        request: dict[str, Any] = {
            "jsonrpc": "2.0",
            "id": self.number(asker, asked, method),
            "method": method,
            **self._params(asker, params),
        }
        self.move(asker, asked, request, request, operation, link=self.link(asker, asked), lost=lost)
        return request

    def reply(self, asker: str, asked: str, request: dict[str, Any], answer: dict[str, Any],
              operation: Operation, *, number: Any = None, lost: bool = False) -> None:  # fmt: skip
        """The answer alone."""
        if self.era == "stateless" and "result" in answer:
            answer = {"result": {"resultType": "complete", **answer["result"]}}
        whole = {"jsonrpc": "2.0", "id": request["id"] if number is None else number, **answer}
        self.move(asked, asker, whole, request, operation, link=self.link(asker, asked), lost=lost)

    def notify(self, sender: str, receiver: str, method: str, params: dict[str, Any] | None = None,
               *, asker: str | None = None, operation: Operation | None = None) -> None:  # fmt: skip
        """A notification, from either end of a link; `asker` is who opened it."""
        whole = {"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params})}
        opened = asker or sender
        link = self.link(opened, receiver if opened == sender else sender)
        self.move(sender, receiver, whole, whole, operation or self.operation(), link=link)

    def _params(self, asker: str, params: dict[str, Any] | None) -> dict[str, Any]:
        if self.era != "stateless":
            return {} if params is None else {"params": params}
        meta = {
            f"{_META}protocolVersion": self.version,
            f"{_META}clientInfo": {"name": asker, "version": "1"},
            f"{_META}clientCapabilities": {},
        }
        given = params or {}
        return {"params": {**given, "_meta": {**given.get("_meta", {}), **meta}}}

    # Connecting

    def start(self) -> None:
        """Servers start, everybody greets everybody, lists are given on."""
        for server in self.servers:
            if server not in self.unreached and self.chance.random() < 0.6:
                self.announce(server)
        self.wait(self.chance.uniform(0.5, 3))
        operation = self.operation()
        if not self.relays:
            for client in self.clients:
                for server in self.servers:
                    self.connect(client, server, operation)
        else:
            self._start_relays(operation)
        self.wait(1)
        self.marked = self.journal.now

    def _start_relays(self, operation: Operation) -> None:
        outer, inner = self.relays[0], self.relays[-1]
        for server in self.servers:
            self.connect(inner, server, operation)
        if outer != inner:
            self.greet(outer, inner, operation)
            self.show(outer, inner, self.held[inner], operation)
            self.held[outer] = list(self.held[inner])
        for client in self.clients:
            self.greet(client, outer, operation)
            self.show(client, outer, self.shown(self.held[outer]), operation)

    def announce(self, server: str) -> None:
        """A server says that it starts."""
        said = self.pick(self.texts.starting)
        self.say(server, "INFO", fill(said, server=server), {"host": "127.0.0.1", "port": self.ports[server]})
        self.wait(self.chance.uniform(0.01, 0.3))

    def connect(self, asker: str, server: str, operation: Operation | None = None) -> None:
        """Somebody greets a server and learns its tools, each in the manner that the fault gave it."""
        if server in self.unreached:
            return
        operation = operation or self.operation()
        self.manners.get(server, self.introduce)(asker, server, operation)

    def introduce(self, asker: str, server: str, operation: Operation) -> None:
        """The manner of a healthy server."""
        if self.styles[server] == "playfair":
            told = {"client_id": self.link(asker, server).session, "ip": "::ffff:127.0.0.1"}
            self.say(server, "INFO", "Client connected", told)
        self.greet(asker, server, operation)
        if self.tools[server]:
            self.show(asker, server, self.tools[server], operation)
            self.held[asker] += self.tools[server]

    def greet(self, asker: str, asked: str, operation: Operation | None = None, *,
              capabilities: dict[str, Any] | None = None, version: str | None = None,
              error: dict[str, Any] | None = None, confirmed: bool = True) -> None:  # fmt: skip
        """The handshake of the era, or what has taken its place."""
        has = bool(self.tools.get(asked, True))
        able = (
            ({"tools": {"listChanged": True}} if has else {"resources": {}})
            if capabilities is None
            else capabilities
        )
        if self.era == "stateless":
            known: dict[str, Any] = {"supportedVersions": [self.version], "capabilities": able}
            self.ask(asker, asked, "server/discover", None, error or {"result": known}, operation)
            return
        hello = {
            "protocolVersion": self.version,
            "capabilities": {},
            "clientInfo": {"name": asker, "version": "1"},
        }
        known = {
            "protocolVersion": version or self.version,
            "capabilities": able,
            "serverInfo": {"name": asked, "version": "1"},
        }
        self.ask(asker, asked, "initialize", hello, error or {"result": known}, operation)
        if confirmed and error is None:
            self.notify(asker, asked, "notifications/initialized", operation=operation)

    def show(self, asker: str, asked: str, tools: list[Tool], operation: Operation | None = None) -> None:
        """A list of tools is asked for and given, now and then in pages."""
        if len(tools) > 3 and self.chance.random() < 0.15:
            half = len(tools) // 2
            first = {"result": {"tools": tools[:half], "nextCursor": "page-2"}}
            self.ask(asker, asked, "tools/list", None, first, operation)
            self.ask(
                asker,
                asked,
                "tools/list",
                {"cursor": "page-2"},
                {"result": {"tools": tools[half:]}},
                operation,
            )
        else:
            self.ask(asker, asked, "tools/list", None, {"result": {"tools": tools}}, operation)

    # Calling

    def path(self, server: str, client: str | None = None) -> list[str]:
        """Who passes a call on to a server."""
        return [client or self.client, *self.relays, server]

    def call(self, server: str, tool: Tool | None = None, *, arguments: dict[str, Any] | None = None,
             answer: dict[str, Any] | None = None, answered: bool = True, client: str | None = None,
             took: float | None = None, name: str | None = None) -> Operation:  # fmt: skip
        """A call by the client, through the relays if there are any; in order unless told otherwise."""
        self.pause()
        tool = tool or self.chance.choice(self.tools[server])
        given = arguments_for(self.chance, tool) if arguments is None else arguments
        params = {"name": name or tool["name"], "arguments": given}
        end = (answer or {"result": self.result(tool)}) if answered else None
        operation = self.operation()
        self.along(self.path(server, client), params, end, operation, took)
        return operation

    def along(self, path: list[str], params: dict[str, Any], answer: dict[str, Any] | None,
              operation: Operation, took: float | None = None) -> None:  # fmt: skip
        """A call goes from hop to hop, and its answer comes back."""
        asker, asked, *rest = path
        within = (lambda: self.along([asked, *rest], params, answer, operation, took)) if rest else None
        self.ask(asker, asked, CALL, params, answer, operation, took=0.001 if rest else took, within=within)

    def work(self, least: int = 2, most: int = 10, without: tuple[str, ...] = ()) -> None:
        """Ordinary calls."""
        callable_ = [server for server in self.servers if self.tools[server] and server not in self.unreached]
        usable = [server for server in callable_ if server not in without and server not in self.left_alone]
        for _ in range(self.chance.randint(least, most) if usable else 0):
            self.call(self.chance.choice(usable), client=self.chance.choice(self.clients))

    def prefixed(self, server: str, tool: str, owner: str | None = None) -> str:
        """The name under which a host offers a tool to its model."""
        seen = owner or (self.relays[0] if self.relays else server)
        return {
            "cursor": f"mcp_{seen}_{tool}",
            "vscode": f"mcp_{seen}_{tool}",
            "codex": f"{seen}__{tool}",
            "zed": tool,
        }.get(self.client, f"mcp__{seen}__{tool}")

    def refuse(self, server: str, tool: str, **remarks: Any) -> None:
        """The client refuses a tool by itself."""
        self.pause()
        name = self.prefixed(server, tool)
        said = fill(self.pick(self.texts.refusals), name=name)
        data = self.chance.choice([None, {"tool": name}])
        self.say(self.client, "ERROR", said, {**(data or {}), **remarks} or None)

    def result(self, tool: Tool) -> dict[str, Any]:
        """A result of a tool that is in order."""
        return result_of(self.chance, tool, self.texts.nothing_wrong)

    def pick(self, entries: Sequence[_Entry]) -> _Entry:
        """One of several wordings; where there is no choice, chance is left alone."""
        return entries[0] if len(entries) == 1 else self.chance.choice(entries)

    def relay_says(self, occasion: str, **known: Any) -> str:
        """What a relay logs on an occasion: the original's has words of its own."""
        if self.styles[self.hub] == "router":
            return fill(ROUTER_SAYS[occasion], **known)
        return fill(self.pick(getattr(self.texts, occasion)), **known)

    def fail(self, texts: list[Coded], **known: Any) -> dict[str, Any]:
        """An answer that fails, in the words of some SDK."""
        code, said = self.pick(texts)
        said = fill(said, **known)
        if code is None:
            return {"result": {**text(said), "isError": True}}
        return {"error": {"code": code, "message": said}}

    def records(self) -> list[dict[str, Any]]:
        """The log as it was delivered."""
        if self.delivery == "lossy" and self.marked:
            self.journal.lose(self.marked, self.quiet_until)
        return self.journal.delivered(self.delivery)

    left_alone: tuple[str, ...] = ()
    """Servers that ordinary calls do not go to while another fault is made."""

    quiet_until: float = 0.0
    """Until when records may be lost without hiding what happened."""
