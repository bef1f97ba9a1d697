"""Fiedler, the model backend: a few models that answer by rule, so that every run answers the same."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from godot_demo.backend import main
from godot_demo.tools import Tool, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODELS = {
    "summariser": {"provider": "local", "max_tokens": 512, "capabilities": ["text"]},
    "keywords": {"provider": "local", "max_tokens": 128, "capabilities": ["text"]},
}
_KEYWORDS = 5
_MODEL = {"type": "string", "description": "Name of a model.", "enum": sorted(_MODELS)}
_PROVIDER = {"type": "string", "description": "Whose key it is.", "minLength": 1}


def summarise(prompt: str) -> str:
    """The first sentence of a text."""
    return re.split(r"(?<=[.!?])\s", prompt.strip(), maxsplit=1)[0]


def keywords(prompt: str) -> str:
    """The words of a text that are said most often, longer ones first where they tie."""
    counts = Counter(word for word in re.findall(r"\w+", prompt.casefold()) if len(word) > 3)  # noqa: PLR2004
    ranked = sorted(counts, key=lambda word: (-counts[word], -len(word), word))
    return ", ".join(ranked[:_KEYWORDS])


class Models:
    """Which models answer, and whose keys are known."""

    def __init__(self) -> None:
        self._chosen = ["summariser"]
        self._keys: dict[str, str] = {}

    def list(self) -> dict[str, Any]:
        """All models."""
        return {"models": [{"name": name} | facts for name, facts in _MODELS.items()]}

    def choose(self, models: Sequence[str]) -> dict[str, Any]:
        """Set the models that answer from now on."""
        self._chosen = list(dict.fromkeys(models))
        return {"models": self._chosen}

    def config(self) -> dict[str, Any]:
        """What is set."""
        return {"models": self._chosen, "total_available": len(_MODELS)}

    def send(self, prompt: str, model: str | None = None) -> dict[str, Any]:
        """Let one model answer, or all that are chosen."""
        if not prompt.strip():
            raise ToolError("The prompt is empty")
        answer = {"summariser": summarise, "keywords": keywords}
        asked = [model] if model else self._chosen
        return {"answers": [{"model": name, "text": answer[name](prompt)} for name in asked]}

    def set_key(self, provider: str, api_key: str) -> dict[str, Any]:
        """Keep a provider's key: a secret that passes through the whole system and must never be logged."""
        self._keys[provider] = api_key
        return {"provider": provider, "stored": True}

    def list_keys(self) -> dict[str, Any]:
        """Whose keys are known, without the keys."""
        return {"providers": sorted(self._keys)}


def tools(_seed: int) -> Sequence[Tool]:
    """The tools of Fiedler."""
    models = Models()
    chosen = {"type": "array", "description": "Names of models.", "items": _MODEL, "minItems": 1}
    prompt = {"type": "string", "description": "What to answer."}
    api_key = {"type": "string", "description": "The key itself.", "minLength": 1}
    return [
        Tool("fiedler_list_models", "List the models.", models.list, {}),
        Tool(
            "fiedler_set_models",
            "Choose the models that answer.",
            models.choose,
            {"models": chosen},
            ("models",),
        ),
        Tool("fiedler_get_config", "Tell what is set.", models.config, {}),
        Tool("fiedler_send", "Ask a model.", models.send, {"prompt": prompt, "model": _MODEL}, ("prompt",)),
        Tool(
            "fiedler_set_key",
            "Keep a provider's key.",
            models.set_key,
            {"provider": _PROVIDER, "api_key": api_key},
            ("provider", "api_key"),
        ),
        Tool("fiedler_list_keys", "List whose keys are known.", models.list_keys, {}),
    ]


if __name__ == "__main__":
    main("fiedler", tools)
