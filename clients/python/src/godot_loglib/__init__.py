"""Godot's client library: a log call that never blocks, never throws and never leaks a secret."""

from godot_loglib.context import Trace, current_trace_id
from godot_loglib.handler import GodotHandler
from godot_loglib.ids import new_trace_id
from godot_loglib.logger import ICCMLogger

__all__ = ["GodotHandler", "ICCMLogger", "Trace", "current_trace_id", "new_trace_id"]
