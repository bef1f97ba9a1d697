"""What a scenario is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of the model. An argument like `{gates}` stands for the address of that backend."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    refuse_unlisted: bool = True
    """Whether the client refuses the call by itself when the tool is not listed, as Claude Code does."""
    abandoned_after: float | None = None
    """After so many seconds without an answer the user kills the terminal, which ends the scenario."""
    trace_log: bool = False
    """The request says `X-Trace-Log: true`, and is logged at TRACE wherever it comes."""
    revives: str | None = None
    """A backend that dies of this call, and is started anew where it was, as what it should be."""


@dataclass(frozen=True, slots=True)
class Start:
    """A backend is started: where the relay is told, or elsewhere, beside one that runs already."""

    backend: str
    elsewhere: bool = False
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A backend is stopped."""

    backend: str


@dataclass(frozen=True, slots=True)
class Again:
    """The client ends its session, and the relay with it, and begins another one with a new relay."""


@dataclass(frozen=True, slots=True)
class SetLevel:
    """The level of a component is set centrally, as `godot level set` does; None resets it."""

    component: str
    level: str | None


Step = Call | Start | Stop | Again | SetLevel


@dataclass(frozen=True, slots=True)
class Truth:
    """What really is wrong: the code of INTERFACES §7's finding, who suffers, and where the fault lies."""

    code: str
    component: str | None
    cause_in: str
    tool: str | None = None
    severity: str = "error"
    """`info` is a remark: the system is healthy."""
    consequences: frozenset[str] = frozenset()
    """Codes that may stand beside it: what cannot be seen to follow from it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run of the demo system: what happens, what of it is not as it should be, and the truth about it."""

    name: str
    summary: str
    steps: tuple[Step, ...]
    truth: Truth | None = None
    moved: frozenset[str] = frozenset()
    """Backends that listen elsewhere than the relay's backends file says; at the old port nobody listens."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Backend → the path of its URL that the relay is told, in the place of the right one."""
    late: frozenset[str] = frozenset()
    """Backends that do not run before a step starts them."""
    first: frozenset[str] = frozenset()
    """Backends that are up before any but Playfair is started."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Component → the name under which `variants` (for Gates: `gates/variants.js`) tells how it differs."""
    level: str = "TRACE"
    """At which all components log by themselves."""
    patience: float | None = None
    """Seconds that the client waits for the end of a call; as a rule it waits for ever."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls among the steps."""
        return tuple(step for step in self.steps if isinstance(step, Call))
