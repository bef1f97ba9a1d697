"""`godot redact`: what redaction would hide in a file, by which rule, without showing it."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from godot_daemon.cli import _options, _print

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGIN = "-----BEGIN "
_END = "-----END "
_KEY = "PRIVATE KEY"
_PATH_MAX = 60


class Hidden(NamedTuple):
    """One secret, told without it."""

    line: int
    path: str
    rule: str
    shown: str


@click.command(short_help="Tell what redaction would hide, and by which rule.")
@click.option(
    "--check",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="The file to look through: JSON lines or any text, plain or gzipped; - for stdin.",
)
@click.option(
    "--redact-fields",
    envvar="GODOT_REDACT_FIELDS",
    metavar="NAMES",
    default="",
    show_envvar=True,
    help="More keys to hide, separated by commas.",
)
@_options.as_json
def redact(file: str, redact_fields: str, *, as_json: bool) -> None:
    """Tell what redaction would hide in a file: line, path, rule, and the public beginning of the secret.

    Nothing is changed, and no secret is shown: of `ghp_…` the four letters that tell what it is, of a
    password only its length.

    \b
    Examples:
      godot redact --check gates.jsonl
      godot redact --check app.log --json | jq -r .rule | sort | uniq -c
    """  # noqa: D301
    from godot_daemon.replay import lines_of

    with ExitStack() as stack:
        source: Any = (
            BufferedReader(sys.stdin.buffer) if file == "-" else stack.enter_context(Path(file).open("rb"))
        )
        found = hidden(lines_of(source), [name.strip() for name in redact_fields.split(",") if name.strip()])
        if as_json:
            for one in found:
                click.echo(json.dumps(one._asdict(), ensure_ascii=False))
            return
        rows = [(one.line, _short(one.path), one.rule, one.shown) for one in found]
    if rows:
        _print.table(("line", "path", "rule", "begins"), rows)
    click.echo(f"{len(rows):,} would be hidden" if rows else "nothing would be hidden", err=True)


def hidden(lines: Iterable[bytes], fields: Iterable[str] = ()) -> Iterator[Hidden]:
    """Every secret that redaction would hide, in order."""
    from godot_wire.redaction import Redactor

    found: list[tuple[str, tuple[object, ...], str]] = []

    def report(rule: str, path: tuple[object, ...], secret: str) -> None:
        found.append((rule, path, secret))

    redactor, quiet = Redactor(fields, key=b"", report=report), Redactor(fields, key=b"")
    for number, text in _texts(lines):
        value = _object(text)
        if value is None:
            redactor.text(text)
        else:
            redactor.data(value)
        for rule, path, secret in found:
            # A key may itself hold a secret.
            yield Hidden(number, quiet.text(".".join(map(str, path))), rule, _begins(rule, secret))
        found.clear()


def _texts(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; those of a private key together."""
    block: list[str] = []
    first = 0
    for number, raw in enumerate(lines, 1):
        line = raw.decode(errors="replace")
        if block:
            block.append(line)
            if _END in line:
                yield first, "".join(block)
                block = []
        elif _BEGIN in line and _KEY in line and _END not in line and not line.lstrip().startswith("{"):
            block, first = [line], number
        elif line.strip():
            yield number, line.rstrip("\r\n")
    if block:
        yield first, "".join(block)


def _object(text: str) -> dict[str, Any] | list[Any] | None:
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def _begins(rule: str, secret: str) -> str:
    """The public beginning of a token, which tells whose it is, and how long the whole is."""
    from godot_wire.looks import VALUE_RULES

    folded = secret[:16].lower()
    looks = next((each.triggers for each in VALUE_RULES if each.rule == rule), ())
    triggers = (trigger for trigger in looks if folded.startswith(trigger))
    known = max((len(trigger) for trigger in triggers), default=0)
    return f"{secret[:known]}… ({len(secret):,} characters)"


def _short(path: str) -> str:
    return path if len(path) <= _PATH_MAX else f"…{path[1 - _PATH_MAX :]}"
