"""Records of kinds that the golden examples do not list, among good ones: what becomes of each is said here.

"row": stored as it is; text: stored, with this mark; "dead": a dead letter that keeps every byte.
"""

from __future__ import annotations

import gzip
import json
import uuid

import pytest

pytestmark = pytest.mark.chaos

TIME = "2026-11-22T10:00:00Z"


def record(**changes):
    return {
        "id": str(uuid.uuid4()),
        "component": "gates",
        "level": "INFO",
        "message": "one of a kind",
        "event_created_at": TIME,
        **changes,
    }


def made(**changes):
    return json.dumps(record(**changes)).encode()


def spelled(data, **changes):
    """With `data` in this spelling, which json.dumps would not write."""
    return made(data="<here>", **changes).replace(b'"<here>"', data)


def moment(text):
    return made(event_created_at=text)


NOT_A_TIME = "event_created_at: not a time"
KINDS = {
    # what is no JSON, or not only
    "byte order mark": (b"\xef\xbb\xbf" + made(), "text: byte order mark removed"),
    "three byte order marks": (b"\xef\xbb\xbf" * 3 + made(), "text: byte order mark removed"),
    "only a byte order mark": (b"\xef\xbb\xbf", "dead"),
    "UTF-16": (made().decode().encode("utf-16"), "dead"),
    "UTF-32 without a mark": (made().decode().encode("utf-32-le"), "dead"),
    "gzip": (gzip.compress(made(), mtime=0), "dead"),
    "msgpack": (b"\x82\xa9component\xa5gates\xa7message\xa2hi", "dead"),
    "YAML": (b"component: gates\nlevel: INFO\nmessage: hi\n", "dead"),
    "logfmt": (b"component=gates level=INFO message=hi", "dead"),
    "comment": (made()[:-1] + b" /* why not */}", "dead"),
    "trailing comma": (made()[:-1] + b",}", "dead"),
    "single quotes": (str(record()).encode(), "dead"),
    "two objects, a line each": (made() + b"\n" + made(), "dead"),
    "JSON in JSON": (json.dumps(made().decode()).encode(), "dead"),
    "invalid escape": (spelled(rb'{"x": "\u12G4"}'), "dead"),
    "half an escape": (spelled(rb'{"x": "\ud83d\ude0"}'), "dead"),
    "unescaped control characters": (spelled(b'{"x": "a\nb\x01"}'), "dead"),
    "leading zero": (spelled(b'{"x": 007}'), "dead"),
    "hexadecimal": (spelled(b'{"x": 0x10}'), "dead"),
    "only blanks": (b" \n\t ", "dead"),
    "only NUL": (b"\0" * 100, "dead"),
    "NUL behind it": (made() + b"\0", "dead"),
    "200,000 brackets": (b"[" * 200_000, "dead"),
    "COPY's end": (b"\\.", "dead"),
    # numbers
    "a million digits": (spelled(b'{"n": ' + b"9" * 1_000_000 + b"}"), "dead"),
    "1e400": (spelled(b'{"n": 1e400}'), "row"),
    "1e-400": (spelled(b'{"n": 1e-400}'), "row"),
    "-0": (spelled(b'{"n": -0, "m": -0.0}'), "row"),
    "NaN": (spelled(b'{"n": -NaN}'), "dead"),
    "-Infinity": (spelled(b'{"n": -Infinity}'), "data: NaN or Infinity became text"),
    "seq beyond 64 bits": (made(seq=2**63), "seq: not a count: 9223372036854775808"),
    "seq negative": (made(seq=-1), "seq: not a count: -1"),
    "seq with a fraction": (made(seq=1.0), "seq: not a count: 1.0"),
    "the greatest seq": (made(seq=2**63 - 1), "row"),
    # shapes
    "keys of JavaScript": (made(data={"__proto__": {"x": 1}, "constructor": 2, "toString": None}), "row"),
    "empty keys": (made(data={"": {"": ""}}), "row"),
    "key of 1 MB": (made(data={"k" * 1_000_000: 1}), "row"),
    "100,000 keys": (made(data={f"key {n}": n for n in range(100_000)}), "row"),
    "array of 100,000": (made(data={"x": list(range(100_000))}), "row"),
    "message of 100,000 different words": (made(message=" ".join(f"word{n}" for n in range(100_000))), "row"),
    "message of nested arrays": (
        json.dumps(record(message="<here>")).encode().replace(b'"<here>"', b"[" * 150 + b"]" * 150),
        "message: not text",
    ),
    "component an array": (made(component=["gates"]), "dead"),
    "component an emoji": (made(component="\U0001f9d1\u200d\U0001f680"), "row"),
    "component of control characters": (made(component="\x1b[31mgates\r\n\x07"), "row"),
    "component of 64 emoji": (made(component="\U0001f680" * 64), "row"),
    "instance of 1 MB": (made(instance="host:" + "x" * 1_000_000), "row"),
    "level with an umlaut": (made(level="\u00efnfo"), "level: unknown"),
    "our own place taken": (made(data={"_extra": [7]}, host="build-7"), "data: _extra was taken"),
    "our own mark": (made(data={"_repaired": "by me", "_extra": 7}), "row"),
    # text
    "lone surrogates in keys": (made(data={"\ud800": {"\udfff": "\ud800"}}), "text: lone surrogate"),
    "surrogates in the wrong order": (made(message="\ude00\ud83d"), "text: lone surrogate"),
    "overlong UTF-8": (made(message="<>").replace(b"<>", b"\xc0\xaf"), "text: invalid UTF-8"),
    "text that looks like COPY": (made(message="\\N\t\\.\n\\x00", instance="\\N"), "row"),
    "text that looks like SQL": (
        made(message="'); drop table logs; --", component="$$; drop table logs", data={"'": '"; --'}),
        "row",
    ),
    "text that looks like a format": (made(message="%s %(x)s {0} ${jndi:ldap://x}"), "row"),
    "writing from right to left": (made(message="\u202egnol\u2066 \u200f"), "row"),
    # times
    "30 February": (moment("2026-02-30T00:00:00Z"), NOT_A_TIME),
    "leap second": (moment("2016-12-31T23:59:60Z"), NOT_A_TIME),
    "zone +25:00": (moment("2026-11-22T10:00:00+25:00"), NOT_A_TIME),
    "year 0": (moment("0000-01-01T00:00:00Z"), NOT_A_TIME),
    "time an array": (made(event_created_at=[2026, 11, 22]), NOT_A_TIME),
    "time 1e999999999": (
        made(event_created_at="<>").replace(b'"<>"', b"1e999999999"),
        "event_created_at: out of range",
    ),
    "negative epoch": (made(event_created_at=-1), "event_created_at: out of range"),
    "the first instant, by a zone": (moment("0001-01-01T00:00:00+23:59"), "event_created_at: out of range"),
    # ids
    "nil id": (made(id="00000000-0000-0000-0000-000000000000"), "row"),
    "id in braces": (made(id="{0192c3d4-0000-7000-8000-000000000001}"), "id: not a UUID"),
    "id with blanks between": (made(id="01 92c3d400007000800000000000 01"), "id: not a UUID"),
    "trace id of other digits": (made(trace_id="\u0661" * 32), "trace_id: not a UUID"),
    # several at once
    "everything that can be repaired": (
        spelled(
            b'[NaN, "\\u0000\\ud800", ' + b"[" * 300 + b"]" * 300 + b"]",
            id=7,
            trace_id=[],
            component="c" * 99,
            level={},
            message=None,
            event_created_at="soon",
            instance=[1],
            seq="1",
        ),
        "seq: not a count",
    ),
}


def test_bad_records_among_good_ones(stand):
    """One row or one dead letter each; the good ones are all there; the daemon goes on."""
    daemon = stand.start()
    for raw, _ in KINDS.values():
        stand.client.lpush("logs:queue", raw, *stand.records(5))
    stand.push(100)
    stand.settle()
    assert daemon.poll() is None
    assert stand.sent <= stand.stored().keys()
    rows = stand.admin.execute("select data from logs where component <> 'matrix'").fetchall()
    letters = [bytes(raw) for (raw,) in stand.admin.execute("select raw from dead_letters")]
    assert sorted(letters) == sorted(raw for raw, fate in KINDS.values() if fate == "dead")
    assert len(rows) + len(letters) == len(KINDS)
    assert stand.audit().problems == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_record_of_kind(bad_records, kind):
    raw, fate = KINDS[kind]
    rows, dead = bad_records[kind]
    if fate == "dead":
        assert (rows, dead) == ([], [raw])
        return
    assert dead == []
    [marks] = rows
    if fate == "row":
        assert marks in (None, "by me")
    else:
        assert any(mark.startswith(fate) for mark in marks), marks


@pytest.fixture(scope="module")
def bad_records(proxied):
    """What became of each kind: the marks of its rows, and the bytes of its dead letters."""
    proxied.start("--batch-window-ms", "5")
    found = {}
    for kind, (raw, _) in KINDS.items():
        proxied.client.lpush("logs:queue", raw)
        proxied.settle()
        rows = proxied.admin.execute("delete from logs returning data -> '_repaired'").fetchall()
        letters = proxied.admin.execute("delete from dead_letters returning raw").fetchall()
        found[kind] = [marks for (marks,) in rows], [bytes(letter) for (letter,) in letters]
    assert proxied.daemons[-1].poll() is None
    return found


def test_one_id_for_two_records(stand):
    """At one time they are the same record, and the second is counted as a duplicate; at two times they are two."""
    stand.start()
    stand.client.lpush("logs:queue", made(id="0192c3d4-0000-7000-8000-000000000001", message="first"))
    stand.settle()
    stand.client.lpush(
        "logs:queue",
        made(id="0192c3d4-0000-7000-8000-000000000001", message="second"),
        made(
            id="0192c3d4-0000-7000-8000-000000000001",
            message="third",
            event_created_at="2026-11-22T11:00:00Z",
        ),
    )
    stand.settle()
    assert stand.admin.execute("select message from logs order by 1").fetchall() == [("first",), ("third",)]
    assert stand.admin.execute("select sum(stored), sum(duplicate) from ingest_ledger").fetchone() == (2, 1)
    assert stand.audit().problems == []
