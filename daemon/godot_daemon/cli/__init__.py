"""The `godot` command: its subcommands are imported only when they are called."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

_COMMANDS: Final[dict[str, str]] = {
    "up": "godot_daemon.cli.up:up",
    "demo": "godot_daemon.cli.demo:demo",
    "ingest": "godot_daemon.cli.ingest:ingest",
    "db": "godot_daemon.cli.db:db",
    "status": "godot_daemon.cli.status:status",
    "audit": "godot_daemon.cli.audit:audit",
    "dead": "godot_daemon.cli.dead:dead",
    "replay": "godot_daemon.cli.replay:replay",
    "trace": "godot_daemon.cli.trace:trace",
    "traces": "godot_daemon.cli.trace:traces",
    "diagnose": "godot_daemon.cli.diagnose:diagnose",
}
