"""The table of rules: its examples, its copies, that it is linear, and that both languages read it alike."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from godot_demo.node import node_program
from godot_wire.keys import PLAIN, STEMS, SensitiveKeys
from godot_wire.redaction import TEXT_BOUND, Redactor
from godot_wire.rules import MARKER, TABLE
from godot_wire.texts import WINDOW

ROOT = Path(__file__).parents[3]
WIRE = ROOT / "clients/wire"
VECTORS = json.loads((WIRE / "redaction.json").read_text("utf-8"))
ATTACKS = json.loads((WIRE / "attacks.json").read_text("utf-8"))
ENTRIES = [entry for kind in ("keys", "pairs", "values", "blocks", "addresses") for entry in TABLE[kind]] + [
    TABLE["query"]
]


def redact(value, **settings):
    redactor = Redactor(key=b"", **settings)
    return redactor.text(value) if isinstance(value, str) else redactor.data(value)


def bench(name):
    """A module of benchmarks/, which is no package."""
    place = ROOT / "benchmarks" / f"{name.replace('.', '/')}.py"
    spec = importlib.util.spec_from_file_location(name.rpartition(".")[2], place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["rule"])
def test_each_entry_hides_its_example_and_keeps_the_other(entry):
    assert MARKER in json.dumps(redact(entry["hides"]))
    assert redact(entry["keeps"]) == entry["keeps"]


@pytest.mark.parametrize("copy", ["python/godot_wire/rules.json", "../node/lib/rules.json"])
def test_the_copies_are_the_table(copy):
    """After a change: copy clients/wire/rules.json over both."""
    assert (WIRE / copy).read_bytes() == (WIRE / "rules.json").read_bytes()


def test_a_stem_is_in_every_name_of_the_table():
    names = [name for entry in TABLE["keys"] for name in entry["names"]]
    keys = SensitiveKeys()
    assert len(names) > 60
    for name in names:
        assert keys.judge(name) != PLAIN, name
        assert any(stem in name.lower() for stem in STEMS), name


def test_triggers_are_lower_case_and_in_what_they_are_for():
    for entry in TABLE["values"]:
        assert all(trigger == trigger.lower() for trigger in entry["triggers"])
        assert any(trigger in entry["hides"].lower() for trigger in entry["triggers"]), entry["rule"]


def fragments():
    found = list(ATTACKS["texts"])
    for number, name in enumerate(ATTACKS["names"]):
        for sign in ATTACKS["signs"]:
            found += [name + sign + start for start in ATTACKS["starts"][number % 2 :: 2]]
    for entry in TABLE["values"]:
        found += [*entry["triggers"], entry["hides"], entry["keeps"], f"-{entry['hides'][:8]}"]
        found += re.findall(r"[A-Za-z0-9_.:/-]{3,}", entry["pattern"])
    return list(dict.fromkeys(found))


def seconds(redactor, text):
    started = time.process_time()
    redactor.text(text)
    return time.process_time() - started


@pytest.mark.parametrize("part", range(8))
def test_time_is_linear_in_the_length_of_any_text(part):
    redactor = Redactor(("credit_card",), key=b"")
    slow = []
    for fragment in fragments()[part::8]:
        short, long = ((fragment * (size // len(fragment) + 1))[:size] for size in (5_000, 40_000))
        few = seconds(redactor, short)
        many = seconds(redactor, long)
        if many > 24 * few + 0.1:  # eight times as long: 64 times as much if it were quadratic
            slow.append((fragment, few, many))
    assert not slow


@pytest.mark.parametrize(
    "filling", ["\\", " ", '"', "'", "a", ".", "=", "[", "a ", "é", "\t", '\\"', "a,", "--a "]
)
@pytest.mark.parametrize(
    "begin", ['token=\\"', "password: ", "authorization: ", "cookie: ", "pwd is ", "://a:", "eyJ"]
)
def test_one_name_before_a_long_filling(begin, filling):
    redactor = Redactor(key=b"")
    assert seconds(redactor, begin + filling * (400_000 // len(filling))) < 2


def test_other_threads_run_while_a_long_text_is_redacted():
    """`re` keeps the interpreter's lock: no single search may be long."""
    text = 'token=\\"' + "\\" * 2_000_000 + " token " * 200_000
    gaps, done = [], threading.Event()

    def tick():
        last = time.monotonic()
        while not done.is_set():
            time.sleep(0.001)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        Redactor(key=b"").text(text)
    finally:
        done.set()
        thread.join()
    assert sorted(gaps)[-2] < 0.5, "the old expression needed minutes, in one piece"


@pytest.mark.parametrize("secret", ["password=hunter2", "sk-proj-hunter2hunter2", "postgresql://me:hunter2@h/d",
                                    "Authorization: ApiKey hunter2", "--token hunter2", "?sig=hunter2x"])  # fmt: skip
@pytest.mark.parametrize("filling", [". ", "a", "x=1 ", "é"])
def test_nothing_is_missed_where_two_windows_meet(secret, filling):
    separator = "" if secret.startswith("password") else " "
    for shift in range(-40, 8, 3):
        before = (filling * (WINDOW // len(filling) + 1))[: WINDOW + shift]
        clean = redact(before + separator + secret + " " + filling * 3000)
        assert "hunter2" not in clean, shift


def test_what_is_beyond_the_bound_is_cut_and_says_so():
    text = "word " * (TEXT_BOUND // 5 + 1000)
    clean = redact(text + "password=hunter2")
    assert clean.endswith(f"[cut from {len(text) + 16} characters]")
    assert len(clean) <= TEXT_BOUND + 64
    assert redact({"a": [text[: TEXT_BOUND // 2]] * 3})["a"][2].startswith("[cut from ")


def test_the_hash_in_the_marker_tells_equal_secrets_without_telling_them():
    [case] = VECTORS["hash"]["cases"]
    redactor = Redactor(key=VECTORS["hash"]["key"].encode())
    assert redactor.data(case["input"]) == case["output"]
    assert redactor.data(case["output"]) == case["output"]
    assert Redactor(key=b"another").data(case["input"]) != case["output"]
    assert redact(case["input"])["a"] == {"password": MARKER}


def test_the_key_of_the_hash_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("GODOT_REDACT_KEY", VECTORS["hash"]["key"])
    [case] = VECTORS["hash"]["cases"]
    assert Redactor().data(case["input"]) == case["output"]
    (tmp_path / "key").write_text(VECTORS["hash"]["key"] + "\n")
    monkeypatch.delenv("GODOT_REDACT_KEY")
    monkeypatch.setenv("GODOT_REDACT_KEY_FILE", str(tmp_path / "key"))
    assert Redactor().data(case["input"]) == case["output"]
    monkeypatch.setenv("GODOT_REDACT_KEY_FILE", str(tmp_path / "none"))
    assert Redactor().data({"password": "x"}) == {"password": MARKER}


@pytest.mark.parametrize("seed", [13, 1, 2])
def test_precision_and_recall(seed):
    script = _script()
    secrets, harmless = script.planted(seed), script.lookalikes(seed)
    assert len(secrets) >= 300
    assert len(harmless) >= 200
    results = script.in_python([*(each.value for each in secrets), *harmless])
    passed, hidden = script.judged(results, secrets, harmless)
    assert len(passed) <= 0.02 * len(secrets), passed
    assert len(hidden) <= 0.02 * len(harmless), hidden


def _script():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return bench("redaction")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_node_hides_the_same():
    script = _script()
    values = [*(each.value for each in script.planted()), *script.lookalikes()]
    values += [case["input"] for case in VECTORS["cases"]] + [fragment * 3 for fragment in fragments()]
    values = [script.plain(value) for value in values]
    text = json.dumps(values)
    done = subprocess.run(
        [node_program(), script.NODE], input=text, capture_output=True, text=True, check=True
    )
    ours = [redact(value) for value in values]
    differing = [
        (value, mine, other)
        for value, mine, other in zip(values, ours, json.loads(done.stdout), strict=True)
        if mine != other
    ]
    assert not differing, f"{len(differing)} of {len(values)}: {differing[:5]}"
