"""Random logs by kind, seed and words, what the diagnosis made of them, and the figures that follow."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import godot_analysis as ga
from diagnosing import (
    faults_calls,
    faults_depends,
    faults_form,
    faults_handshake,
    faults_http,
    faults_lists,
    faults_routes,
    faults_wire,
)
from diagnosing.cast import Needs
from diagnosing.noise import disturb
from diagnosing.plants import PLANTS, Plant
from diagnosing.system import ANY, Expected, System
from diagnosing.wordlists import SEEN, UNSEEN, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AXES", "HEALTHY", "LONG", "PAIR", "Verdict", "build", "judge", "report", "summary"]

HEALTHY: Final = "healthy"
FAULT: Final = "fault"
UNCLEAR: Final = "unclear"
LONG: Final = "healthy long"
PAIR: Final = "pair"
AXES: Final = ("topology", "era", "words", "sides", "tracing", "clocks", "delivery")
_BINS: Final = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

# Imported so that they register their plants.
_MODULES: Final = (
    faults_wire,
    faults_handshake,
    faults_http,
    faults_lists,
    faults_routes,
    faults_calls,
    faults_form,
    faults_depends,
)


def build(kind: str, seed: int, words: str = SEEN) -> System:
    """The random system of this kind and seed, after all that happens in it, in the words of a list."""
    if kind in {HEALTHY, LONG}:
        return _healthy(seed, words, long=kind == LONG)
    plants = _pair(seed) if kind == PAIR else [PLANTS[kind][seed % len(PLANTS[kind])]]
    needs = plants[0].needs if len(plants) == 1 else _both(plants)
    system = System(seed * 31 + _number(kind), needs, load(words), len(plants))
    makings = [plant.make(system, victim) for plant, victim in zip(plants, system.victims, strict=True)]
    for making in makings:
        next(making)
    system.start()
    sparing = tuple(system.victims)
    system.work(0, 5, without=sparing)
    if system.chance.random() < 0.5 and len(system.servers) > len(sparing):
        disturb_others(system, sparing)
    system.quiet_until = system.journal.now
    for making, victim in zip(makings, system.victims, strict=True):
        system.left_alone = tuple(other for other in system.victims if other != victim)
        next(making, None)
    return system


def disturb_others(system: System, sparing: tuple[str, ...]) -> None:
    """Let something suspicious happen, but not to the victims."""
    kept = system.servers
    system.servers = [server for server in kept if server not in sparing]
    if any(system.tools[server] and server not in system.unreached for server in system.servers):
        disturb(system, 1, 2)
    system.servers = kept


def _healthy(seed: int, words: str, *, long: bool) -> System:
    system = System(seed * 31 + 7, Needs(servers=1), load(words), 1)
    if len(system.servers) > 2 and system.chance.random() < 0.3:
        system.tools[system.servers[-1]] = []  # a server that has resources and no tools
    system.start()
    for _ in range(system.chance.randint(20, 60) if long else 1):
        disturb(system)
        system.work(*((20, 60) if long else (0, 12)))
    system.quiet_until = system.journal.now
    return system


def _number(kind: str) -> int:
    return sum(ord(letter) * 7**place for place, letter in enumerate(kind))


def _pair(seed: int) -> list[Plant]:
    """Two faults that can stand beside each other in one system: the second may end everything."""
    plants = [plant for code in sorted(PLANTS) for plant in PLANTS[code] if not plant.alone]
    calls = [plant for plant in plants if plant.make.__module__.endswith("faults_calls")]
    first = [plant for plant in calls if not plant.last and plant.code not in {"F16", "R11"}]
    one = first[seed % len(first)]
    for step in range(len(plants)):
        other = plants[(seed * 17 + step) % len(plants)]
        if other.code not in (one.code, "F16") and _compatible([one, other]):
            return [one, other]
    raise AssertionError(one.code)


def _compatible(plants: list[Plant]) -> bool:
    both = _both(plants)
    return bool(both.topologies and both.eras and both.words and both.transports)


def _both(plants: list[Plant]) -> Needs:
    """What two faults need together."""
    one, other = (plant.needs for plant in plants)
    return Needs(
        **{
            name: tuple(value for value in getattr(one, name) if value in getattr(other, name))
            for name in ("topologies", "eras", "words", "transports")
        },
        **{
            name: getattr(one, name) or getattr(other, name)
            for name in (
                "client",
                "client_whole",
                "hub",
                "hub_whole",
                "victim",
                "victim_whole",
                "others",
                "prefixed",
            )
        },
        seen=max(one.seen, other.seen, key=["", "calls", "whole"].index),
        servers=max(one.servers, other.servers, 3),
    )


@dataclass(frozen=True)
class Verdict:
    """What was said of one log: what was missed, and what was found that is not there."""

    kind: str
    seed: int
    axes: dict[str, str]
    expected: list[Expected]
    missed: list[Expected]
    false: list[Any]
    told: list[tuple[float, bool]]  # the confidence of each finding, and whether it was right
    records: int
    root: str
    said: str  # fault, healthy or unclear

    @property
    def right(self) -> bool:
        """Whether nothing was missed and nothing invented."""
        return not self.missed and not self.false


def judge(kind: str, seed: int, words: str = SEEN) -> tuple[Verdict, list[dict[str, Any]]]:
    """Diagnose one random log; the log itself comes with the verdict."""
    system = build(kind, seed, words)
    records = system.records()
    found = ga.diagnose(ga.from_records(records))
    loud = [finding for finding in found.ranked if finding.severity != "info"]
    open_ = list(system.expected)
    told, false = [], []
    for finding in loud:
        hit = next((one for one in open_ if _is(finding, one)), None)
        again = hit is None and any(_is(finding, one) for one in system.expected)
        if hit is not None:
            open_.remove(hit)
        elif not again and finding.code not in system.tolerated:
            false.append(finding)
        told.append((finding.confidence, finding not in false))
    root = loud[0].code if loud else HEALTHY
    axes = {axis: getattr(system, axis) for axis in AXES}
    # A diagnosis without a verdict of three knows only two of them.
    said = getattr(found, "verdict", None) or (HEALTHY if found.healthy else FAULT)
    return Verdict(kind, seed, axes, system.expected, open_, false, told, len(records), root, said), records


def _is(finding: Any, one: Expected) -> bool:
    named = ANY in one.components or finding.component in one.components
    same_tool = one.tool is None or finding.tool in {one.tool, None}
    blamed = not one.causes or finding.cause_in in one.causes
    return finding.code in one.codes and named and same_tool and blamed


def report(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """The lines of the report: by code, by axis, by confidence, and all together."""
    verdicts = list(verdicts)
    yield f"{'class':18}{'logs':>6}{'found':>9}{'false':>7}   taken for, or found beside"
    for kind in dict.fromkeys(one.kind for one in verdicts):
        mine = [one for one in verdicts if one.kind == kind]
        wanted, found = _counts(mine)
        beside = Counter(finding.code for one in mine for finding in one.false)
        said = ", ".join(f"{code} {number}" for code, number in beside.most_common(6))
        share = f"{found}/{wanted}" if wanted else "-"
        yield f"{kind:18}{len(mine):6}{share:>9}{beside.total():7}   {said}"
    for axis in AXES:
        yield ""
        values: dict[str, list[Verdict]] = defaultdict(list)
        for one in verdicts:
            values[one.axes[axis]].append(one)
        for value, mine in sorted(values.items()):
            yield f"{axis + ': ' + value:28}{_line(mine)}"
    yield ""
    yield "findings by the confidence that the report shows"
    told = [pair for one in verdicts for pair in one.told]
    low = 0.0
    for high in _BINS:
        mine_ = [right for confidence, right in told if low <= confidence < high]
        if mine_:
            share = sum(mine_) / len(mine_)
            yield f"{low:.1f} to {high:.1f} {len(mine_):6} findings, {share:.3f} of them right"
        low = high
    yield ""
    faulty, well = _parted(verdicts)
    if faulty:
        wrongly = f"{_called(faulty, HEALTHY)} called healthy, {_called(faulty, UNCLEAR)} unclear"
        yield f"logs with faults: {len(faulty)}, {wrongly}"
    if well:
        size = sum(one.records for one in well)
        wrongly = f"false alarms in {_alarmed(well)}, {_called(well, UNCLEAR)} called unclear"
        yield f"healthy logs: {len(well)}, {size:,} records, {wrongly}"
    yield f"all logs: {len(verdicts)}, {_line(verdicts)}"


def summary(of: dict[str, list[Verdict]]) -> Iterator[str]:
    """One line for the verdicts on each list of words, and which of them counts."""
    yield (
        f"{'words':8}{'logs':>6}{'precision':>11}{'recall':>8}"
        f"{'faults: healthy':>18}{'unclear':>9}{'healthy: alarms':>18}{'unclear':>9}"
    )
    for words, verdicts in of.items():
        precision, recall = _shares(verdicts)
        faulty, well = _parted(verdicts)
        yield (
            f"{words:8}{len(verdicts):6}{precision:11.3f}{recall:8.3f}"
            f"{_called(faulty, HEALTHY):18}{_called(faulty, UNCLEAR):9}"
            f"{_alarmed(well):18}{_called(well, UNCLEAR):9}"
        )
    yield f"Only {UNSEEN} words give a figure: whoever writes patterns may read the {SEEN} ones."


def _parted(verdicts: list[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    return [one for one in verdicts if one.expected], [one for one in verdicts if not one.expected]


def _called(verdicts: list[Verdict], said: str) -> int:
    return sum(1 for one in verdicts if one.said == said)


def _alarmed(verdicts: list[Verdict]) -> int:
    return sum(1 for one in verdicts if one.false or one.said == FAULT)


def _counts(verdicts: list[Verdict]) -> tuple[int, int]:
    wanted = sum(len(one.expected) for one in verdicts)
    return wanted, wanted - sum(len(one.missed) for one in verdicts)


def _shares(verdicts: list[Verdict]) -> tuple[float, float]:
    """Precision and recall."""
    wanted, found = _counts(verdicts)
    false = sum(len(one.false) for one in verdicts)
    return found / max(1, found + false), found / max(1, wanted)


def _line(verdicts: list[Verdict]) -> str:
    wanted, found = _counts(verdicts)
    false = sum(len(one.false) for one in verdicts)
    precision, recall = _shares(verdicts)
    return (
        f"precision {precision:.3f} ({found} right, {false} false), recall {recall:.3f} ({found} of {wanted})"
    )
