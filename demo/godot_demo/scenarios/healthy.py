"""Scenarios in which nothing is wrong, and nothing may be found."""

from __future__ import annotations

from typing import Final

from godot_demo.scenarios._plan import Again, Call, Scenario, SetLevel, Start, Stop
from godot_demo.scenarios._scripts import (
    BEGIN,
    CHECK,
    CONFIG,
    DRAW,
    EVERYTHING,
    GET,
    KEYS,
    MODELS,
    SEARCH,
    SEND,
    SESSION,
    STORE,
    VALIDATE,
)

_ROUND: Final = (MODELS, SEND, STORE, SEARCH, CHECK, CONFIG, KEYS, VALIDATE)

SCENARIOS: Final = (
    Scenario("healthy", "All backends reachable, every tool family listed and called", EVERYTHING),
    Scenario(
        "healthy-long",
        "Two hundred calls in two sessions; a list that changes and a planned restart, both told",
        (
            BEGIN,
            *_ROUND * 10,
            Stop("gates"),
            Start("gates"),
            Call("relay_reconnect_server", {"name": "gates"}),
            *_ROUND * 10,
            Again(),
            GET,
            *(*_ROUND, DRAW) * 5,
        ),
        variants={"fiedler": "Grows"},
    ),
    Scenario(
        "levels",
        "All at INFO; two requests ask for TRACE; then Dewey is set to TRACE from outside, and reset",
        (
            BEGIN,
            MODELS,
            Call("gates_create_document", {"markdown": "# Plan\n\nOne step."}, trace_log=True),
            Call(
                "dewey_store_message",
                {**SESSION, "role": "user", "content": "What is logged of this?"},
                trace_log=True,
            ),
            GET,
            SetLevel("dewey", "TRACE"),
            SEARCH,
            GET,
            SetLevel("dewey", None),
            SEARCH,
            GET,
        ),
        level="INFO",
    ),
    Scenario(
        "mute-backend",
        "Dewey works and does not log: no fault, and the diagnosis knows what it cannot see",
        (BEGIN, STORE, MODELS, GET, VALIDATE),
        variants={"dewey": "Mute"},
    ),
    Scenario(
        "many-pages",
        "Dewey lists its tools in pages, and the relay reads them all",
        (BEGIN, MODELS, Call("dewey_delete_conversation", {"session_id": "investigation"})),
        variants={"dewey": "Pages"},
    ),
)
