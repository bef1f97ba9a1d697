"""Who is there in a random system, and what each of them writes down, so that a fault can be seen at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from diagnosing import words
from diagnosing.journal import Journal, Writer
from diagnosing.styles import WHOLE

if TYPE_CHECKING:
    import random

__all__ = ["Cast", "Needs"]

_VERSIONS: Final = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
_STATELESS: Final = "2026-07-28"


@dataclass(frozen=True)
class Needs:
    """What a log must be able to show of a fault, so that anybody could find it.

    `seen` is how the link between the victim and whoever greets it must be told by one of its ends: `whole`
    (lists and handshakes too), or at least the `calls`. The others say who must write at all.
    """

    topologies: tuple[str, ...] = ("direct", "relay", "two relays")
    eras: tuple[str, ...] = ("handshake", "stateless")
    words: tuple[str, ...] = ("verbatim", "arrow", "original", "mixed")
    transports: tuple[str, ...] = ("stdio", "http", "websocket")
    seen: str = ""
    client: bool = False
    client_whole: bool = False
    hub: bool = False
    hub_whole: bool = False
    victim: bool = False
    victim_whole: bool = False
    others: bool = False  # the other servers write, or the hub tells of them
    prefixed: bool = False
    servers: int = 2


class Cast:
    """The components of a system: their kind, their names, their clocks and their styles."""

    chance: random.Random
    journal: Journal
    victims: list[str]

    def draw_axes(self, needs: Needs) -> None:
        """Choose the kind of system, within what the fault needs."""
        chance = self.chance
        self.topology = chance.choice(needs.topologies)
        self.words = chance.choice(needs.words)
        eras = ["handshake"] if self.words == "original" and "handshake" in needs.eras else list(needs.eras)
        self.era = chance.choice(eras)
        if self.era == "stateless" and self.words == "original":
            self.words = "verbatim"
        self.sides = chance.choice(["both", "both", "asking", "answering", "some"])
        self.tracing = chance.choice(["shared", "own", "none", "mixed"])
        self.clocks = chance.choice(["true", "true", "skewed"])
        self.delivery = chance.choice(["in order", "in order", "shuffled", "doubled", "lossy"])
        self.transports = [
            name for name in needs.transports if self.era == "handshake" or name != "websocket"
        ]
        self.version = _STATELESS if self.era == "stateless" else chance.choice(_VERSIONS)

    def cast(self, least: int) -> None:
        """Choose the components."""
        chance = self.chance
        count = chance.randint(max(1, least), 6)
        self.servers = chance.sample(words.SERVERS, count)
        relays = {"direct": 0, "relay": 1, "two relays": 2}[self.topology]
        self.relays = chance.sample(words.RELAYS, relays)
        clients = 1 if chance.random() < 0.75 else chance.randint(2, 3)
        self.clients = chance.sample(words.CLIENTS, clients)
        self.client = self.clients[0]
        self.hub = self.relays[-1] if self.relays else self.client
        self.link_transport = {server: chance.choice(self.transports) for server in self.servers}
        names = [*self.clients, *self.relays, *self.servers]
        self.ports = {name: chance.randint(3000, 9990) for name in names}
        self.string_ids = {name for name in self.clients if chance.random() < 0.1}

    def dress(self, needs: Needs) -> None:
        """Choose how each component logs, so that what the fault needs is seen by somebody."""
        chance = self.chance
        names = [*self.clients, *self.relays, *self.servers]
        self.styles = {name: self._style(name) for name in names}
        asking = {*self.clients, *self.relays}
        silent = {
            "both": set(),
            "asking": set(self.servers),
            "answering": asking,
            "some": set(chance.sample(names, chance.randint(1, max(1, len(names) // 2)))),
        }[self.sides]
        self.mute = set(silent)
        for name in silent:
            self.styles[name] = "silent"
        for victim in self.victims:
            self._meet(needs, victim)
        skewed = self.clocks == "skewed"
        self.writers = {}
        for name in [*names, *words.NEIGHBOURS]:
            remote = skewed and name in self.servers and self.link_transport[name] != "stdio"
            self.writers[name] = Writer(
                name,
                offset=chance.uniform(-3, 3) if remote else 0.0,
                drift=chance.uniform(-1e-4, 1e-4) if remote else 0.0,
                least="OFF" if name in self.mute else "TRACE",
                numbered=self.styles.get(name) in WHOLE
                or (self.words != "original" and chance.random() < 0.5),
                instance=f"box:{chance.randint(100, 30000)}:{chance.getrandbits(32):08x}",
            )
        self.modes = {
            name: self.tracing if self.tracing != "mixed" else chance.choice(["shared", "own", "none"])
            for name in names
        }
        for name, style in self.styles.items():
            if style == "router":
                self.modes[name] = "own"
        self.journal.late = self.words == "original"

    def _style(self, name: str) -> str:
        if self.words in WHOLE:
            return self.words
        original = self.chance.choice(["gates", "dewey", "playfair"])
        if self.words == "original":
            return "router" if name in self.relays else "silent" if name in self.clients else original
        kind = ["router"] if name in self.relays else [] if name in self.clients else [original]
        if self.era == "stateless":
            kind = []
        return self.chance.choice(["verbatim", "verbatim", "arrow", *kind])

    def _meet(self, needs: Needs, victim: str) -> None:
        ends = [self.hub, victim]
        styles = {self.styles[end] for end in ends}
        enough = {*WHOLE, "router"} if needs.seen == "calls" else set(WHOLE)
        if needs.seen and not styles & enough:
            open_ = [end for end in ends if end not in self.mute] or ends
            self.open(self.chance.choice(open_))
        for name, wanted in ((self.client, needs.client_whole), (self.hub, needs.hub_whole),
                             (victim, needs.victim_whole)):  # fmt: skip
            if wanted and self.styles[name] not in WHOLE:
                self.open(name)
        for name, wanted in ((self.client, needs.client), (self.hub, needs.hub), (victim, needs.victim)):
            if wanted and name in self.mute:
                self.mute.discard(name)
                self.styles[name] = self._style(name)
        if needs.others and not styles & set(WHOLE) and self.styles[self.hub] not in WHOLE:
            for server in self.servers:
                if server in self.mute and server != victim:
                    self.mute.discard(server)
                    self.styles[server] = self._style(server)

    def open(self, name: str) -> None:
        """Let a component write down its messages word for word."""
        self.mute.discard(name)
        self.styles[name] = "arrow" if self.words == "arrow" else "verbatim"
