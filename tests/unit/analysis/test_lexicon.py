"""The whole lexicon: every entry is needed, stays within its kind, and is read in linear time."""

from __future__ import annotations

import builtins
import errno
import http
import random
import re
import signal
import socket
import time
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from godot_analysis.reading.classify import bounded, everything
from godot_analysis.reading.lexicon import Pattern, identifier_tables, kinds, patterns
from godot_analysis.reading.lexicon.anchors import anchors

if TYPE_CHECKING:
    from types import ModuleType

GOLDEN = Path(__file__).parent / "golden" / "identifiers.txt"
LONGEST_REPEAT = 200
FLAGS = re.IGNORECASE | re.DOTALL


def entry_id(pattern) -> str:
    return f"{pattern.kind}: {pattern.match[:60]}"


COMPILED = {one: re.compile(one.match, FLAGS) for one in patterns()}  # `re` itself remembers 512 at most
OF_KIND = {
    kind: {one: expression for one, expression in COMPILED.items() if one.kind == kind} for kind in kinds()
}
WORDS = {
    word: kind for table in identifier_tables() if table.form == "word" for word, kind in table.kinds.items()
}


def matched(kind: str, text: str) -> list[Pattern]:
    """The wordings of a kind that a text holds, every one of them tried."""
    return [one for one, expression in OF_KIND[kind].items() if expression.search(bounded(text))]


def by_patterns(text: str) -> set[str]:
    """The kinds that wordings tell of when every one of them is tried."""
    return {one.kind for one, expression in COMPILED.items() if expression.search(bounded(text))}


def by_identifiers(text: str) -> set[str]:
    """The kinds that identifiers alone tell of."""
    told = {kind for kind in everything(text).kinds if not matched(kind, text)}
    return told | {WORDS[word] for word in re.findall(r"\w+", text) if word in WORDS}


@pytest.mark.parametrize("pattern", patterns(), ids=entry_id)
def test_a_pattern_is_needed_by_its_own_example_and_stays_within_its_kind(pattern):
    assert matched(pattern.kind, pattern.example) == [pattern], (
        "its example must be matched by it, and by no other pattern of its kind"
    )
    assert pattern.kind not in by_identifiers(pattern.example), (
        "an identifier tells the same: take another example"
    )
    told = everything(pattern.example)
    assert set(told.kinds) == {pattern.kind, *pattern.also}, "name other kinds in `also`"
    assert told.kind == pattern.kind or kinds()[pattern.kind].ordinary, "a kind before it is told as well"


@pytest.mark.parametrize("kind", kinds())
def test_no_wording_is_passed_over_by_what_makes_the_search_fast(kind):
    for pattern, expression in OF_KIND[kind].items():
        needed = anchors(pattern.match)
        for text in (pattern.example, *made_from(pattern.match)):
            if expression.search(text):
                assert not needed or any(anchor in text.lower() for anchor in needed), (pattern.match, text)


def made_from(match: str) -> list[str]:
    """A few texts made from an expression: its first, its last and some other branches, few and many repeats."""
    tree = re._parser.parse(match, FLAGS)
    return ["".join(spelt(tree, random.Random(seed))) for seed in range(8)]


def spelt(node, dice: random.Random) -> list[str]:
    said: list[str] = []
    for op, argument in node:
        match str(op):
            case "LITERAL":
                said.append(chr(argument))
            case "NOT_LITERAL" | "ANY":
                said.append("x")
            case "IN":
                said.append(one_of(argument))
            case "BRANCH":
                said += spelt(dice.choice(argument[1]), dice)
            case "SUBPATTERN":
                said += spelt(argument[-1], dice)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, inner = argument
                for _ in range(dice.choice((least, min(int(most), least + 2)))):
                    said += spelt(inner, dice)
            case _:  # what looks around has no width
                pass
    return said


def one_of(members) -> str:
    of_class = {
        "CATEGORY_DIGIT": "7",
        "CATEGORY_SPACE": " ",
        "CATEGORY_NOT_WORD": "-",
        "CATEGORY_NOT_DIGIT": "x",
    }
    op, argument = members[0]
    match str(op):
        case "NEGATE":
            return "x"
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            return chr(argument[0])
        case _:
            return of_class.get(str(argument), "x")


@pytest.mark.parametrize("kind", kinds())
def test_a_pattern_does_not_match_its_neighbours(kind):
    for pattern, text in [(one, text) for one in OF_KIND[kind] for text in one.unlike]:
        assert not COMPILED[pattern].search(text), text
        assert pattern.kind not in everything(text).kinds, text


def test_identifiers_are_those_that_were_recorded(request):
    lines = [
        f"{table.name} {word} {kind}"
        for table in identifier_tables()
        for word, kind in sorted(table.kinds.items())
    ]
    if request.config.getoption("--record"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == GOLDEN.read_text(encoding="utf-8").splitlines(), "pytest --record, if this is meant"


def test_every_identifier_tells_its_kind():
    for table in identifier_tables():
        for word, kind in table.kinds.items() if "{id}" not in table.form else ():
            told = (
                everything(f"failed: {word} (1)")
                if table.form == "word"
                else everything("failed", **{table.form: int(word)})
            )
            assert kind in told.kinds, (table.name, word)


def identifier_sources() -> dict[str, dict[str, Any]]:
    """The tables as they are written: with `examples`, `unlike` and `omitted`, which only these tests read."""
    return {
        path.name.removesuffix(".toml"): tomllib.loads(path.read_text(encoding="utf-8"))
        for path in (files("godot_analysis.reading.lexicon") / "identifiers").iterdir()
    }


SOURCES = identifier_sources()
IN_WORDS = [name for name, told in SOURCES.items() if "{id}" in told["form"]]


def named(table: str) -> set[str]:
    """Every identifier that a table places or leaves out for a reason."""
    told = SOURCES[table]
    groups = [*told["kinds"].values(), *told.get("omitted", {}).values()]
    return {str(one) for group in groups for one in group}


def told_by(name: str, text: str) -> set[str]:
    """The kinds that one table with an expression tells of a text."""
    names = {str(one): kind for kind, group in SOURCES[name]["kinds"].items() for one in group}
    any_of = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return {
        names[hit["id"]]
        for hit in re.finditer(SOURCES[name]["form"].replace("{id}", f"(?P<id>{any_of})"), text)
    }


@pytest.mark.parametrize("name", IN_WORDS)
def test_an_identifier_with_words_around_it_is_found_in_its_examples_and_not_elsewhere(name):
    assert SOURCES[name]["examples"]
    for text, kind in SOURCES[name]["examples"].items():
        assert told_by(name, text) == {kind}, text
        assert kind in everything(text).kinds, text
    for text in SOURCES[name]["unlike"]:
        assert not told_by(name, text), text


def test_no_identifier_is_both_placed_and_left_out():
    for name, told in SOURCES.items():
        placed = [one for group in told["kinds"].values() for one in group]
        assert len(placed) == len(set(placed)), name
        assert not {one for group in told.get("omitted", {}).values() for one in group} & set(placed), name


def exceptions_of(*modules: ModuleType) -> set[str]:
    return {
        one.__name__
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, BaseException)
    }


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        (["errno"], set(errno.errorcode.values())),
        (["gai"], {name for name in dir(socket) if name.startswith("EAI_")}),
        (["signals"], {one.name for one in signal.Signals}),
        (["http"], {str(int(one)) for one in http.HTTPStatus}),
        (["python"], exceptions_of(builtins)),
    ],
    ids=["errno", "getaddrinfo", "signals", "http", "python"],
)
def test_a_table_has_every_name_of_its_source_or_a_reason_why_not(tables, names):
    assert not names - {one for table in tables for one in named(table)}


def test_the_table_of_pydantic_has_every_type_of_error_or_a_reason_why_not():
    core_schema = pytest.importorskip("pydantic_core").core_schema
    assert not set(get_args(core_schema.ErrorType)) - named("pydantic")


def test_numbers_of_errors_are_those_of_their_names():
    kind_of = {one: kind for kind, group in SOURCES["errno"]["kinds"].items() for one in group}
    told = {str(one): kind for kind, group in SOURCES["errno_number"]["kinds"].items() for one in group}
    here = {str(number): kind_of[name] for number, name in errno.errorcode.items() if name in kind_of}
    assert not {
        number: kind for number, kind in told.items() if here.get(number, kind) != kind and int(number) > 90
    }
    # below, numbers of macOS stand among those of Linux, whose own are STREAMS there and left out
    shared = {str(number) for number in range(1, 35)}
    assert {number: told[number] for number in shared & set(told)} == {
        number: here[number] for number in shared & set(told)
    }


def test_statuses_in_a_text_tell_what_they_tell_beside_it():
    told = {str(one): kind for kind, group in SOURCES["http_text"]["kinds"].items() for one in group}
    beside = {str(one): kind for kind, group in SOURCES["http"]["kinds"].items() for one in group}
    assert {one: told[one] for one in told if one in beside} == {
        one: beside[one] for one in told if one in beside
    }


def test_a_reason_phrase_tells_what_its_number_tells():
    told = {str(one): kind for kind, group in SOURCES["http_text"]["kinds"].items() for one in group}
    for kind, group in SOURCES["http_reason"]["kinds"].items():
        assert {told[phrase[:3]] for phrase in group} == {kind}


@pytest.mark.parametrize(
    "text",
    [
        "All 503 rows were written in 502 ms.",
        "Error handling: the missing field is required and the value unknown.",
        "The exception was handled; no timeout, no error.",
        "You must be string-matching the moved key to ask, and stay busy.",
        "status: ok, code: 0, returned 404 results",
        "version 1.0.127 of port 4043 exited normally",
    ],
)
def test_ordinary_prose_holds_no_identifier(text):
    assert not set(everything(text).kinds) - by_patterns(text)


def test_no_word_stands_in_two_tables_with_different_kinds():
    seen: dict[str, str] = {}
    for table in identifier_tables():
        for word, kind in table.kinds.items() if table.form == "word" else ():
            assert seen.setdefault(word, kind) == kind, word


def test_every_kind_is_told_by_something():
    told = {pattern.kind for pattern in patterns()} | {
        kind for table in identifier_tables() for kind in table.kinds.values()
    }
    assert told == set(kinds())


def test_every_entry_has_a_source():
    assert not [pattern.match for pattern in patterns() if not pattern.source.strip()]


def repeats(node, found: list[int]) -> list[int]:
    for op, argument in node:
        if str(op) in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            _, most, inner = argument
            found.append(int(most))
            repeats(inner, found)
        elif isinstance(argument, (tuple, list)):
            for part in argument:
                if isinstance(part, re._parser.SubPattern):
                    repeats(part, found)
                elif isinstance(part, list):
                    for one in part:
                        if isinstance(one, re._parser.SubPattern):
                            repeats(one, found)
        elif isinstance(argument, re._parser.SubPattern):
            repeats(argument, found)
    return found


EXPRESSIONS = [(entry_id(one), one.match, one.example) for one in patterns()] + [
    (table.name, table.form.replace("{id}", "(?:a|b)"), "a")
    for table in identifier_tables()
    if "{id}" in table.form
]


def test_every_repetition_is_bounded():
    most = {name: max(repeats(re._parser.parse(match, FLAGS), [0])) for name, match, _ in EXPRESSIONS}
    assert not {name for name, bound in most.items() if bound > LONGEST_REPEAT}


def test_a_pattern_is_one_wording():
    """Of several at the outermost level, one could be taken away and no example would miss it."""
    assert not [one.match for one in patterns() if split(one.match) != [one.match]]


def split(match: str) -> list[str]:
    """The branches at the outermost level; those of the parser have lost what they share."""
    depth, parts, within = 0, [""], False
    for sign in re.findall(r"\\.|.", match, re.DOTALL):
        within = (within and sign != "]") or (not within and sign == "[")
        depth += (sign == "(") - (sign == ")") if not within and sign != "[" else 0
        if sign == "|" and not depth and not within:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


SLOW = 0.02
LONG = 12_288


@pytest.mark.parametrize(("name", "match", "example"), EXPRESSIONS, ids=[name for name, *_ in EXPRESSIONS])
def test_no_text_holds_an_expression_up(name, match, example):
    expression = re.compile(match, FLAGS)
    half, words = example[: len(example) // 2 + 1], " ".join(re.findall(r"\w+", example)[:2]) + " "
    for fragment in (half, words):
        text = (fragment * (LONG // len(fragment) + 1))[:LONG]
        if (took := least(expression, text)) > SLOW:  # then it has to grow as the text does
            assert least(expression, text * 4) < 10 * took, fragment
            assert took < 0.5, fragment


def least(expression: re.Pattern[str], text: str) -> float:
    """The processor time of a search; the shorter of two where the first one was long."""
    times: list[float] = []
    while len(times) < 2:
        began = time.process_time()
        expression.search(text)
        times.append(time.process_time() - began)
        if times[0] < SLOW:
            break
    return min(times)
