"""BUG #13 and its family: a backend that cannot be reached, cannot be reached any more, or is another one."""

from __future__ import annotations

from typing import Final

from godot_demo.scenarios._plan import Again, Call, Scenario, Start, Stop, Truth
from godot_demo.scenarios._scripts import (
    BEGIN,
    BUG13,
    CHECK,
    GET,
    KEYS,
    MODELS,
    SEARCH,
    SEND,
    STORE,
    VALIDATE,
)

_BLIND: Final = Call(VALIDATE.tool, VALIDATE.arguments, refuse_unlisted=False)
_OTHERS: Final = (BEGIN, MODELS, CHECK)
_DELETE: Final = Call("dewey_delete_conversation", {"session_id": "investigation"})

SCENARIOS: Final = (
    Scenario(
        "bug13",
        "BUG #13: after a blue/green switch Gates listens elsewhere than the relay is told",
        BUG13,
        moved=frozenset({"gates"}),
        truth=Truth("B13", component="gates", cause_in="relay"),
    ),
    Scenario(
        "bug13-unasked",
        "The same, and nobody calls Gates: silence is all there is to see",
        (*_OTHERS, STORE, SEND),
        moved=frozenset({"gates"}),
        truth=Truth("B13", component="gates", cause_in="relay"),
    ),
    Scenario(
        "bug29",
        "BUG #29: a route set at run time is not persisted, and lost when the relay restarts",
        (
            BEGIN,
            Call("relay_remove_server", {"name": "gates"}),
            Call("relay_add_server", {"name": "gates", "url": "{gates}"}),
            VALIDATE,
            MODELS,
            Again(),
            MODELS,
            _BLIND,
            CHECK,
        ),
        moved=frozenset({"gates"}),
        truth=Truth("B29", component="gates", cause_in="relay"),
    ),
    Scenario(
        "bug10",
        "BUG #10: Gates is added at run time, and the relay does not tell the client",
        (
            BEGIN,
            Call("relay_remove_server", {"name": "gates"}),
            Call("relay_add_server", {"name": "gates", "url": "{gates}"}),
            MODELS,
            VALIDATE,
        ),
        moved=frozenset({"gates"}),
        variants={"relay": "TellsNoChange"},
        truth=Truth("B10", component="gates", cause_in="relay"),
    ),
    Scenario(
        "late-backend",
        "Gates comes up after the relay has connected, and the relay does not try again",
        (*_OTHERS, Start("gates"), _BLIND, SEARCH),
        late=frozenset({"gates"}),
        truth=Truth("R02", component="gates", cause_in="relay"),
    ),
    Scenario(
        "removed",
        "Gates is removed from the relay on purpose, and called afterwards",
        (VALIDATE, Call("relay_remove_server", {"name": "gates"}), _BLIND, MODELS),
        truth=Truth("R04", component="gates", cause_in="client"),
    ),
    Scenario(
        "old-instance",
        "A new Gates is started beside the old one, and the relay is not told",
        (VALIDATE, *_OTHERS, Start("gates", elsewhere=True), VALIDATE, MODELS),
        truth=Truth("R06", component="gates", cause_in="relay", severity="warning"),
    ),
    Scenario(
        "restart-under-call",
        "Fiedler dies in a call and comes back; the relay connects again and repeats the call",
        (BEGIN, MODELS, Call("fiedler_list_keys", revives="fiedler"), SEARCH),
        variants={"fiedler": "Dies"},
        truth=Truth("R05", "fiedler", cause_in="fiedler", tool="fiedler_list_keys", severity="warning"),
    ),
    Scenario(
        "gone-for-good",
        "Dewey dies in a call and does not come back; the relay waits for it",
        (BEGIN, MODELS, Call(_DELETE.tool, _DELETE.arguments, abandoned_after=2.0)),
        variants={"dewey": "Dies"},
        truth=Truth("R07", component="dewey", cause_in="dewey", tool="dewey_delete_conversation"),
    ),
    Scenario(
        "broken-under-call",
        "Dewey dies in a call, and this relay passes the error on instead of waiting",
        (BEGIN, MODELS, _DELETE, CHECK),
        variants={"dewey": "Dies", "relay": "GivesUp"},
        truth=Truth("R15", component="dewey", cause_in="dewey", tool="dewey_delete_conversation"),
    ),
    Scenario(
        "never-answers",
        "BUG #8: Fiedler does not answer one call; the relay handles one at a time, and seems to hang",
        (MODELS, BEGIN, Call(KEYS.tool, abandoned_after=2.0)),
        variants={"fiedler": "NeverAnswers"},
        truth=Truth("B08", component="fiedler", cause_in="fiedler", tool="fiedler_list_keys"),
    ),
    Scenario(
        "idle-loss",
        "Fiedler is restarted while nobody calls it; this relay notices at once and connects again",
        (MODELS, BEGIN, Stop("fiedler"), SEARCH, Start("fiedler"), CHECK, GET),
        variants={"relay": "NoticesLoss"},
        truth=Truth("R11", component="fiedler", cause_in="fiedler", severity="warning"),
    ),
    Scenario(
        "unseen-neighbour",
        "Gates does not log and is not reached: its connection to Playfair is all there is to see",
        (BEGIN, MODELS, CHECK, STORE),
        moved=frozenset({"gates"}),
        first=frozenset({"gates"}),
        variants={"gates": "MuteAndEager"},
        truth=Truth("R14", component=None, cause_in="relay", severity="warning"),
    ),
    Scenario(
        "added-unused",
        "Gates is added at run time, and nobody has called it yet: nothing is wrong",
        (
            BEGIN,
            Call("relay_remove_server", {"name": "gates"}),
            Call("relay_add_server", {"name": "gates", "url": "{gates}"}),
            MODELS,
            CHECK,
        ),
        moved=frozenset({"gates"}),
        truth=Truth("R16", component="gates", cause_in="relay", severity="info"),
    ),
    Scenario(
        "stops-short",
        "The relay fails at the fourth call and does not say why: what is left when no rule fits",
        (BEGIN, MODELS, SEARCH, CHECK),
        variants={"relay": "StopsShort"},
        truth=Truth("R12", component="relay", cause_in="relay", tool="playfair_validate_syntax"),
    ),
    Scenario(
        "cannot-list",
        "Dewey is reached, and fails when it is asked for its tools",
        (MODELS, CHECK, Call(BEGIN.tool, BEGIN.arguments, refuse_unlisted=False), VALIDATE),
        variants={"dewey": "CannotList"},
        truth=Truth("R03", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "misread-list",
        "Gates lists its tools, and the relay throws the list away for a field in it",
        (MODELS, CHECK, _BLIND, BEGIN),
        variants={"gates": "Annotated", "relay": "MisreadsLists"},
        truth=Truth("R13", component="gates", cause_in="relay"),
    ),
    Scenario(
        "no-mcp",
        "BUG #5: Dewey has a JSON-RPC interface of its own and no MCP",
        (MODELS, CHECK, Call(BEGIN.tool, BEGIN.arguments, refuse_unlisted=False), VALIDATE),
        variants={"dewey": "SpeaksNoMcp"},
        truth=Truth("B05", component="dewey", cause_in="dewey"),
    ),
    Scenario(
        "no-dispatch",
        "Fiedler takes the name of a tool for a method: every call of it fails alike",
        (BEGIN, MODELS, SEND, CHECK, KEYS, GET),
        variants={"fiedler": "LooksForMethods"},
        truth=Truth("R08", component="fiedler", cause_in="fiedler"),
    ),
)
