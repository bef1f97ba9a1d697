"""`godot compare` as a user runs it: components, traces and files, its exit status and its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "demo" / "captures"
HEALTHY, BUG13 = (str(CAPTURES / f"{name}.jsonl") for name in ("healthy", "bug13"))


@pytest.fixture
def compare(godot):
    def run(*arguments, **options):
        return godot("compare", *map(str, arguments), **options)

    return run


def test_two_files(compare):
    done = compare(HEALTHY, BUG13)
    assert done.returncode == 3
    assert "between healthy (left) and bug13 (right)" in done.stdout
    assert done.stdout.index("relay → gates: initialize is on the left only") < done.stdout.index(
        "gates_create_document"
    )
    assert done.stderr == ""
    assert compare(HEALTHY, HEALTHY).returncode == 0


def test_two_components_of_a_file(compare):
    broken = compare("gates", "dewey", "--file", BUG13)
    assert broken.returncode == 3
    assert "nobody is seen to connect to it" in broken.stdout
    healthy = compare("gates", "dewey", "--file", HEALTHY)
    assert healthy.returncode == 0
    assert "Nothing breaks" in healthy.stdout
    assert compare("gates", "relay", "--file", HEALTHY).stdout.startswith("✓ No difference")


def test_two_traces_of_a_file(compare):
    traces = [json.loads(line)["trace_id"] for line in Path(HEALTHY).read_text().splitlines()]
    one, other = [trace for trace in dict.fromkeys(traces) if trace][:2]
    same = compare(one, one, "--file", HEALTHY)
    assert same.returncode == 0
    assert "No difference" in same.stdout
    assert compare(one, other, "--file", HEALTHY).returncode in {0, 3}
    unknown = compare(one, "00000000-0000-4000-8000-000000000000", "--file", HEALTHY)
    assert unknown.returncode == 1
    assert "no record has the trace id" in unknown.stderr


def test_json_says_the_same(compare):
    done = compare(HEALTHY, BUG13, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 3
    assert (told["breaking"], told["left"], told["right"], told["about"]) == (
        True,
        "healthy",
        "bug13",
        "traces",
    )
    assert told["first"]["path"] == "relay → gates/initialize"
    assert told["first"]["evidence"]


def test_text_that_no_terminal_can_show_is_escaped(compare, tmp_path):
    files = []
    for name, said in (("one", r"{\"a\": \"\ud800\"}"), ("two", "\x1b[31m")):
        question = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "gates_a"}}
        answer = {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"content": [{"type": "text", "text": said, "\ud800": said}]},
        }
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text(
            "\n".join(
                json.dumps(
                    {
                        "component": "relay",
                        "data": {"mcp": {"direction": way, "peer": "gates", "payload": payload}},
                    }
                )
                for way, payload in (("sent", question), ("received", answer))
            )
        )
    shown, told = compare(*files), compare(*files, "--json")
    assert shown.returncode == told.returncode
    assert "\x1b" not in shown.stdout
    assert json.loads(told.stdout)["differences"]


def test_only_the_handshake(compare):
    done = compare("gates", "dewey", "--file", HEALTHY, "--what", "initialize", "--json")
    assert {item["path"].split("/")[0] for item in json.loads(done.stdout)["differences"]} == {"initialize"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("gatse", "dewey", "--file", HEALTHY), 1, "did you mean gates?"),
        (("gates", "dewey", "--file", HEALTHY, "--since", "yesterday"), 2, "--since"),
        (("gates",), 2, "Missing argument"),
        (("gates", HEALTHY), 2, "of one kind"),
        ((HEALTHY, BUG13, "--since", "1h"), 2, "not with two files"),
        (("no-such.jsonl", HEALTHY), 1, "no such file"),
        (("gates", "dewey", "--what", "prompts"), 2, "--what"),
        (("gates", "dewey", "--database-url", "postgresql://127.0.0.1:1/x"), 1, "godot: "),
    ],
)
def test_errors_are_one_line_and_tell_what_to_do(compare, arguments, status, said):
    done = compare(*arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_components_of_the_database(compare, database_url):
    done = compare("gates", "dewey", env={"GODOT_DATABASE_URL": database_url})
    assert done.returncode == 1
    assert "knows no component 'gates'" in done.stderr
