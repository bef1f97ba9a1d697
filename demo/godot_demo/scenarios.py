"""The scenarios by name: what is wrong, what the client calls, and what a diagnosis should find.

One more failure is one more entry. A fault is switched on by facts about the system, never by faked entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of the model."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    refuse_unlisted: bool = True
    """Whether the client refuses the call by itself when the tool is not listed, as Claude Code does."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What really is wrong: the code of INTERFACES §7's finding, who suffers, and where the fault lies."""

    code: str
    component: str
    cause_in: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run of the demo system."""

    name: str
    summary: str
    calls: tuple[Call, ...]
    moved: frozenset[str] = frozenset()
    """Backends that listen elsewhere than the relay's backends file says; at the old port nobody listens."""
    truth: Truth | None = None


_REPORT: Final = """\
# Findings

The relay was asked for **every** tool.

| backend | tools |
|---|---|
| Dewey | 6 |
| Fiedler | 6 |

```playfair-dot
digraph G { client -> relay; relay -> {gates dewey fiedler playfair} }
```
"""
_SESSION: Final = {"session_id": "investigation"}

_EVERYTHING: Final = (
    Call("fiedler_list_models"),
    Call("dewey_begin_conversation", {**_SESSION, "metadata": {"topic": "tools"}}),
    Call(
        "dewey_store_message", {**_SESSION, "role": "user", "content": "Which tools can I call? All of them?"}
    ),
    Call(
        "fiedler_send",
        {"prompt": "Every tool that is listed can be called. Nothing else can.", "model": "summariser"},
    ),
    Call(
        "dewey_store_message",
        {**_SESSION, "role": "assistant", "content": "Every tool that is listed can be called."},
    ),
    Call("dewey_get_conversation", _SESSION),
    Call("dewey_search", {"query": "listed", "limit": 5}),
    Call("playfair_list_capabilities"),
    Call("playfair_create_diagram", {"content": "digraph G { client -> relay -> gates -> playfair }"}),
    Call("gates_list_capabilities"),
    Call("gates_validate_markdown", {"markdown": _REPORT}),
    Call(
        "gates_create_document", {"markdown": _REPORT, "metadata": {"title": "Findings", "author": "client"}}
    ),
    Call("fiedler_set_key", {"provider": "example", "api_key": "sk-demo-0123456789abcdef"}),
    Call("relay_get_status"),
)

_BUG13: Final = (
    Call("dewey_begin_conversation", _SESSION),
    Call("gates_create_document", {"markdown": "# Plan\n\nOne step."}),
    Call("playfair_list_capabilities"),
    Call("gates_validate_markdown", {"markdown": "# Plan\n\nOne step."}, refuse_unlisted=False),
    Call("fiedler_list_models"),
    Call("dewey_store_message", {**_SESSION, "role": "user", "content": "Why can I not make a document?"}),
)

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (
            Scenario(
                "bug13",
                "BUG #13: after a blue/green switch Gates listens elsewhere than the relay is told",
                _BUG13,
                moved=frozenset({"gates"}),
                truth=Truth("B13", component="gates", cause_in="relay"),
            ),
            Scenario("healthy", "All backends reachable, every tool family listed and called", _EVERYTHING),
        )
    }
)
