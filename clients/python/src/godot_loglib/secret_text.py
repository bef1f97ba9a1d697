"""The redaction of this library's own texts, by the wire package."""

from godot_wire.redaction import redact_text
from godot_wire.rules import MARKER

__all__ = ["MARKER", "redact_text"]
