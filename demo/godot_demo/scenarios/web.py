"""Faults of HTTP: Dewey is served over it, all others over WebSocket."""

from __future__ import annotations

from typing import Final

from godot_demo.scenarios._plan import Call, Scenario, Start, Stop, Truth
from godot_demo.scenarios._scripts import BEGIN, CHECK, GET, MODELS, SEARCH, STORE, VALIDATE

_BLIND: Final = Call(BEGIN.tool, BEGIN.arguments, refuse_unlisted=False)

SCENARIOS: Final = (
    Scenario(
        "healthy-http",
        "Dewey is served over HTTP, and all is well",
        (BEGIN, STORE, MODELS, SEARCH, GET, VALIDATE),
        variants={"dewey": "OverHttp"},
    ),
    Scenario(
        "f26-stale-session",
        "Dewey is restarted, and the relay goes on with a session that is forgotten",
        (BEGIN, MODELS, Stop("dewey"), Start("dewey", variant="OverHttp"), SEARCH, CHECK, SEARCH),
        variants={"dewey": "OverHttp"},
        truth=Truth("F26", component="dewey", cause_in="relay"),
    ),
    Scenario(
        "f27-wrong-path",
        "The relay asks for another path than that at which Dewey is served",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "OverHttp"},
        paths={"dewey": "/sse"},
        truth=Truth("F27", component="dewey", cause_in="relay"),
    ),
    Scenario(
        "f28-host-guard",
        "Dewey knows itself under another name than the relay calls it, and refuses the Host header",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "GuardsHost"},
        truth=Truth("F28", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "no-token",
        "Dewey wants a token, and nobody has given one to the relay",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "WantsToken"},
        truth=Truth("R20", component="dewey", cause_in="relay"),
    ),
    Scenario(
        "f34-stale-header",
        "The relay names in an HTTP header another tool than the message does, and Dewey refuses it",
        (BEGIN, MODELS, STORE, CHECK),
        variants={"dewey": "OverHttp", "relay": "KeepsName"},
        truth=Truth("F34", component="dewey", cause_in="relay", tool="dewey_store_message"),
    ),
)
