"""How right `ga.diagnose` is on random systems: planted faults of every class, and healthy logs.

    python benchmarks/diagnose.py [--words unseen] [--seed 2000] [--count 10] [--only F29] [--keep DIRECTORY]

The same plan is run in two lists of wordings (`diagnosing/wordlists.py`). Seeds below 2000 and the seen
words are those that the rules were worked on with; figures are of the unseen words on seeds from 2000 on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnosing.plants import PLANTS
from diagnosing.score import HEALTHY, LONG, PAIR, Verdict, judge, report, summary
from diagnosing.wordlists import LISTS, SEEN, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEALTHY_PER_CLASS = 15
_PAIRS_PER_CLASS = 5
_BOTH = "both"


def plan(only: str | None, count: int) -> Iterator[tuple[str, int]]:
    """Which kinds of systems to make, and how many of each."""
    if only is not None:
        yield only, count
        return
    for kind in sorted(PLANTS):
        yield kind, count
    yield PAIR, count * _PAIRS_PER_CLASS
    yield HEALTHY, count * _HEALTHY_PER_CLASS
    yield LONG, max(1, count // 5)


def keep(directory: Path, verdict: Verdict, records: list[dict[str, Any]]) -> None:
    """Write down a log that was judged wrongly, and what was to be found in it."""
    name = f"{verdict.kind.replace(' ', '_')}-{verdict.seed}"
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (directory / f"{name}.jsonl").write_text(lines)
    truth = {
        "axes": verdict.axes,
        "missed": [f"{sorted(one.codes)} {sorted(one.components)} {one.tool}" for one in verdict.missed],
        "false": [finding.to_dict() for finding in verdict.false],
        "root": verdict.root,
        "verdict": verdict.said,
    }
    (directory / f"{name}.truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False))


def verdicts_on(words: str, options: argparse.Namespace) -> list[Verdict]:
    """The verdicts on all logs of the plan, in the words of one list."""
    verdicts = []
    for kind, count in plan(options.only, options.count):
        for seed in range(options.seed, options.seed + count):
            verdict, records = judge(kind, seed, words)
            verdicts.append(verdict)
            # A log in unseen words on the disk would be seen.
            if options.keep is not None and words != UNSEEN and not verdict.right:
                keep(options.keep, verdict, records)
    return verdicts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", choices=[*LISTS, _BOTH], default=_BOTH, help="the list of wordings")
    parser.add_argument(
        "--seed", type=int, default=2000, help="the first seed; the rules were not made with 2000 and above"
    )
    parser.add_argument("--count", type=int, default=10, help="logs of each class")
    parser.add_argument(
        "--only", help=f"one class: a code (with its kind: 'R09 tls'), {PAIR!r}, {HEALTHY!r} or {LONG!r}"
    )
    parser.add_argument(
        "--keep", type=Path, help=f"where to put the logs that were judged wrongly, of the {SEEN} words only"
    )
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    found = {}
    for words in LISTS if options.words == _BOTH else [options.words]:
        found[words] = verdicts_on(words, options)
        print(f"In {words} words\n")
        print("\n".join(report(found[words])), end="\n\n")
    print("\n".join(summary(found)))


if __name__ == "__main__":
    main()
