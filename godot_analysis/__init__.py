"""Explain logs: load traces, rebuild message flows, name the root cause."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.collection import collection_paused

with collection_paused():  # what an import makes is no garbage
    from godot_analysis.diagnosis.diagnose import diagnose
    from godot_analysis.diagnosis.findings import Diagnosis, Finding
    from godot_analysis.diagnosis.understood import events
    from godot_analysis.errors import (
        BadFile,
        BadFilter,
        BadFrame,
        BadSource,
        GodotAnalysisError,
        SourceUnavailable,
    )
    from godot_analysis.loading.jsonl import from_records
    from godot_analysis.loading.load import list_traces, load_logs, load_trace
    from godot_analysis.normal_form.messages import messages
    from godot_analysis.reconstruction.flow import Flow
    from godot_analysis.reconstruction.reconstruct import reconstruct

if TYPE_CHECKING:
    from godot_analysis.comparison import Comparison, compare, lint

__all__ = [
    "BadFile",
    "BadFilter",
    "BadFrame",
    "BadSource",
    "Comparison",
    "Diagnosis",
    "Finding",
    "Flow",
    "GodotAnalysisError",
    "SourceUnavailable",
    "compare",
    "diagnose",
    "events",
    "from_records",
    "lint",
    "list_traces",
    "load_logs",
    "load_trace",
    "messages",
    "reconstruct",
]

_LATER: Final = {
    "comparison": "godot_analysis.comparison",
    "plot": "godot_analysis.presentation.plot",
    "svg": "godot_analysis.presentation.svg",
    "text": "godot_analysis.presentation.text",
    "widgets": "godot_analysis.widgets",
}
"""Parts that draw, some with heavy libraries: imported when first asked for."""

_COMPARISON: Final = ("Comparison", "compare", "lint")
"""Names of `comparison`, imported with it."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(_LATER[name])
    if name in _COMPARISON:
        return getattr(import_module(_LATER["comparison"]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_COMPARISON})
