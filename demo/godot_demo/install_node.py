"""`python -m godot_demo.install_node DIRECTORY` installs the Node packages of a project, for make."""

from __future__ import annotations

import sys
from pathlib import Path

from godot_demo.errors import DemoError
from godot_demo.node import install

if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]).resolve())
    except DemoError as problem:
        sys.exit(f"godot_demo: {problem}")
