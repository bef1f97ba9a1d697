"""What somebody who adds to the lexicon or to the catalogue is told when an entry is not right."""

from __future__ import annotations

import pytest

from godot_analysis.diagnosis import catalogue, judge
from godot_analysis.diagnosis.rules import RULES
from godot_analysis.reading import lexicon
from godot_analysis.reading.entries import EntryError

ENTRY = {"match": "quota", "source": "S3", "example": "quota"}


@pytest.mark.parametrize(
    ("kind", "entry", "told"),
    [
        ("quota.storage", ENTRY, "patterns/requests.toml: there is no kind quota.storage in kinds.toml"),
        ("rate.limited", {"match": "quota", "example": "quota"}, "rate.limited, quota: `source` is missing"),
        ("rate.limited", ENTRY | {"alsoo": []}, "rate.limited, quota: nobody reads `alsoo`"),
        ("rate.limited", {}, "an entry: `match` is missing; `source` is missing; `example` is missing"),
    ],
)
def test_a_pattern_that_is_not_right(kind, entry, told):
    with pytest.raises(EntryError, match=told):
        lexicon._checked("requests.toml", kind, entry)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"at_fault": "server"}, "kinds.toml, quota: `phrase` is missing"),
        ({"phrase": "x", "at_fault": "servr"}, "at_fault is none of caller, server"),
        ({"phrase": "x", "fix": "see {componnt}"}, "kinds.toml, quota: `fix` has {componnt}"),
    ],
)
def test_a_kind_that_is_not_right(monkeypatch, entry, told):
    monkeypatch.setattr(lexicon, "_load", lambda path: {"quota": entry})
    with pytest.raises(EntryError, match=told):
        lexicon.kinds.__wrapped__()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"severity": "warn"}, "catalogue.toml, R01: severity is none of error, warning, info"),
        ({"explain": True}, "catalogue.toml, R01: nobody reads `explain`"),
        ({"about": None}, "catalogue.toml, R01: `about` is missing"),
    ],
)
def test_an_entry_of_the_catalogue_that_is_not_right(monkeypatch, wrong, told):
    entries = catalogue.tomllib.loads(
        (catalogue.files("godot_analysis.diagnosis") / "catalogue.toml").read_text()
    )
    entry = {key: value for key, value in (entries["R01"] | wrong).items() if value is not None}
    monkeypatch.setattr(catalogue.tomllib, "loads", lambda text: {"R01": entry})
    with pytest.raises(EntryError, match=told):
        catalogue.catalogue.__wrapped__()


def test_a_rule_without_an_entry_and_an_entry_without_a_rule(monkeypatch):
    monkeypatch.setitem(RULES, "R99", lambda facts: ())
    with pytest.raises(EntryError, match="there is no entry for the rule R99"):
        judge._agree.__wrapped__()
    monkeypatch.delitem(RULES, "R99")
    monkeypatch.delitem(RULES, "R01")
    with pytest.raises(EntryError, match='R01: no function is marked with @rule\\("R01"\\)'):
        judge._agree.__wrapped__()


def test_a_template_that_asks_for_a_word_that_no_match_gives():
    with pytest.raises(EntryError, match=r"R01\.title: its match gives no word for {numbr}"):
        judge._filled("R01.title", "{numbr} calls", {})
