"""`python daemon`: the same as `godot ingest`, for a service manager that has no PATH."""

from __future__ import annotations

import sys

from godot_daemon.cli import run

if __name__ == "__main__":
    sys.exit(run(["ingest", *sys.argv[1:]]))
