"""Faults of frames, of the handshake and of the stdio channel."""

from __future__ import annotations

from typing import Final

from godot_demo.scenarios._plan import Call, Scenario, Truth
from godot_demo.scenarios._scripts import BEGIN, CHECK, MODELS, VALIDATE

_BLIND: Final = Call(BEGIN.tool, BEGIN.arguments, refuse_unlisted=False)
_BIG: Final = " ".join(f"a{number} -> b{number};" for number in range(20))

SCENARIOS: Final = (
    Scenario(
        "f11-no-capability",
        "Dewey does not declare that it has tools, so nobody asks for them",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "DeclaresNoTools"},
        truth=Truth("F11", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "f17-version",
        "Dewey rejects the protocol version that the relay offers",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "RejectsVersion"},
        truth=Truth("F17", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "no-handshake",
        "Dewey cannot open its store and answers every handshake with an error",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "CannotOpenStore"},
        truth=Truth("R20", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "f18-no-fallback",
        "The relay speaks the newer protocol alone; Gates does not know it, the others do",
        (MODELS, BEGIN, Call(VALIDATE.tool, VALIDATE.arguments, refuse_unlisted=False)),
        variants={"relay": "NewEraOnly"},
        truth=Truth("F18", component="gates", cause_in="relay"),
    ),
    Scenario(
        "f19-unconfirmed",
        "The relay does not confirm its handshakes, and Dewey insists on that",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"relay": "NeverConfirms", "dewey": "InsistsOnConfirmation"},
        truth=Truth("F19", component="dewey", cause_in="relay"),
    ),
    Scenario(
        "f20-stdout",
        "A print in the relay ends up between the messages on its stdout",
        (MODELS, BEGIN, CHECK),
        variants={"relay": "Prints"},
        truth=Truth("F20", component="relay", cause_in="relay", severity="warning"),
    ),
    Scenario(
        "f21-cut-frame",
        "Playfair writes no more than 4,096 bytes of a message, and the relay waits for the rest",
        (
            CHECK,
            MODELS,
            Call("playfair_create_diagram", {"content": f"digraph G {{ {_BIG} }}"}, abandoned_after=2.0),
        ),
        variants={"playfair": "CutsFrames"},
        truth=Truth("F21", component="playfair", cause_in="playfair"),
    ),
    Scenario(
        "f22-content-length",
        "The relay frames its messages as language servers do; the client waits, then gives up",
        (MODELS, BEGIN),
        variants={"relay": "ContentLength"},
        truth=Truth("F22", component="relay", cause_in="relay", consequences=frozenset({"R13"})),
    ),
    Scenario(
        "f23-text-ids",
        "Dewey answers a call under its id as text, and the relay waits for the number",
        (MODELS, CHECK, Call(BEGIN.tool, BEGIN.arguments, abandoned_after=2.0)),
        variants={"dewey": "TextIds", "relay": "StrictIds"},
        truth=Truth("F23", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "f24-answered-notification",
        "Dewey answers a notification, and the relay closes the connection over it",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "AnswersNotifications", "relay": "StrictAnswers"},
        truth=Truth("F24", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "shapeless-tool",
        "Dewey lists a tool without a schema, and the relay throws the whole list away",
        (MODELS, _BLIND, CHECK, VALIDATE),
        variants={"dewey": "ShapelessTool"},
        truth=Truth("R17", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "bug11",
        "BUG #11: Dewey answers a call with the bare result, and the relay waits for a message",
        (MODELS, CHECK, Call(BEGIN.tool, BEGIN.arguments, abandoned_after=2.0)),
        variants={"dewey": "BareResults"},
        truth=Truth("B11", component="dewey", cause_in="dewey"),
    ),
)
