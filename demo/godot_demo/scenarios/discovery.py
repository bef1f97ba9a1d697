"""Faults of lists, of what is in them, and of what a host makes of them."""

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
        "f01-union-root",
        "The schema of a tool is a choice at its root, and the host leaves the tool out",
        (BEGIN, MODELS, SEARCH, GET),
        variants={"dewey": "UnionRoot", "client": "DropsUnions"},
        truth=Truth("F01", component="dewey", cause_in="dewey", tool="dewey_search"),
    ),
    Scenario(
        "f02-stripped-definitions",
        "The relay drops $defs and keeps $ref, so the model guesses an argument wrongly",
        (BEGIN, MODELS, Call(STORE.tool, {**STORE.arguments, "role": {"name": "user"}}), GET),
        variants={"dewey": "SharedDefinitions", "relay": "StripsDefinitions"},
        truth=Truth("F02", component="dewey", cause_in="relay", tool="dewey_store_message"),
    ),
    Scenario(
        "f03-array-without-items",
        "An array without items in one schema, and the provider refuses the whole list",
        (BEGIN, MODELS),
        variants={"fiedler": "ArrayWithoutItems", "client": "OpenAiProvider"},
        truth=Truth("F03", component="fiedler", cause_in="fiedler", tool="fiedler_set_models"),
    ),
    Scenario(
        "f04-no-properties",
        "A schema without properties, and the provider refuses the whole list",
        (BEGIN, CONFIG),
        variants={"fiedler": "BareObject", "client": "OpenAiProvider"},
        truth=Truth("F04", component="fiedler", cause_in="fiedler", tool="fiedler_get_config"),
    ),
    Scenario(
        "f05-keyword",
        "A schema with a dialect and a keyword that a strict provider does not take",
        (BEGIN, CHECK),
        variants={"playfair": "OldDialect", "client": "StrictProvider"},
        truth=Truth("F05", component="playfair", cause_in="playfair", tool="playfair_validate_syntax"),
    ),
    Scenario(
        "f06-long-name",
        "A name that is too long with the host's prefix before it, and the provider refuses the whole list",
        (BEGIN, MODELS),
        variants={"dewey": "LongName", "client": "OpenAiProvider"},
        truth=Truth(
            "F06",
            component="dewey",
            cause_in="dewey",
            tool="dewey_list_the_latest_conversations_of_all_sessions_newest_first",
        ),
    ),
    Scenario(
        "f07-dotted-name",
        "A dot in a name, and the provider refuses the whole list",
        (BEGIN, MODELS),
        variants={"dewey": "DottedName", "client": "OpenAiProvider"},
        truth=Truth("F07", component="dewey", cause_in="dewey", tool="dewey.search"),
    ),
    Scenario(
        "f08-renamed",
        "The host writes underscores for dashes, and the relay does not know the tool",
        (BEGIN, MODELS, SEARCH, GET),
        variants={"dewey": "DashedName", "client": "RewritesDashes"},
        truth=Truth("F08", component="dewey", cause_in="client", tool="dewey_search"),
    ),
    Scenario(
        "f10-host-filter",
        "The host has an allow-list, and nothing of Dewey stands in it",
        (MODELS, BEGIN, CHECK, VALIDATE),
        variants={"client": "AllowsSome"},
        truth=Truth("F10", component="dewey", cause_in="client", tool="dewey_begin_conversation"),
    ),
    Scenario(
        "f12-too-early",
        "Dewey is asked for its tools before it has registered them",
        (
            MODELS,
            Call(BEGIN.tool, BEGIN.arguments, refuse_unlisted=False),
            Call("relay_reconnect_server", {"name": "dewey"}),
            BEGIN,
        ),
        variants={"dewey": "ListsTooEarly"},
        truth=Truth("F12", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "f13-change-ignored",
        "Fiedler says that it has one more tool, and the relay does not ask which",
        (MODELS, SEND, KEYS, CHECK),
        variants={"fiedler": "Grows", "relay": "IgnoresChanges"},
        truth=Truth("F13", component="fiedler", cause_in="relay", tool="fiedler_list_keys"),
    ),
    Scenario(
        "f13-change-untold",
        "Fiedler has one more tool and does not say so; only a reconnect shows it",
        (MODELS, SEND, KEYS, Call("relay_reconnect_server", {"name": "fiedler"}), KEYS),
        variants={"fiedler": "GrowsSilently"},
        truth=Truth("F13", component="fiedler", cause_in="fiedler", tool="fiedler_list_keys"),
    ),
    Scenario(
        "f14-first-page",
        "Dewey lists its tools in pages, and the relay reads the first",
        (BEGIN, MODELS, Call(SEARCH.tool, SEARCH.arguments, refuse_unlisted=False)),
        variants={"dewey": "Pages", "relay": "FirstPageOnly"},
        truth=Truth("F14", component="dewey", cause_in="relay", tool="dewey_search"),
    ),
    Scenario(
        "f14-stuck-cursor",
        "The cursor of Dewey's list does not move on: the same page, over and over",
        (BEGIN, MODELS, GET),
        variants={"dewey": "StuckCursor"},
        truth=Truth("F14", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "f15-limit",
        "The host takes sixteen tools of all servers together",
        (BEGIN, MODELS, KEYS, CHECK),
        variants={"client": "TakesSixteen"},
        truth=Truth("F15", component="fiedler", cause_in="client"),
    ),
    Scenario(
        "f16-same-name",
        "Dewey and Fiedler both have a tool named search, and the relay knows the first",
        (BEGIN, MODELS, Call("search", {"query": "all"}), GET),
        variants={"dewey": "PlainSearch", "fiedler": "PlainSearchToo"},
        truth=Truth("F16", component="fiedler", cause_in="relay", tool="search", severity="warning"),
    ),
    Scenario(
        "f33-hidden",
        "The host hides in plan mode what changes something, and refuses it",
        (BEGIN, MODELS, STORE, GET),
        variants={"client": "PlanMode"},
        truth=Truth("F33", component="dewey", cause_in="client", tool="dewey_store_message"),
    ),
    Scenario(
        "wrong-name",
        "The model misspells a tool; others of its family are there",
        (BEGIN, MODELS, Call("dewey_store_mesage", STORE.arguments, refuse_unlisted=False), GET),
        truth=Truth("R01", component="dewey", cause_in="client", tool="dewey_store_mesage"),
    ),
)
