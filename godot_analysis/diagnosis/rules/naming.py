"""Rules about tools that are asked for by a name that nobody has listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts.absences import misnamed
from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count, listed
from godot_analysis.reading.names import family, nearest, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from godot_analysis.diagnosis.facts import Facts, Refused


@rule("F08")
def name_rewritten(facts: Facts) -> Iterator[Match]:
    yield from _not_put_back(facts)
    for refusal in misnamed(facts):
        known = refusal.table or _listed(facts, refusal.time)
        owner = facts.tools.owners.of(refusal.tool)
        same = sorted(
            name
            for name in known
            if normalised(name) == normalised(refusal.tool)
            and (owner is None or facts.tools.owners.of(name) in {owner, None})
        )
        if same and refusal.tool not in known:
            clue = Clue(f"{same[0]} is known, {refusal.tool} is not", 0.9, refusal.records)
            yield _named(refusal, facts, (clue,), {"meant": same[0]}, "misspelt")


def _not_put_back(facts: Facts) -> Iterator[Match]:
    """Calls that a relay passed on under a name of its own, where the backend lists another."""
    for call in facts.operations.calls.leaves.erred:
        relay, backend = call.caller, call.callee
        if call.parent is None or not relay or not backend or not call.tool or not call.tells("tool.unknown"):
            continue
        shown, own = facts.tools.last_list(relay, call.started), facts.tools.last_list(backend, call.started)
        names = (own.names if own else None) or frozenset()
        if shown is None or own is None or call.tool in names:
            continue
        above = next(facts.operations.numbered([call.parent]), None)
        asked = (above.tool if above else None) or call.tool
        if asked not in facts.tools.held(relay, call.started):
            continue  # then the relay itself may have been called by a wrong name
        meant = [name for name in sorted(names) if _rewritten(name, call.tool) or _rewritten(call.tool, name)]
        if meant:
            name = asked if asked in meant else meant[0]
            kept = f"{call.tool} is the name that {relay} lists"
            if asked != call.tool:
                kept = f"{relay} was called with {asked}, the name that it lists"
            clues = (
                Clue(f"{backend} lists {name}, and was called with {call.tool}", 0.7, own.records),
                Clue(kept, 0.6, shown.records),
            )
            words, numbers = (
                {"meant": name, "relay": relay, "asked": asked},
                facts.operations.families([call]),
            )
            variant = "not_put_back" if asked == call.tool else "changed"
            yield Match(backend, relay, clues, call.tool, numbers, words, variant=variant)


def _rewritten(name: str, shown: str) -> bool:
    """Whether a relay would show a tool so: with a prefix, or other separators."""
    return normalised(name) == normalised(shown) or (
        shown.endswith(name) and not shown[: -len(name)][-1:].isalnum()
    )


@rule("R01")
def wrong_name(facts: Facts) -> Iterator[Match]:
    for refusal in misnamed(facts):
        table = refusal.table or frozenset()
        if refusal.tool in table or facts.tools.works_otherwise(refusal):
            continue
        named = family(refusal.tool)
        kin = sorted(name for name in table if named is not None and family(name) == named)
        meant = nearest(refusal.tool, table)
        others = f"of its family there are {listed(kin, 4)}" if kin else "nothing of that name is known"
        clues = [Clue(f"{refusal.tool} was refused as unknown by {refusal.by}", 0.5, refusal.records)]
        if kin:
            clues.append(
                Clue(
                    f"{count(len(kin), 'tool')} of its family known at the same moment", 0.7, refusal.records
                )
            )
        if meant:
            clues.append(Clue(f"{meant} is almost the same name", 0.4))
        known = (
            "Its backend is connected and other tools of the same family are available: the name is wrong, "
            "the connection is not."
            if kin
            else "As far as the log shows, nobody has listed a tool of this name or of its family."
        )
        words = {"others": others, "suggestion": f", perhaps {meant}" if meant else "", "known": known}
        yield _named(refusal, facts, clues, words)


def _named(
    refusal: Refused, facts: Facts, clues: Sequence[Clue], words: Mapping[str, object], variant: str = ""
) -> Match:
    client, backend = facts.topology.client, facts.tools.owner_of(refusal)
    return Match(backend or client, client, clues, refusal.tool, refusal.calls, words=words, variant=variant)


def _listed(facts: Facts, time: pd.Timestamp) -> frozenset[str]:
    """All that anybody has listed by then."""
    servers = {listing.server for listing in facts.tools.listings}
    return frozenset[str]().union(*(facts.tools.held(server, time) for server in servers))
