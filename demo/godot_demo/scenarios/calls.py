"""Faults of calls: of their arguments, of their results, and of what runs between."""

from __future__ import annotations

from typing import Final

from godot_demo.scenarios._plan import Call, Scenario, Truth
from godot_demo.scenarios._scripts import (
    BEGIN,
    CHECK,
    CONFIG,
    GET,
    KEYS,
    MODELS,
    SEARCH,
    SEND,
    SESSION,
    STORE,
    VALIDATE,
)

_DELETE: Final = Call("dewey_delete_conversation", SESSION)

SCENARIOS: Final = (
    Scenario(
        "f09-unknown-at-call",
        "Fiedler lists a tool, and does not know it when it is called",
        (BEGIN, MODELS, KEYS, SEND),
        variants={"fiedler": "ForgetsAtCall"},
        truth=Truth("F09", component="fiedler", cause_in="fiedler", tool="fiedler_list_keys"),
    ),
    Scenario(
        "asks-back",
        "Fiedler asks the user before it lists its keys, and the relay cannot pass that on",
        (MODELS, KEYS, BEGIN, CHECK),
        variants={"fiedler": "AsksBack"},
        truth=Truth("R21", component="fiedler", cause_in="fiedler", tool="fiedler_list_keys"),
    ),
    Scenario(
        "f25-time-out",
        "Fiedler needs longer than the client waits",
        (BEGIN, SEND, GET),
        variants={"fiedler": "Slow"},
        patience=1.0,
        truth=Truth("F25", component="fiedler", cause_in="fiedler", tool="fiedler_send"),
    ),
    Scenario(
        "f29-output-schema",
        "Fiedler declares an output schema and answers with text: the relay throws the answer away",
        (BEGIN, CONFIG, MODELS),
        variants={"fiedler": "PromisesStructure"},
        truth=Truth("F29", component="fiedler", cause_in="fiedler", tool="fiedler_get_config"),
    ),
    Scenario(
        "f29-output-schema-gates",
        "The same in Gates, where the SDK of the server notices and answers with an error",
        (BEGIN, VALIDATE, Call("gates_list_capabilities")),
        variants={"gates": "PromisesStructure"},
        truth=Truth("F29", component="gates", cause_in="gates", tool="gates_list_capabilities"),
    ),
    Scenario(
        "f30-text-argument",
        "The host puts an object into JSON twice, and Dewey refuses the text",
        (MODELS, Call(BEGIN.tool, {**SESSION, "metadata": {"topic": "tools"}}), CHECK),
        variants={"client": "EncodesTwice"},
        truth=Truth("F30", component="dewey", cause_in="client", tool="dewey_begin_conversation"),
    ),
    Scenario(
        "f31-ignored-argument",
        "A misspelt argument is ignored, and the answer is right for another question",
        (BEGIN, STORE, Call(SEARCH.tool, {"query": "all", "limt": 1}), MODELS),
        variants={"dewey": "OpenSchema"},
        truth=Truth("F31", "dewey", cause_in="client", tool="dewey_search", severity="warning"),
    ),
    Scenario(
        "f32-hidden-failure",
        "Dewey cannot store a message, and says so in a result that is marked as a success",
        (BEGIN, MODELS, STORE, CHECK),
        variants={"dewey": "HidesFailures"},
        truth=Truth("F32", component="dewey", cause_in="dewey", tool="dewey_store_message"),
    ),
    Scenario(
        "shapeless-result",
        "The parts of Fiedler's results do not say what they are, and the relay throws the results away",
        (BEGIN, MODELS, GET),
        variants={"fiedler": "ShapelessResult"},
        truth=Truth("R18", component="fiedler", cause_in="fiedler", tool="fiedler_list_models"),
    ),
    Scenario(
        "shapeless-request",
        "The relay sends arguments as one text; the backends cannot read such a request",
        (BEGIN, MODELS, CHECK),
        variants={"relay": "TextArguments"},
        truth=Truth("R19", component="dewey", cause_in="relay"),
    ),
    Scenario(
        "bug28",
        "BUG #28: Dewey puts a date into a result, for which JSON has no form",
        (BEGIN, MODELS, _DELETE, CHECK),
        variants={"dewey": "AnswersWithDates"},
        truth=Truth("B28", component="dewey", cause_in="dewey", tool="dewey_delete_conversation"),
    ),
    Scenario(
        "bug-inside",
        "Dewey breaks while it runs one tool",
        (BEGIN, MODELS, _DELETE, GET),
        variants={"dewey": "HasBug"},
        truth=Truth("R09", component="dewey", cause_in="dewey", tool="dewey_delete_conversation"),
    ),
    Scenario(
        "wrong-arguments",
        "The model calls a tool without an argument that it needs",
        (BEGIN, Call(STORE.tool, {**SESSION, "content": "All of them?"}), MODELS),
        truth=Truth("R10", component="dewey", cause_in="client", tool="dewey_store_message"),
    ),
)
