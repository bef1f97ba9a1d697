"""The wordings that random systems speak in: two lists of one shape, one of them kept out of sight.

`seen.json` may be read by whoever writes patterns. `unseen.words` was collected from the sources,
documentation and issue trackers of many ecosystems by somebody who has not seen the patterns; whoever writes
them must not decode it, so it is compressed, and nothing here or in the report prints a wording of it. Only
what is measured on it is a figure.

Whoever has not seen the patterns may replace it with a list of their own, a JSON object of the shape of
`seen.json` (its keys are the fields of `Wordlist`), which is checked against that list first:

    python benchmarks/diagnosing/wordlists.py --pack FILE.json

Each category needs at least as many wordings as it has in `seen.json`, none of them the same but for case,
placeholders and punctuation. Placeholders are `{names}`; every other brace is text.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import textwrap
import zlib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LISTS", "SEEN", "UNSEEN", "Coded", "Wordlist", "complaints", "fill", "load", "pack"]

SEEN: Final = "seen"
UNSEEN: Final = "unseen"
LISTS: Final = (SEEN, UNSEEN)

_HERE: Final = Path(__file__).parent
_WIDTH: Final = 100
_NOTICE: Final = (
    "# Wordings to measure diagnosis by, kept out of sight: whoever writes patterns for "
    "godot_analysis/reading/lexicon must not decode this file. See wordlists.py."
)

Coded = tuple[int | None, str]
"""An answer that fails: the code of its error, or None for a result with `isError`, and the text."""

Statused = tuple[int, str]
"""An HTTP status and a body."""


@dataclass(frozen=True, repr=False)  # no failing test shows a wording
class Wordlist:
    """What software says, by occasion; the placeholders that are filled in stand behind each."""

    # What servers answer
    unknown_tool: list[Coded]  # {tool}
    bad_arguments: list[Coded]  # one is missing: {tool} {argument}
    argument_as_text: list[Coded]  # JSON as text where an object or array belongs: {tool} {argument} {kind}
    malformed: list[Coded]  # the params of a call are of a form that MCP does not allow
    defects: list[Coded]  # the tool's own code is wrong: {tool}
    dependencies: dict[str, list[Coded]]  # what the tool needs is not there, by kind: {tool}
    unserialisable: list[Coded]  # {tool}
    wrong_output: list[Coded]  # the server's own SDK finds that the result breaks the output schema: {tool}
    one_for_all: list[Coded]  # to every call
    list_failed: list[Coded]  # to tools/list
    unresolved: list[Coded]  # a schema refers to what is not in it
    no_mcp: list[Coded]  # to a method of MCP, by something that speaks other JSON-RPC: {method}
    no_fallback: list[Coded]  # to server/discover, by a server of the older era
    not_initialized: list[Coded]  # {method}
    bad_version: list[Coded]  # {version}
    header_mismatch: list[Coded]  # HTTP headers that differ from the message: {other}
    answered_notification: list[Coded]  # to notifications/initialized, which asks nothing
    optional_method: list[Coded]  # it has no resources, or no prompts

    # What HTTP servers answer
    stale_session: list[Statused]
    bad_host: list[Statused]
    wrong_address: list[Statused]
    probe_refused: list[Statused]  # to GET, by a server without a stream
    needs_token: list[Statused]

    # What hosts, relays and SDKs of clients log
    http_request: list[str]  # the exchange stands beside it
    http_failed: list[str]  # the exchange stands beside it
    http_failed_in_prose: list[str]  # {where} {status} {body}
    refusals: list[str]  # the model asked for a tool that the host does not know: {name}
    refused_at_relay: list[str]  # a relay does not know a tool: {tool}
    refused_output: list[str]  # {tool}
    refused_version: list[str]  # {version}
    refused_lists: dict[str, list[str]]  # by class of fault: {tool} and its {place}, which F02 lacks
    list_not_sent: list[str]  # status and body stand beside it
    list_not_taken: list[str]  # status and error stand beside it
    list_not_taken_in_prose: list[str]  # {said}
    unreadable: list[str]  # {server} {what}
    timed_out: list[str]
    no_connection: list[str]  # {port}
    lost_connection: list[str]
    no_start: list[str]  # a server cannot be started: {server}
    not_connected: list[str]  # {server}; the reason stands beside it, here and in the next four
    connection_lost: list[str]  # with a call under way: {server}
    idle_connection_lost: list[str]  # {server}
    call_given_up: list[str]
    call_failed: list[str]  # {tool}
    closed: list[tuple[str, str]]  # a connection is, by its client: level and text
    cancelled: list[str]  # the reason of a cancellation by the user

    # What else is said
    crashes: list[str]  # by a server under a call that is never answered
    failure_as_success: list[str]  # results without isError that tell of a failure
    nothing_wrong: list[str]  # results of calls that went well, though some of them speak of failures
    an_answer_all_the_same: list[str]  # with isError, though only what was asked for is absent: {noun} {tool}
    mutterings: list[tuple[str, str, Any]]  # at WARN or ERROR, not about MCP: level, text and data
    routine: list[tuple[str, Any]]  # at INFO, though it sounds like trouble: text and data
    visits: list[tuple[str, str]]  # a connection that greets nobody is opened and closed
    notes: list[tuple[str, str]]  # of a server to its client, at info and at error
    stdout_noise: list[str]  # lines among the messages of stdio
    heartbeats: list[str]
    starting: list[str]  # {server}
    offered: list[str]  # what the host gives its model; the names stand beside it


def fill(text: str, **known: Any) -> str:
    """A wording with its placeholders filled in; other braces stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: str(known.get(found[1], found[0])), text)


@cache
def load(name: str) -> Wordlist:
    """One of the two lists."""
    if name == SEEN:
        return _wordlist(json.loads((_HERE / "seen.json").read_text(encoding="utf-8")))
    packed = (_HERE / "unseen.words").read_text(encoding="ascii").splitlines()
    return _wordlist(json.loads(zlib.decompress(base64.b64decode("".join(packed[1:])))))


def _wordlist(told: dict[str, Any]) -> Wordlist:
    """The list as it stands in JSON, where a tuple is an array; raises TypeError if a category is amiss."""
    return Wordlist(**{name: _tuples(entries) for name, entries in told.items()})


def _tuples(entries: Any) -> Any:
    if isinstance(entries, dict):
        return {name: _tuples(inner) for name, inner in entries.items()}
    return [tuple(entry) if isinstance(entry, list) else entry for entry in entries]


def pack(told: dict[str, Any]) -> str:
    """The text of `unseen.words` for a list."""
    plain = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    packed = base64.b64encode(zlib.compress(plain, 9)).decode()
    return "\n".join([_NOTICE, *textwrap.wrap(packed, _WIDTH)]) + "\n"


def complaints(unseen: Wordlist, seen: Wordlist) -> Iterator[str]:
    """Why a list cannot be the unseen one beside another; no wording is quoted."""
    theirs = _categories(seen)
    common = {_core(entry) for entries in theirs.values() for entry in entries}
    ours = _categories(unseen)
    yield from (f"{name}: is not in both lists" for name in sorted(theirs.keys() ^ ours.keys()))
    for name in sorted(theirs.keys() & ours.keys()):
        if len(ours[name]) < len(theirs[name]):
            yield f"{name}: {len(ours[name])} wordings, fewer than {len(theirs[name])}"
        if len({_core(entry) for entry in ours[name]}) < len(ours[name]):
            yield f"{name}: a wording stands there twice"
        places = [place for place, entry in enumerate(ours[name]) if _core(entry) in common]
        if places:
            yield f"{name}: wordings of the other list at {', '.join(map(str, places))}"


def _categories(told: Wordlist) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for field in fields(told):
        entries = getattr(told, field.name)
        parts = entries if isinstance(entries, dict) else {"": entries}
        found |= {f"{field.name} {part}".strip(): inner for part, inner in parts.items()}
    return found


def _core(entry: Any) -> str:
    """The letters and digits of a wording, without its code, data and placeholders."""
    texts = [entry] if isinstance(entry, str) else [part for part in entry if isinstance(part, str)]
    bare = re.sub(r"\{\w+\}", "", " ".join(texts))
    return re.sub(r"\W+", "", bare).casefold() or bare


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", type=Path, required=True, metavar="FILE.json", help="the new unseen list")
    told = json.loads(parser.parse_args().pack.read_text(encoding="utf-8"))
    if found := list(complaints(_wordlist(told), load(SEEN))):
        raise SystemExit("\n".join(found))
    (_HERE / "unseen.words").write_text(pack(told), encoding="ascii")


if __name__ == "__main__":
    main()
