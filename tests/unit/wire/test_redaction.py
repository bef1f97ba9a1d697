"""Redaction: the shared vectors, and that no secret survives whatever it is wrapped in."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from godot_wire.redaction import Redactor
from godot_wire.rules import MARKER

VECTORS = json.loads((Path(__file__).parents[3] / "clients" / "wire" / "redaction.json").read_text("utf-8"))
DEFAULT_FIELDS = ("password", "token", "api_key", "authorization", "secret")
MORE_FIELDS = (
    "passwd", "passphrase", "pwd", "private_key", "credentials", "cookie", "set_cookie", "jwt", "mcp_session_id",
    "access_key", "client_secret", "db_password", "auth_token", "session_token", "encryption_key",
)  # fmt: skip
SECRET = "hunter2-tr0ub4dor"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def redact(value, fields=()):
    redactor = Redactor(fields)
    return redactor.text(value) if isinstance(value, str) else redactor.data(value)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case):
    assert redact(case["input"], case.get("fields", ())) == case["output"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_what_is_clean_stays_as_it_is(case):
    assert redact(case["output"], case.get("fields", ())) == case["output"]


def spellings(name):
    words = name.split("_")
    plain = st.sampled_from(
        [
            "_".join(words),
            "-".join(words).upper(),
            words[0] + "".join(word.title() for word in words[1:]),
            "".join(words).upper(),
            " ".join(words).title(),
        ]
    )
    return st.tuples(
        st.sampled_from(["", "x_", "my-", "user"]), plain, st.sampled_from(["", "_2", "Value", "s"])
    ).map("".join)


def spelled(name):
    words = name.split("_")
    return st.sampled_from(
        ["_".join(words), "-".join(words).upper(), words[0] + "".join(word.title() for word in words[1:])]
    )


sensitive_keys = st.sampled_from(DEFAULT_FIELDS).flatmap(spellings) | st.sampled_from(MORE_FIELDS).flatmap(
    spelled
)
secrets = st.one_of(
    st.just(SECRET),
    st.just([SECRET]),
    st.just({"inner": {"value": SECRET}}),
    st.just((1, SECRET)),
    st.just({SECRET}),
    st.just(SECRET.encode()),
    st.just({SECRET: 1}),
)
looks = st.sampled_from(
    [
        f"Bearer {SECRET}",
        f"authorization: bearer {SECRET}",
        f"sk-{SECRET}",
        f"postgresql://me:{SECRET}@host/db",
        f"password={SECRET}",
        f"API-Key: '{SECRET}' and more",
        f'{{"token": "{SECRET}", "a": [1]}}',
        f'{{"token": "{SECRET}", "a": [1',
        f'{{"\\u0074oken": "{SECRET}"}}',
        f'{{"token": "{SECRET}", "token": null}}',
        json.dumps({"text": json.dumps({"secret": {"v": [SECRET]}})}),
        json.dumps(json.dumps(json.dumps({"secret": SECRET}))),
        f"--api-key={SECRET}",
        f"api_key : {SECRET};",
        f"Config(password='{SECRET}', user='me')",
        f"Authorization: ApiKey {SECRET}",
        f'Authorization: Digest username="bob", response="{SECRET}"',
        f"Proxy-Authorization: {SECRET}\r\nHost: x",
        f"password: a {SECRET}",
        f"password=a,{SECRET}",
        f"the password is {SECRET}",
        f"tool --token {SECRET} --port 1",
        f"Cookie: theme=dark; sid={SECRET}",
        f"https://x.example/c?sv=1&sig={SECRET}&se=2",
        f"https://{SECRET}@git.example/x.git",
        f"postgresql://me:a/{SECRET}@host/db",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"AccountName=x;AccountKey={SECRET}==;EndpointSuffix=y",
        f"('x-api-key', '{SECRET}')",
        f"token:\n  {SECRET}\n",
    ]
)


@st.composite
def wrapped(draw, leaves):
    """A leaf at any depth, beside other things, in lists, dicts, texts and sets."""
    value = draw(leaves)
    for kind in draw(
        st.lists(st.sampled_from(["list", "dict", "json", "tuple", "bytes", "properties"]), max_size=12)
    ):
        if kind == "list":
            value = [1, value, None]
        elif kind == "tuple":
            value = ("x", value)
        elif kind == "dict":
            value = {"before": 1, draw(st.sampled_from(["a", "payload", "arguments", ""])): value}
        elif kind == "properties":
            value = {"type": "object", "properties": value}
        elif kind == "json":
            try:
                value = json.dumps({"text": value})
            except TypeError:
                value = [value]
        elif isinstance(value, str):
            value = value.encode()
    return value


@settings(max_examples=300, deadline=None)
@given(wrapped(st.builds(lambda key, secret: {key: secret, "other": 1}, sensitive_keys, secrets)))
def test_no_secret_under_a_sensitive_key_survives(value):
    assert SECRET not in json.dumps(redact(value))


@settings(max_examples=300, deadline=None)
@given(wrapped(looks))
def test_no_secret_that_shows_itself_survives(value):
    assert SECRET not in json.dumps(redact(value))


pairs = st.sampled_from(
    [
        ["Authorization", f"Basic {SECRET}"],
        [b"authorization", SECRET.encode()],
        ["--token", SECRET],
        ["serve", "--api-key", SECRET, "--port", "1"],
        {"name": "DB_PASSWORD", "value": SECRET},
        {"key": "x-api-key", "value": SECRET},
        {"grant_type": "authorization_code", "code": SECRET},
        {"auth": ["me", SECRET]},
        {"rawHeaders": ["Host", "x", "Cookie", f"sid={SECRET}"]},
    ]
)


@settings(max_examples=300, deadline=None)
@given(wrapped(pairs))
def test_no_secret_whose_name_stands_beside_it_survives(value):
    assert SECRET not in json.dumps(redact(value))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["ssn", "creditCard", "PIN", "session-id"]), min_size=1),
    st.sampled_from(
        ["SSN", "customerSsn", "CREDIT_CARD", "credit card", "pin", "user_pin", "Session-ID", "sessionId"]
    ),
)
def test_configured_keys(fields, key):
    flat = key.lower().replace("_", "").replace(" ", "").replace("-", "")
    wanted = any(name.lower().replace("-", "") in flat for name in fields)
    assert (SECRET not in json.dumps(redact({key: SECRET}, fields))) is wanted
    assert (SECRET not in redact(f"{key}={SECRET}", fields)) is wanted


@given(st.text(max_size=200))
def test_any_text_can_be_redacted_twice(text):
    once = redact(text)
    assert redact(once) == once


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abcxyz é\n", max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(json_values)
def test_data_without_secrets_comes_back_equal(value):
    assert Redactor().data(value) == value


def test_what_is_too_deep_is_dropped_not_passed_on():
    value = {"token": SECRET}
    for _ in range(1000):
        value = [value]
    assert SECRET not in json.dumps(Redactor().data(value))


def test_cycles_end():
    value = {"a": 1}
    value["self"] = [value, value]
    assert len(json.dumps(Redactor().data(value))) < 100_000_000


def test_a_failure_drops_the_value():
    class Evil(dict):
        def items(self):
            raise RuntimeError

    redactor = Redactor()
    redactor._walk = None
    assert redactor.data({"password": SECRET}) == MARKER
    redactor._texts = None
    assert redactor.text(f"password={SECRET}") == MARKER


def test_keys_are_texts_as_json_writes_them():
    assert Redactor().data({7: "a", None: "b", True: "c", 2.5: "d", (1, 2): "e"}) == {
        "7": "a", "true": "c", "null": "b", "2.5": "d", "(1, 2)": "e",
    }  # fmt: skip


def test_numbers_that_json_has_not():
    value = Redactor().data([float("nan"), float("inf"), float("-inf"), 10**5000, 1 + 2j])
    assert value[:3] == ["NaN", "Infinity", "-Infinity"]
    assert value[3] == hex(10**5000)
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    "text",
    ["token" * 40_000, "a" * 200_000, "-eyJ" * 50_000, "://" * 60_000, "://a:" * 40_000, "token=" * 30_000,
     '"password":"' * 16_000, 'api_key:\\"' * 20_000, "bearer " * 30_000, "sk-" * 60_000, "secret" + "." * 200_000,
     "password: '" + "\\" * 200_000, '{"a":' * 40_000, "token: [" * 30_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_text_takes_linear_time(text):
    started = time.process_time()
    Redactor(("credit_card",)).text(text)
    assert time.process_time() - started < 5, "quadratic patterns take minutes here"
