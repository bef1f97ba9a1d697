"""How right `ga.diagnose` is on random systems: one planted fault or none; precision and recall by class.

A class is found when it is the root cause. Nothing here knows the rules: the systems are written down as
their components would log them, with a fixed seed, and only the verdict is read.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import godot_analysis as ga

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = [
    "alerts",
    "archive",
    "chart",
    "city",
    "draft",
    "index",
    "letter",
    "map",
    "note",
    "price",
    "route",
    "stock",
]
NAMES = ["atlas", "bureau", "cargo", "dewey", "ember", "fiedler", "gates", "harbor"]
OUTPUT = {"type": "object", "properties": {"temp": {"type": "number"}}, "required": ["temp"]}
START = datetime(2026, 11, 21, 20, tzinfo=UTC)
HEALTHY = "healthy"


class System:
    """A random system: a host with servers of its own, or a client and a relay in front of them."""

    def __init__(self, seed: int, *, relay: bool) -> None:
        self.random = random.Random(seed)
        self.records: list[dict[str, Any]] = []
        self.now = 0.0
        self.last: Counter[tuple[str, str]] = Counter()
        self.servers = self.random.sample(NAMES, self.random.randint(2, 5))
        self.client = self.random.choice(["host", "claude-code", "client"])
        self.relay = self.random.choice(["relay", "hub"]) if relay else None
        self.hub = self.relay or self.client
        self.transport = self.random.choice(["stdio", "http", "websocket"])
        self.silent = set(self.random.sample(self.servers, self.random.choice([0, 0, 1])))
        self.tools = {
            server: [
                self.tool(f"{server}_{word}") for word in self.random.sample(WORDS, self.random.randint(2, 6))
            ]
            for server in self.servers
        }
        self.victim = self.random.choice(self.servers)

    def tool(self, name: str, **schema: Any) -> dict[str, Any]:
        """A tool with a sound schema, but for what is given."""
        held = {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}}
        return {"name": name, "description": name, "inputSchema": {**held, **schema}}

    def tell(self, component: str, level: str, message: str, **data: Any) -> None:
        """One record, a few milliseconds after the last."""
        self.now += self.random.uniform(0.0005, 0.004)
        if component not in self.silent:
            moment = (START + timedelta(seconds=self.now)).isoformat()
            self.records.append(
                {
                    "component": component,
                    "level": level,
                    "message": message,
                    "data": data,
                    "event_created_at": moment,
                }
            )

    def send(self, sender: str, receiver: str, payload: dict[str, Any]) -> None:
        """A message that both ends log."""
        whole = {"jsonrpc": "2.0", **payload}
        session = "-".join(sorted([sender, receiver]))
        shared = {"transport": self.transport, "session": session, "payload": whole}
        self.tell(sender, "TRACE", "sent", mcp={"direction": "sent", "peer": receiver, **shared})
        self.tell(receiver, "TRACE", "received", mcp={"direction": "received", "peer": sender, **shared})

    def ask(self, asker: str, asked: str, method: str, params: Any = None, answer: Any = None) -> int:
        """A request, with its answer unless `answer` is None."""
        self.last[asker, asked] += 1
        number = self.last[asker, asked]
        self.send(asker, asked, {"id": number, "method": method, "params": params or {}})
        if answer is not None:
            self.send(asked, asker, {"id": number, **answer})
        return number

    def greet(
        self, asker: str, asked: str, tools: list[dict[str, Any]] | None, capabilities: Any = None
    ) -> None:
        """A handshake, and the list of tools."""
        able = {"tools": {"listChanged": True}} if capabilities is None else capabilities
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": asker, "version": "1"},
        }
        answer = {
            "protocolVersion": "2025-06-18",
            "capabilities": able,
            "serverInfo": {"name": asked, "version": "1"},
        }
        self.ask(asker, asked, "initialize", hello, {"result": answer})
        self.send(asker, asked, {"method": "notifications/initialized"})
        if tools is not None:
            self.ask(asker, asked, "tools/list", None, {"result": {"tools": tools}})

    def start(self, *, without: str | None = None) -> None:
        """Everybody greets everybody; the model is offered all tools."""
        for server in self.servers:
            if server != without:
                self.greet(self.hub, server, self.tools[server])
        held = [tool for server in self.servers if server != without for tool in self.tools[server]]
        if self.relay:
            self.greet(self.client, self.relay, held)
        self.now += 0.5

    def call(self, server: str, tool: str | None = None, arguments: Any = None, answer: Any = None) -> None:
        """A call by the client, through the relay if there is one."""
        self.now += self.random.uniform(0.1, 2)
        good = {"result": {"content": [{"type": "text", "text": "done"}]}}
        name = tool or self.random.choice(self.tools[server])["name"]
        params = {"name": name, "arguments": {"query": "x"} if arguments is None else arguments}
        end = good if answer is None else answer
        if not self.relay:
            self.ask(self.client, server, "tools/call", params, end or None)
            return
        number = self.ask(self.client, self.relay, "tools/call", params)
        self.ask(self.relay, server, "tools/call", params, end or None)
        if end:
            self.send(self.relay, self.client, {"id": number, **end})

    def work(self, *, sparing: str | None = None) -> None:
        """Ordinary calls to all but one server."""
        for _ in range(self.random.randint(2, 12)):
            self.call(self.random.choice([server for server in self.servers if server != sparing]))

    def refuse(self, tool: str) -> None:
        """The client refuses a tool by itself."""
        owner = self.relay or self.victim
        self.tell(self.client, "ERROR", f"No such tool available: mcp__{owner}__{tool}")

    def error(self, code: int, message: str) -> dict[str, Any]:
        """The error member of an answer."""
        return {"error": {"code": code, "message": message}}

    def log(self) -> Any:
        """The log frame of all that happened."""
        return ga.from_records(self.records)


def healthy(system: System) -> None:
    system.start()
    system.work()


def unlisted(system: System) -> None:
    """B13: the relay never reached a server."""
    system.start(without=system.victim)
    system.work(sparing=system.victim)
    for tool in system.tools[system.victim][:2]:
        params = {"name": tool["name"], "arguments": {}}
        system.ask(
            system.client,
            system.hub,
            "tools/call",
            params,
            system.error(-32603, f"Unknown tool: {tool['name']}"),
        )


def wrong_name(system: System) -> None:
    """R01."""
    system.start()
    system.work()
    name = f"{system.victim}_nothing_of_the_kind"
    params = {"name": name, "arguments": {}}
    system.ask(system.client, system.hub, "tools/call", params, system.error(-32602, f"Unknown tool: {name}"))


def hangs(system: System) -> None:
    """B08."""
    system.start()
    system.work()
    system.call(system.victim, answer={})
    system.now += 60
    system.tell(system.hub, "INFO", "heartbeat")


def failing(text: str, code: int = -32603) -> Callable[[System], None]:
    """R09, R10: the call is answered with an error."""

    def plant(system: System) -> None:
        system.start()
        system.work()
        system.call(system.victim)
        system.call(system.victim, system.tools[system.victim][0]["name"], answer=system.error(code, text))

    return plant


def listed_and_unknown(system: System) -> None:
    """F09."""
    system.start()
    system.work()
    name = system.tools[system.victim][0]["name"]
    system.call(system.victim, system.tools[system.victim][1]["name"])
    system.call(system.victim, name, answer=system.error(-32602, f"Unknown tool: {name}"))


def resulting(result: dict[str, Any], **declared: Any) -> Callable[[System], None]:
    """F29, F32: the call is answered with a result that is none."""

    def plant(system: System) -> None:
        system.tools[system.victim][0].update(declared)
        system.start()
        system.work(sparing=system.victim)
        system.call(
            system.victim,
            system.tools[system.victim][0]["name"],
            answer={"result": {"content": [], **result}},
        )

    return plant


def arguing(arguments: dict[str, Any], answer: Any = None, **properties: Any) -> Callable[[System], None]:
    """F30, F31: the arguments do not fit the schema."""

    def plant(system: System) -> None:
        odd = system.tools[system.victim][0]
        odd["inputSchema"]["properties"].update(properties)
        system.start()
        system.work(sparing=system.victim)
        system.call(system.victim, odd["name"], arguments, answer)

    return plant


def refused_list(said: str, **schema: Any) -> Callable[[System], None]:
    """F01, F03, F04, F05: the provider refuses a schema."""

    def plant(system: System) -> None:
        odd = system.tools[system.victim][0]
        odd["inputSchema"] = schema
        system.start()
        system.tell(
            system.client, "ERROR", "API request failed", status=400, body=said.format(tool=odd["name"])
        )

    return plant


def renamed(system: System) -> None:
    """F08."""
    odd = system.tools[system.victim][0]
    listed = odd["name"].replace("_", "-")
    asked, odd["name"] = odd["name"], listed
    system.start()
    system.work(sparing=system.victim)
    system.call(system.victim, asked, answer=system.error(-32602, f"Unknown tool: {asked}"))


def not_offered(system: System) -> None:
    """F10."""
    system.start()
    system.work()
    system.refuse(system.tools[system.victim][0]["name"])


def told_in_vain(system: System) -> None:
    """F13."""
    system.start()
    system.work()
    system.send(system.victim, system.client, {"method": "notifications/tools/list_changed"})
    system.now += 30
    system.work()
    system.refuse(f"{system.victim}_brand_new")


def over_the_limit(system: System) -> None:
    """F15."""
    system.start()
    names = [f"mcp__{server}__{tool['name']}" for server in system.servers for tool in system.tools[server]]
    limit = len(names) - 1
    system.victim = system.servers[-1]
    system.tell(
        system.client, "INFO", "tools offered to the model", count=limit, names=names[:limit], limit=limit
    )
    system.refuse(system.tools[system.victim][-1]["name"])


def http_only(status: int, body: str) -> Callable[[System], None]:
    """F27, F28: a server is not there over HTTP."""

    def plant(system: System) -> None:
        lacking = system.servers.pop(system.servers.index(system.victim))
        system.silent = {lacking}
        system.start()
        system.ask(system.client, lacking, "initialize", {"protocolVersion": "2025-06-18"})
        where = {"method": "POST", "url": f"http://{lacking}:8000/mcp", "peer": lacking}
        system.tell(system.client, "ERROR", "HTTP request failed", status=status, body=body, **where)
        system.work()

    return plant


PLANTS: dict[str, tuple[Callable[[System], None], bool | None]] = {
    # class → how it is planted, and whether there is a relay (None: either)
    "B08": (hangs, None),
    "B13": (unlisted, True),
    "F01": (refused_list("{tool}: input_schema does not support anyOf at the top level", anyOf=[]), False),
    "F03": (refused_list("function '{tool}': array schema missing items", type="object",
                         properties={"x": {"type": "array"}}), False),
    "F04": (refused_list("function '{tool}': object schema missing properties", type="object"), False),
    "F08": (renamed, False),
    "F09": (listed_and_unknown, None),
    "F10": (not_offered, None),
    "F13": (told_in_vain, False),
    "F15": (over_the_limit, False),
    "F27": (http_only(404, "Not Found"), False),
    "F28": (http_only(421, "Invalid Host header"), False),
    "F29": (resulting({"structuredContent": {"temp": "warm"}}, outputSchema=OUTPUT), None),
    "F30": (arguing({"opts": '{"a": 1}'}, {"error": {"code": -32602, "message": "opts: invalid"}},
                    opts={"type": "object"}), None),
    "F31": (arguing({"qeury": "x"}), None),
    "F32": (resulting({"content": [{"type": "text", "text": '{"error": "upstream refused"}'}]}), None),
    "F34": (failing("Header mismatch", -32020), False),
    "R01": (wrong_name, True),
    "R09": (failing("TypeError: 'NoneType' object is not subscriptable"), None),
    "R10": (failing("query is required", -32602), None),
}  # fmt: skip


def verdict(code: str, seed: int) -> str:
    """What the diagnosis takes a random system with this fault for."""
    plant, relay = (healthy, None) if code == HEALTHY else PLANTS[code]
    system = System(seed, relay=seed % 2 == 0 if relay is None else relay)
    plant(system)
    root = ga.diagnose(system.log()).root_cause
    return HEALTHY if root is None else root.code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", type=int, default=20, help="systems of each class")
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    codes = [*PLANTS, *[HEALTHY] * 5]
    told = Counter(
        (code, verdict(code, options.seed + 1000 * place + number))
        for place, code in enumerate(codes)
        for number in range(options.systems)
    )
    print(f"{'class':8}{'systems':>9}{'recall':>9}{'precision':>11}   taken for")
    for code in PLANTS | {HEALTHY: None}:
        planted = sum(number for (truth, _), number in told.items() if truth == code)
        named = sum(number for (_, got), number in told.items() if got == code)
        hits = told[code, code]
        others = {got: number for (truth, got), number in told.items() if truth == code != got}
        print(f"{code:8}{planted:9}{hits / planted:9.2f}{hits / max(named, 1):11.2f}   {others or ''}")
    hits = sum(number for (truth, got), number in told.items() if truth == got != HEALTHY)
    planted = sum(number for (truth, _), number in told.items() if truth != HEALTHY)
    named = sum(number for (_, got), number in told.items() if got != HEALTHY)
    print(
        f"\nprecision {hits / max(named, 1):.3f}, recall {hits / planted:.3f} over {planted} faulty systems"
    )


if __name__ == "__main__":
    main()
