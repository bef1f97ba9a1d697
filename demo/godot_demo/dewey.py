"""Dewey, the storage backend: conversations, kept in memory."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

from godot_demo.backend import main
from godot_demo.tools import Tool, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SESSION = {"type": "string", "description": "The caller's own name for the conversation.", "minLength": 1}
_LIMIT = {"type": "integer", "description": "At most so many.", "minimum": 1, "maximum": 100}


class Conversations:
    """Conversations by session, in the order of their beginning; ids come from the seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"dewey:{seed}")  # noqa: S311  # reproducible ids, nothing secret
        self._by_session: dict[str, dict[str, Any]] = {}

    def begin(self, session_id: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin a conversation."""
        if session_id in self._by_session:
            raise ToolError(f"Conversation exists already: {session_id}")
        conversation = {
            "conversation_id": self._new_id(),
            "session_id": session_id,
            "metadata": metadata or {},
        }
        self._by_session[session_id] = conversation | {"messages": []}
        return conversation

    def store(self, session_id: str, role: str, content: str) -> dict[str, Any]:
        """Append a message."""
        messages = self._of(session_id)["messages"]
        message = {
            "message_id": self._new_id(),
            "turn_number": len(messages) + 1,
            "role": role,
            "content": content,
        }
        messages.append(message)
        return {"message_id": message["message_id"], "turn_number": message["turn_number"]}

    def get(self, session_id: str) -> dict[str, Any]:
        """One conversation with all its messages."""
        return self._of(session_id)

    def all(self, limit: int = 20) -> dict[str, Any]:
        """The latest conversations, without their messages."""
        found = [
            {"session_id": name, "message_count": len(conversation["messages"])}
            for name, conversation in reversed(self._by_session.items())
        ]
        return {"conversations": found[:limit], "total": len(found)}

    def search(self, query: str, limit: int = 20) -> dict[str, Any]:
        """Messages that contain a text, in any case."""
        found = [
            {"session_id": name, "turn_number": message["turn_number"], "content": message["content"]}
            for name, conversation in self._by_session.items()
            for message in conversation["messages"]
            if query.casefold() in message["content"].casefold()
        ]
        return {"results": found[:limit], "total": len(found)}

    def delete(self, session_id: str) -> dict[str, Any]:
        """Forget a conversation."""
        self._of(session_id)
        del self._by_session[session_id]
        return {"deleted": session_id}

    def _of(self, session_id: str) -> dict[str, Any]:
        try:
            return self._by_session[session_id]
        except KeyError:
            raise ToolError(f"No such conversation: {session_id}") from None

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def tools(seed: int) -> Sequence[Tool]:
    """The tools of Dewey over an empty store."""
    store = Conversations(seed)
    metadata = {"type": "object", "description": "Anything worth keeping.", "properties": {}}
    role = {"type": "string", "description": "Who speaks.", "enum": ["user", "assistant", "system", "tool"]}
    content = {"type": "string", "description": "What is said."}
    query = {"type": "string", "description": "Text to look for.", "minLength": 1}
    session = {"session_id": _SESSION}
    return [
        Tool(
            "dewey_begin_conversation",
            "Begin a conversation.",
            store.begin,
            session | {"metadata": metadata},
            ("session_id",),
        ),
        Tool(
            "dewey_store_message",
            "Append a message to a conversation.",
            store.store,
            session | {"role": role, "content": content},
            ("session_id", "role", "content"),
        ),
        Tool("dewey_get_conversation", "Read a conversation.", store.get, session, ("session_id",)),
        Tool("dewey_list_conversations", "List the latest conversations.", store.all, {"limit": _LIMIT}),
        Tool("dewey_search", "Find messages.", store.search, {"query": query, "limit": _LIMIT}, ("query",)),
        Tool("dewey_delete_conversation", "Delete a conversation.", store.delete, session, ("session_id",)),
    ]


if __name__ == "__main__":
    main("dewey", tools)
