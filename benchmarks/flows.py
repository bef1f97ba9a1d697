"""How fast the normal form, the reconstruction and the diagnosis are, and how they grow with the log (P-6).

The log is that of one system, written with a fixed seed: a client, a relay, five servers, both ends of every
message logged, lists of tools now and then, a call in a hundred that fails. It is measured twice: with `data`
decoded, as a file is read, and with `data` still text, as the database and Parquet deliver it, each in a
process of its own. Beside it stands what msgspec needs to decode the same text, and nothing else.
"""

from __future__ import annotations

import argparse
import math
import random
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

import godot_analysis as ga
from godot_analysis.collection import collection_paused
from godot_analysis.columns import LOGS
from godot_analysis.loading.frames import frame, transposed
from godot_analysis.loading.json_array import JsonArray

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

SERVERS = ("gates", "dewey", "fiedler", "playfair", "horace")
START_US = 1_790_000_000_000_000
LIMITS = {"reconstruct": 5.0, "diagnose": 10.0}
STEPS = tuple(LIMITS)
COLUMNS = (
    "id",
    "trace_id",
    "component",
    "level",
    "message",
    "data",
    "event_created_at",
    "instance",
    "seq",
)


class System:
    """A system at work, and what its components log."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: list[tuple[Any, ...]] = []
        self.messages = 0
        self.now = START_US
        self.numbers: dict[Any, int] = {}
        self.tools = {server: [self.tool(f"{server}_tool{n}") for n in range(6)] for server in SERVERS}
        for server in SERVERS:
            self.greet("relay", server, self.tools[server])
        self.greet("client", "relay", [tool for server in SERVERS for tool in self.tools[server]])

    def tool(self, name: str) -> dict[str, Any]:
        """A tool with a schema of usual size."""
        properties = {"query": {"type": "string", "description": "what " * 6}, "limit": {"type": "integer"}}
        schema = {"type": "object", "properties": properties, "required": ["query"]}
        return {"name": name, "description": "does something useful " * 8, "inputSchema": schema}

    def uuid(self) -> str:
        """A random id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def next(self, key: Any) -> int:
        """1, 2, 3 … for each key."""
        self.numbers[key] = self.numbers.get(key, 0) + 1
        return self.numbers[key]

    def tell(self, component: str, message: str, data: Any, trace: str | None) -> None:
        """One record, shortly after the last."""
        self.now += self.random.randint(200, 900)
        process = f"host:{component}:1"
        self.rows.append(
            (
                self.uuid(),
                trace,
                component,
                "TRACE",
                message,
                data,
                self.now,
                process,
                self.next(process),
            )
        )

    def send(self, sender: str, receiver: str, payload: dict[str, Any], trace: str | None = None) -> None:
        """A message that both ends log, each with a copy of its own as it is read from a file."""
        raw = msgspec.json.encode({"jsonrpc": "2.0", **payload})
        session = "-".join(sorted((sender, receiver)))
        for observer, direction, peer in ((sender, "sent", receiver), (receiver, "received", sender)):
            shown = {
                "direction": direction,
                "peer": peer,
                "transport": "websocket",
                "session": session,
                "payload": msgspec.json.decode(raw),
            }
            self.tell(observer, f"{direction} {peer}", {"mcp": shown}, trace)
        self.messages += 2

    def greet(self, asker: str, asked: str, tools: list[dict[str, Any]]) -> None:
        """A handshake, and the list of tools."""
        version = {"protocolVersion": "2025-06-18"}
        hello = {**version, "capabilities": {}, "clientInfo": {"name": asker, "version": "1"}}
        answer = {
            **version,
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": asked, "version": "1"},
        }
        number = self.next((asker, asked))
        self.send(asker, asked, {"id": number, "method": "initialize", "params": hello})
        self.send(asked, asker, {"id": number, "result": answer})
        self.send(asker, asked, {"method": "notifications/initialized"})
        self.list_tools(asker, asked, tools)

    def list_tools(self, asker: str, asked: str, tools: list[dict[str, Any]]) -> None:
        """A list of tools, asked for and answered."""
        number = self.next((asker, asked))
        self.send(asker, asked, {"id": number, "method": "tools/list", "params": {}})
        self.send(asked, asker, {"id": number, "result": {"tools": tools}})

    def call(self) -> None:
        """One call through the relay."""
        server = self.random.choice(SERVERS)
        query = "find " + "words " * self.random.randint(5, 60)
        arguments = {"query": query, "limit": self.random.randint(1, 50)}
        params = {"name": self.random.choice(self.tools[server])["name"], "arguments": arguments}
        trace, outer, inner = self.uuid(), self.next(("client", "relay")), self.next(("relay", server))
        self.send("client", "relay", {"id": outer, "method": "tools/call", "params": params}, trace)
        self.send("relay", server, {"id": inner, "method": "tools/call", "params": params}, trace)
        if self.random.random() < 0.05:
            progress = {"progressToken": inner, "progress": 0.5}
            self.send(server, "relay", {"method": "notifications/progress", "params": progress}, trace)
        text = "result " * self.random.randint(3, 80)
        answer: dict[str, Any] = {"result": {"content": [{"type": "text", "text": text}], "isError": False}}
        if self.random.random() < 0.01:
            answer = {"error": {"code": -32602, "message": "query is required"}}
        self.send(server, "relay", {"id": inner, **answer}, trace)
        self.send("relay", "client", {"id": outer, **answer}, trace)
        if outer % 500 == 0:
            self.list_tools("relay", server, self.tools[server])
        self.now += self.random.randint(1_000, 40_000)


def log(messages: int) -> pd.DataFrame:
    """A log frame of about so many observed messages."""
    system = System(seed=6)
    while system.messages < messages:
        system.call()
    return frame(transposed(system.rows, COLUMNS), LOGS)


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def explained(logs: pd.DataFrame) -> dict[str, float]:
    """Seconds until the flow is rebuilt, until it is diagnosed as well, and MiB that took at most."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    flows: list[ga.Flow] = []
    rebuilt = seconds(lambda: flows.append(ga.reconstruct(logs)))
    diagnosed = rebuilt + seconds(lambda: ga.diagnose(flows[0]))
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"reconstruct": rebuilt, "diagnose": diagnosed, "MiB": more}


def of_values(messages: int) -> dict[str, float]:
    """What the decoded log takes."""
    return explained(log(messages))


def of_text(messages: int) -> dict[str, float]:
    """What the log takes whose `data` are still text."""
    logs = log(messages)
    texts = [msgspec.json.encode(data).decode() for data in logs["data"]]
    logs = logs.assign(data=JsonArray.from_texts(texts))
    del texts
    took = explained(logs)
    return {f"{step}, text": took[step] for step in STEPS}


def of_parts(messages: int) -> dict[str, float]:
    """What the normal form takes alone, and msgspec to decode the same data."""
    logs = log(messages)
    texts = [msgspec.json.encode(data).decode() for data in logs["data"]]
    decode = msgspec.json.Decoder().decode
    with collection_paused():
        decoding = seconds(lambda: [decode(text) for text in texts])
    return {"decoding": decoding, "messages": seconds(lambda: ga.messages(logs))}


def measured(work: Callable[[int], dict[str, float]], messages: int) -> dict[str, float]:
    """What some work takes in a process of its own, as in a script: nothing of earlier runs is in memory."""
    ga.messages(log(100))  # what is loaded late is loaded now
    return work(messages)


def medians(messages: int, rounds: int) -> dict[str, float]:
    """The median of each figure over so many rounds."""
    took: dict[str, list[float]] = {}
    alone = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
    with alone:
        for _ in range(rounds):
            for work in (of_parts, of_values, of_text):
                for name, figure in alone.submit(measured, work, messages).result().items():
                    took.setdefault(name, []).append(figure)
    return {name: statistics.median(figures) for name, figures in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is printed")
    options = parser.parse_args()
    names = ("decoding", "messages", *(step + form for form in ("", ", text") for step in STEPS))
    print(f"{'seconds for':>12}" + "".join(f"{name:>20}" for name in names) + f"{'MiB more':>10}")
    found = {}
    for count in options.messages:
        took = found[count] = medians(count, options.rounds)
        cells = "".join(f"{took[name]:20.2f}" for name in names)
        print(f"{count:12,}{cells}{took['MiB']:10.0f}", flush=True)
    least, most = min(found), max(found)
    if least < most:
        for name in names:
            growth = math.log(found[most][name] / found[least][name]) / math.log(most / least)
            print(f"{name}: time grows with the power {growth:.2f} of the messages (1 is linear)")
    for step, limit in LIMITS.items():
        mine, text = found[most][step], found[most][f"{step}, text"]
        print(f"{step} of {most:,}: {mine:.1f} s, of text {text:.1f} s; limit for 1,000,000: {limit:.0f} s")


if __name__ == "__main__":
    main()
