"""The redaction of the wire package, under the name that the rest of the client uses."""

from godot_wire.redaction import Redactor, unique_keys

__all__ = ["Redactor", "unique_keys"]
