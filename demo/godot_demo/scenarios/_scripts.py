"""What the client calls: whole scripts, and calls that many scenarios have."""

from __future__ import annotations

from typing import Final

from godot_demo.scenarios._plan import Call

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
SESSION: Final = {"session_id": "investigation"}

EVERYTHING: Final = (
    Call("fiedler_list_models"),
    Call("dewey_begin_conversation", {**SESSION, "metadata": {"topic": "tools"}}),
    Call(
        "dewey_store_message", {**SESSION, "role": "user", "content": "Which tools can I call? All of them?"}
    ),
    Call(
        "fiedler_send",
        {"prompt": "Every tool that is listed can be called. Nothing else can.", "model": "summariser"},
    ),
    Call(
        "dewey_store_message",
        {**SESSION, "role": "assistant", "content": "Every tool that is listed can be called."},
    ),
    Call("dewey_get_conversation", SESSION),
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

BUG13: Final = (
    Call("dewey_begin_conversation", SESSION),
    Call("gates_create_document", {"markdown": "# Plan\n\nOne step."}),
    Call("playfair_list_capabilities"),
    Call("gates_validate_markdown", {"markdown": "# Plan\n\nOne step."}, refuse_unlisted=False),
    Call("fiedler_list_models"),
    Call("dewey_store_message", {**SESSION, "role": "user", "content": "Why can I not make a document?"}),
)

BEGIN: Final = Call("dewey_begin_conversation", SESSION)
STORE: Final = Call("dewey_store_message", {**SESSION, "role": "user", "content": "All of them?"})
GET: Final = Call("dewey_get_conversation", SESSION)
SEARCH: Final = Call("dewey_search", {"query": "all"})
MODELS: Final = Call("fiedler_list_models")
KEYS: Final = Call("fiedler_list_keys")
CONFIG: Final = Call("fiedler_get_config")
SEND: Final = Call("fiedler_send", {"prompt": "Which tools can I call? All of them."})
DRAW: Final = Call("playfair_create_diagram", {"content": "digraph G { client -> relay }"})
CHECK: Final = Call("playfair_validate_syntax", {"content": "digraph G { client -> relay }"})
VALIDATE: Final = Call("gates_validate_markdown", {"markdown": "# Plan\n\nOne step."})
