"""Log text shown on one line, in a page, as JSON: it can be read, and nothing else."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from godot_analysis import printable

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))  # lone surrogates too


@given(ANY_TEXT)
def test_a_line_holds_no_character_that_acts(text):
    shown = printable.line(text, 1000)
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")
    shown.encode("utf-8")


@given(ANY_TEXT, st.integers(0, 40))
def test_a_clipped_text_fits(text, most):
    shown = printable.line(text, most)
    assert printable.cell_width(shown) <= most


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\ttabs", "one\\ntwo\\ttabs"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("abc\u202efdp.exe", "abc\\u202efdp.exe"),
        ("lone \ud800 half", "lone \\ud800 half"),
        ("زمان עברית naïve 日本", "زمان עברית naïve 日本"),
        ("", ""),
    ],
)
def test_what_acts_is_spelled_out_and_what_is_text_stays(text, shown):
    assert printable.line(text) == shown


def test_a_wide_character_is_never_cut_in_half():
    assert printable.clip("日本語", 4) == "日…"
    assert printable.clip("日本語", 6) == "日本語"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | ANY_TEXT, lambda inner: st.lists(inner, max_size=3)
    )
)
def test_pretty_json_means_the_same_and_can_be_encoded(value):
    shown = printable.pretty_json(value)
    shown.encode("utf-8")
    assert "\u202e" not in shown
    assert json.loads(shown) == value


def test_pretty_json_says_what_it_cuts():
    assert printable.pretty_json("x" * 100, 11).endswith("\n… 91 more characters")


def test_pretty_json_shows_what_json_cannot_hold():
    assert "object" in printable.pretty_json({"at": object()})
