"""The rule table: what each kind of difference means, and whom it breaks."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = [
    "BREAKING",
    "COMPATIBLE",
    "COSMETIC",
    "JUDGEMENTS",
    "RULES",
    "Effect",
    "Rule",
    "Side",
    "Verdict",
    "View",
    "verdict",
]

BREAKING: Final = "breaking"
COMPATIBLE: Final = "compatible"
COSMETIC: Final = "cosmetic"
JUDGEMENTS: Final = (BREAKING, COMPATIBLE, COSMETIC)
"""The judgements, the worst first: the categories of `Comparison.differences.judgement`."""

Effect = Literal["narrower", "wider", "changed", "lost", "gained"]
"""What a difference does to the set of values that a schema accepts, from left to right.

`lost` and `gained` are members of an open object: still accepted, but no longer, or newly, understood.
"""
Side = Literal["input", "output"]
View = Literal["versions", "hops"]
"""`versions`: callers know the left schema and meet the right one. `hops`: they know the right, what a relay
offers them, and meet the left, what the server behind it enforces."""


class Verdict(NamedTuple):
    """A judgement, and whom the difference concerns: caller, callee, host; comma-separated."""

    judgement: str
    affects: str


class Rule(NamedTuple):
    """One kind of difference. Without a verdict of its own, its effect on the schema decides."""

    verdict: Verdict | None
    why: str
    reference: str


# Arguments flow towards a schema and results away from it, so they are judged the opposite way round, as
# parameters and results of functions are: https://en.wikipedia.org/wiki/Covariance_and_contravariance
_BY_EFFECT: Final[dict[tuple[View, Side], dict[Effect, Verdict]]] = {
    ("versions", "input"): {
        "narrower": Verdict(BREAKING, "caller"),  # what was sent so far may be refused
        "wider": Verdict(COMPATIBLE, "callee"),
        "changed": Verdict(BREAKING, "caller"),
        "lost": Verdict(BREAKING, "caller"),  # accepted and silently ignored
        "gained": Verdict(COMPATIBLE, "callee"),
    },
    ("versions", "output"): {
        "narrower": Verdict(COMPATIBLE, "callee"),
        "wider": Verdict(BREAKING, "caller"),  # what comes back may be something never seen before
        "changed": Verdict(BREAKING, "caller"),
        "lost": Verdict(BREAKING, "caller"),
        "gained": Verdict(COMPATIBLE, "caller"),
    },
    ("hops", "input"): {
        "narrower": Verdict(COMPATIBLE, "caller"),
        "wider": Verdict(BREAKING, "callee"),  # callers are told they may send what the server refuses
        "changed": Verdict(BREAKING, "callee"),
        "lost": Verdict(COMPATIBLE, "caller"),
        "gained": Verdict(COMPATIBLE, "callee"),
    },
    ("hops", "output"): {
        "narrower": Verdict(BREAKING, "caller"),  # a caller that validates refuses what the server answers
        "wider": Verdict(COMPATIBLE, "caller"),
        "changed": Verdict(BREAKING, "caller"),
        "lost": Verdict(COMPATIBLE, "caller"),
        "gained": Verdict(COMPATIBLE, "caller"),
    },
}

_CORE: Final = "JSON Schema 2020-12 Core §"
_VALIDATION: Final = "JSON Schema 2020-12 Validation §"
_TOOLS: Final = "MCP specification, Tools"
_LIFECYCLE: Final = "MCP specification, Lifecycle"
_BREAKS_CALLER: Final = Verdict(BREAKING, "caller")
_HARMLESS: Final = Verdict(COSMETIC, "")

RULES: Final[dict[str, Rule]] = {
    # Schemas, judged by their effect
    "type": Rule(None, "values of other types are accepted", _VALIDATION + "6.1.1"),
    "enum": Rule(None, "other values are accepted", _VALIDATION + "6.1.2"),
    "limit": Rule(None, "the range or length that is accepted differs", _VALIDATION + "6.2"),
    "required": Rule(None, "what has to be there differs", _VALIDATION + "6.5.3"),
    "property added": Rule(None, "a member that the other does not know", _CORE + "10.3.2.1"),
    "property removed": Rule(None, "a member that the other knows is gone", _CORE + "10.3.2.1"),
    "additional properties": Rule(
        None, "members nobody described are treated differently", _CORE + "10.3.2.3"
    ),
    "items": Rule(None, "what an array may hold differs", _CORE + "10.3.1.2"),
    "alternatives": Rule(None, "the alternatives differ", _CORE + "10.2.1"),
    "condition": Rule(None, "a further condition differs", _CORE + "10.2"),
    "schema": Rule(None, "one of them is no schema that can be read", _CORE + "4.3"),
    # Schemas, judged for what they are
    "dangling reference": Rule(
        Verdict(BREAKING, "caller,callee,host"),
        "a $ref points to a definition that is not there, as when a hop strips $defs",
        "F02: davideast/stitch-mcp#184, anthropics/claude-code#76040",
    ),
    "repaired reference": Rule(
        Verdict(COMPATIBLE, "caller,callee,host"),
        "a $ref that pointed nowhere finds its definition",
        "F02: davideast/stitch-mcp#184, anthropics/claude-code#76040",
    ),
    "format": Rule(
        Verdict(COMPATIBLE, "callee"),
        "a format is a remark unless a validator asserts it",
        _VALIDATION + "7.2",
    ),
    "default": Rule(
        Verdict(COMPATIBLE, "caller"), "leaving the value out means something else", _VALIDATION + "9.2"
    ),
    "dialect": Rule(
        Verdict(COMPATIBLE, "host"),
        "strict hosts know one dialect only",
        "F05: modelcontextprotocol/csharp-sdk#342",
    ),
    "definition": Rule(_HARMLESS, "a definition that matters shows where it is referred to", _CORE + "8.2.4"),
    "wording": Rule(_HARMLESS, "words for people and models", _VALIDATION + "9.1"),
    "unknown keyword": Rule(_HARMLESS, "keywords nobody knows are remarks", _CORE + "6.5"),
    # Tools
    "tool added": Rule(Verdict(COMPATIBLE, "host"), "callers do not know it yet", _TOOLS),
    "tool removed": Rule(_BREAKS_CALLER, "callers that know it get “unknown tool”", _TOOLS),
    "tool renamed": Rule(
        _BREAKS_CALLER,
        "callers use the old name",
        "F08: anthropics/claude-code#80065, RooCodeInc/Roo-Code#10642",
    ),
    "output schema added": Rule(
        Verdict(COMPATIBLE, "callee"),
        "results must now carry structuredContent",
        "F29: MCP specification, Tools",
    ),
    "output schema removed": Rule(
        _BREAKS_CALLER, "callers may rely on structuredContent", "F29: MCP specification, Tools"
    ),
    "hints": Rule(
        Verdict(COMPATIBLE, "host"),
        "hosts ask for confirmation by these hints",
        "MCP specification, ToolAnnotations",
    ),
    "order": Rule(_HARMLESS, "the same tools in another order", _TOOLS),
    "host rule broken": Rule(None, "a common host refuses or drops what breaks this rule", ""),
    "host rule kept": Rule(Verdict(COMPATIBLE, "host"), "a rule of a common host is kept at last", ""),
    # Handshake
    "capability added": Rule(Verdict(COMPATIBLE, "host"), "peers do not know it yet", _LIFECYCLE),
    "capability removed": Rule(
        _BREAKS_CALLER, "peers that rely on it are let down", "F11: anthropics/claude-code#34494"
    ),
    "capability": Rule(Verdict(COMPATIBLE, "host"), "a detail of a capability differs", _LIFECYCLE),
    "protocol version": Rule(
        Verdict(COMPATIBLE, "host"), "hosts that know one version only refuse the other", "F17: " + _LIFECYCLE
    ),
    "protocol era": Rule(
        Verdict(BREAKING, "host"),
        "a handshake with sessions and stateless requests do not understand each other",
        "F18: modelcontextprotocol/rust-sdk#1040",
    ),
    "handshake shape": Rule(
        Verdict(BREAKING, "host"), "the answer to initialize lacks what MCP requires", _LIFECYCLE
    ),
    "server info": Rule(_HARMLESS, "name and version of the server", _LIFECYCLE),
    "extension": Rule(_HARMLESS, "a member that MCP leaves free", _LIFECYCLE),
    # What components did, as far as the log tells
    "never reached": Rule(
        _BREAKS_CALLER, "nobody opened a connection to it, so none of its tools can be called", "BUG #13"
    ),
    "not answered": Rule(Verdict(BREAKING, "caller,host"), "the same request fails at one of them", ""),
    "not asked": Rule(Verdict(COMPATIBLE, "host"), "one of them was never asked", ""),
    "not logged": Rule(Verdict(COSMETIC, ""), "the log does not show it for one of them", ""),
    "calls fail": Rule(_BREAKS_CALLER, "calls to one of them never succeed", ""),
    "calls": Rule(Verdict(COMPATIBLE, "caller"), "calls end differently", ""),
    "style": Rule(_HARMLESS, "the same thing said in another way", ""),
    "transport": Rule(_HARMLESS, "spoken to over another transport", ""),
    # Traces
    "missing message": Rule(_BREAKS_CALLER, "its cause is in both traces, and it did not follow", ""),
    "extra message": Rule(
        Verdict(COMPATIBLE, "callee"), "its cause is in both traces, and it came on top", ""
    ),
    "other input": Rule(Verdict(COMPATIBLE, "caller"), "something else was asked for", ""),
    "outcome": Rule(_BREAKS_CALLER, "the same request ended worse", ""),
    "better outcome": Rule(Verdict(COMPATIBLE, "caller"), "the same request ended better", ""),
    "error": Rule(Verdict(COMPATIBLE, "caller"), "another error", ""),
    "argument": Rule(Verdict(COMPATIBLE, "caller"), "asked with other arguments", ""),
    "result shape": Rule(_BREAKS_CALLER, "the same request got an answer of another shape", ""),
    "result": Rule(Verdict(COMPATIBLE, "caller"), "another answer", ""),
    "slower": Rule(
        Verdict(COMPATIBLE, "caller"), "at least 100 ms and twice as long", "kerlenton/mcpsnoop: diff"
    ),
    "faster": Rule(
        Verdict(COMPATIBLE, "caller"), "at least 100 ms and half as long", "kerlenton/mcpsnoop: diff"
    ),
    "moved": Rule(_HARMLESS, "the same messages in another order", ""),
    "component renamed": Rule(_HARMLESS, "the same part under another name", ""),
}
"""Every kind of difference, with its verdict, what it means and where that comes from."""


def verdict(
    kind: str, effect: Effect | None = None, side: Side = "input", view: View = "versions"
) -> Verdict:
    """The verdict of a kind of difference, by its effect where it has none of its own.

    >>> verdict("required", "narrower", "input"), verdict("required", "narrower", "output").judgement
    (Verdict(judgement='breaking', affects='caller'), 'compatible')
    """
    own = RULES[kind].verdict
    if own is not None:
        return own
    return _BY_EFFECT[view, side][effect or "changed"]
