"""compose.yaml and the Containerfile agree with each other, with the package, and with the settings."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from godot_daemon.origins import SETTINGS_FILE, variable
from godot_daemon.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
CONTAINERFILE = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

FIELDS = {variable(field.name): field for field in dataclasses.fields(Settings)}
KNOWN = {
    *FIELDS,
    SETTINGS_FILE,
    *(f"{name}_FILE" for name, field in FIELDS.items() if field.metadata["secret"]),
}

# What the Compose Specification calls the parts of a service that are used here: a misspelt one is ignored by nobody
# but refused by every engine, and there is none to ask in a test.
PARTS = {
    *("image", "build", "command", "entrypoint", "environment", "volumes", "configs", "secrets", "ports", "shm_size"),
    *("depends_on", "healthcheck", "restart", "stop_grace_period", "read_only", "tmpfs", "cap_drop", "security_opt"),
}  # fmt: skip


def instructions(name: str) -> list[str]:
    """The arguments of all instructions of one kind in the Containerfile."""
    return re.findall(rf"^{name} +(.+)$", CONTAINERFILE, re.MULTILINE)


def test_redis_and_postgresql_stand_apart_from_the_daemon():
    assert set(SERVICES) == {"redis", "postgres", "migrate", "daemon"}
    assert not {part for service in SERVICES.values() for part in service} - PARTS


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_of_no_named_registry(name):
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"\d+\.\d+[\w.-]*", tag), "a tag that says a version, never latest"
    assert "." not in image.partition("/")[0], "whose registry that is, is the machine's own setting"


def test_the_image_carries_the_version_of_the_package():
    assert SERVICES["daemon"]["image"] == f"godot:{PYPROJECT['project']['version']}"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_health_check_or_ends_by_itself(name):
    check = SERVICES[name]["healthcheck"]
    if name == "migrate":
        assert check == {"disable": True}
        assert SERVICES[name]["restart"] == "no"
    else:
        assert check["test"][0] == "CMD"
        assert {"interval", "timeout", "retries"} <= set(check)
        assert SERVICES[name]["restart"] == "unless-stopped"


def test_who_waits_for_whom_can_be_waited_for():
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            ends = "disable" in SERVICES[other]["healthcheck"]
            expected = "service_completed_successfully" if ends else "service_healthy"
            assert how["condition"] == expected, f"{name} waits for {other}"


def test_what_is_mounted_is_declared_and_what_must_stay_stays():
    declared = {part: set(COMPOSE[part]) for part in ("volumes", "secrets", "configs")}
    volumes = {
        entry.partition(":")[0] for service in SERVICES.values() for entry in service.get("volumes", ())
    }
    secrets = {name for service in SERVICES.values() for name in service.get("secrets", ())}
    configs = {entry["source"] for service in SERVICES.values() for entry in service.get("configs", ())}
    assert declared == {"volumes": volumes, "secrets": secrets, "configs": configs}
    assert "redis:/data" in SERVICES["redis"]["volumes"]
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"], (
        "where version 18 keeps its data"
    )
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert {entry["file"].split("/")[0] for entry in COMPOSE["secrets"].values()} == {"secrets"}


def test_redis_keeps_what_it_was_given():
    command = " ".join(SERVICES["redis"]["command"])
    for option in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert option in command


def test_nothing_is_open_to_the_network():
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


def test_the_daemon_is_given_settings_that_exist_and_no_secret():
    environment = SERVICES["daemon"]["environment"]
    assert set(environment) <= KNOWN
    for name, text in environment.items():
        default = re.fullmatch(r"\$\{(\w+):-(.*)\}", text)
        if default:
            assert default[1] == name
            assert default[2] == str(FIELDS[name].default if FIELDS[name].default is not None else "")
    assert Settings.load({}, {"GODOT_REDIS_URL": environment["GODOT_REDIS_URL"]})
    path = environment["GODOT_DATABASE_URL_FILE"]
    assert path.removeprefix("/run/secrets/") in SERVICES["daemon"]["secrets"]
    for service in SERVICES.values():
        texts = [*service.get("environment", {}).values(), *service.get("command", ())]
        assert not [text for text in texts if re.search(r"://[^/\s:]*:(?!\$)[^@\s]+@", text)], "no password"


def test_variables_of_the_image_exist():
    names = {pair.partition("=")[0] for line in instructions("ENV") for pair in shlex.split(line)}
    assert {name for name in names if name.startswith("GODOT_")} <= KNOWN


def test_the_daemon_has_the_time_and_no_more_rights_than_it_needs():
    daemon = SERVICES["daemon"]
    assert int(daemon["stop_grace_period"].removesuffix("s")) > 10, "SIGTERM takes up to 10 seconds"
    assert daemon["read_only"] is True
    assert daemon["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in daemon["security_opt"]
    [user] = instructions("USER")
    assert user.isdigit()
    assert user != "0", "a number, so that an engine can see that it is not root"


def test_the_image_is_built_of_everything_the_package_is_made_of():
    sources = {
        part for line in instructions("COPY") if not line.startswith("--from") for part in line.split()[:-1]
    }
    assert not [name for name in sources if not (ROOT / name).exists()]
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PYPROJECT["project"]
    needed = {
        "pyproject.toml",
        project["readme"],
        *project["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
    }
    assert needed <= sources
    assert {stage.split()[0] for stage in instructions("FROM")} == {"${PYTHON}"}
    [python] = instructions("ARG")
    assert re.fullmatch(r"PYTHON=python:3\.\d+-slim", python)


def test_both_health_checks_are_the_same_question():
    [check] = instructions("HEALTHCHECK")
    assert yaml.safe_load(check.partition("CMD ")[2]) == SERVICES["daemon"]["healthcheck"]["test"][1:]


def test_the_login_of_the_daemon_gets_the_password_of_its_url(tmp_path):
    secret = tmp_path / "database-url"
    secret.write_text("postgresql://godot_ingest:0123456789abcdef@postgres/godot\n")
    script = COMPOSE["configs"]["ingest-login"]["content"].replace("$$", "$")
    assert "/run/secrets/database-url" in script
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\ncat\n')
    program.chmod(0o755)
    told = subprocess.run(
        ["sh", "-eu", "-c", script.replace("/run/secrets/database-url", str(secret))],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout
    assert "password=0123456789abcdef" in told.splitlines()
    assert "create role godot_ingest login password :'password' in role godot_writer;" in told
