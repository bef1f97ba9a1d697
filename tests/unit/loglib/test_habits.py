"""What people write who come from `logging` or structlog: it works, keeps everything, and never raises."""

# ruff: noqa: PLE1205, G  these are calls as people write them

import json
import signal

import pytest

from godot_loglib import ICCMLogger, Trace
from godot_loglib.testing import capture

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def logged():
    """What one call records: message, data, trace."""

    def call(log, **settings):
        with capture() as captured:
            log(ICCMLogger("gates", level="TRACE", **settings))
        (record,) = captured.records
        return record["message"], record["data"], record["trace_id"]

    return call


@pytest.mark.parametrize(
    ("log", "message", "data", "trace"),
    [
        (lambda lg: lg.info("hi", user="bob"), "hi", {"user": "bob"}, None),
        (lambda lg: lg.info("hi", {"a": 1}, user="bob"), "hi", {"a": 1, "user": "bob"}, None),
        (lambda lg: lg.info("hi", [1], user="bob"), "hi", {"value": [1], "user": "bob"}, None),
        (lambda lg: lg.info("hi", data={"a": 1}, trace_id=ID), "hi", {"a": 1}, ID),
        (lambda lg: lg.info("hi", {"a": 1}, data=2), "hi", {"a": 1, "data": 2}, None),
        (lambda lg: lg.info("hi", {"a": 1}, ID), "hi", {"a": 1}, ID),
        (lambda lg: lg.info("hi", None, ID), "hi", None, ID),
        (lambda lg: lg.info("user %s", "bob"), "user bob", None, None),
        (lambda lg: lg.info("user %s", "bob", trace_id=ID), "user bob", None, ID),
        (lambda lg: lg.info("user %s", "bob", ID), "user bob", None, ID),
        (lambda lg: lg.info("user %s", "bob", {"ip": 1}), "user bob", {"ip": 1}, None),
        (lambda lg: lg.info("user %s", "bob", ip=1), "user bob", {"ip": 1}, None),
        (lambda lg: lg.info("%s and %s", "a", "b"), "a and b", None, None),
        (lambda lg: lg.info("%s, %d, %r, %5.1f", "a", 2, "c", 3), "a, 2, 'c',   3.0", None, None),
        (lambda lg: lg.info("%*d", 5, 7), "    7", None, None),
        (lambda lg: lg.info("%(user)s", {"user": "bob"}), "bob", {"user": "bob"}, None),
        (lambda lg: lg.info("100%", {"a": 1}), "100%", {"a": 1}, None),
        (lambda lg: lg.info("100% sure", "x"), "100% sure", {"value": "x"}, None),
        (lambda lg: lg.info("100%% of %s", "x"), "100% of x", None, None),
        (lambda lg: lg.info("%d", "x"), "%d", {"value": "x"}, None),
        (lambda lg: lg.info("%s %s", "x"), "%s %s", {"value": "x"}, None),
        (lambda lg: lg.info("no place", "x"), "no place", {"value": "x"}, None),
        (lambda lg: lg.info("no place", "x", 2, 3), "no place", {"arguments": ["x", 2, 3]}, None),
        (lambda lg: lg.info("hi", extra={"ip": 1}), "hi", {"ip": 1}, None),
        (lambda lg: lg.info("hi", self=1, message="m", level="x"), "hi", {"self": 1, "message": "m", "level": "x"}, None),
        (lambda lg: lg.info(), "", None, None),
        (lambda lg: lg.info("hi", exc_info=True), "hi", None, None),
        (lambda lg: lg.bind(user="bob").info("hi"), "hi", {"user": "bob"}, None),
        (lambda lg: lg.bind(user="bob").info("hi", {"user": "eve", "a": 1}), "hi", {"user": "eve", "a": 1}, None),
        (lambda lg: lg.child({"a": 1}).child(b=2).info("hi %s", "x"), "hi x", {"a": 1, "b": 2}, None),
    ],
)  # fmt: skip
def test_calls(logged, log, message, data, trace):
    assert logged(log) == (message, data, trace)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("trace", "TRACE"), ("debug", "DEBUG"), ("info", "INFO"), ("warn", "WARN"), ("warning", "WARN"),
        ("error", "ERROR"), ("critical", "ERROR"), ("fatal", "ERROR"), ("exception", "ERROR"),
    ],
)  # fmt: skip
def test_every_name_of_a_level(name, level):
    with capture() as captured:
        getattr(ICCMLogger("gates", level="TRACE"), name)("hi %s", 1, a=2)
    (record,) = captured.records
    assert (record["level"], record["message"], record["data"]) == (level, "hi 1", {"a": 2})


@pytest.mark.parametrize(("level", "name"), [(5, "TRACE"), (10, "DEBUG"), (25, "INFO"), (50, "ERROR"), ("warning", "WARN"), ("?", "INFO")])  # fmt: skip
def test_log_with_a_level(level, name):
    with capture() as captured:
        ICCMLogger("gates", level="TRACE").log(level, "hi")
    assert captured.records[0]["level"] == name


def test_an_exception(logged):
    def log(lg):
        try:
            {}["x"]
        except KeyError:
            lg.exception("failed: %s", "x")

    message, data, _ = logged(log)
    assert message == "failed: x"
    assert data["exception"]["type"] == "KeyError"
    assert "test_habits.py" in data["exception"]["stack"]


@pytest.mark.parametrize(
    "log",
    [
        lambda lg, e: lg.error(e),
        lambda lg, e: lg.error("bad", exc_info=e),
        lambda lg, e: lg.warning("bad", exc_info=(type(e), e, None)),
        lambda lg, e: lg.bind(a=1).error("bad", exc_info=e),
    ],
)
def test_an_exception_given(logged, log):
    _, data, _ = logged(lambda lg: log(lg, ValueError("boom")))
    assert data["exception"]["type"] == "ValueError"
    assert data["exception"]["message"] == "boom"


def test_stack_info(logged):
    assert "test_stack_info" in logged(lambda lg: lg.info("hi", stack_info=True))[1]["stack"]


def test_levels_as_logging_spells_them():
    logger = ICCMLogger("gates")
    logger.setLevel(10)
    assert logger.level == "DEBUG"
    assert logger.isEnabledFor(10)
    assert not logger.isEnabledFor("TRACE")
    assert not logger.is_enabled_for(object())


class Weird(BaseException):
    """No Exception."""


class Raises:
    def __init__(self, error):
        self.error = error

    def __str__(self):
        raise self.error

    __repr__ = __format__ = __str__


@pytest.mark.parametrize("error", [Weird(), SystemExit(1), KeyboardInterrupt(), GeneratorExit(), RuntimeError(), RecursionError()])  # fmt: skip
def test_whatever_str_raises_stays_inside(error):
    value = Raises(error)
    with capture() as captured:
        logger = ICCMLogger("gates", level="TRACE")
        logger.info(value)
        logger.info("x", {"a": value})
        logger.info("x %s", value)
        logger.info("x %(a)s", {"a": value})
        logger.info("x", a=value, trace_id=value)
        logger.info("x", exc_info=value, extra=value, stack_info=value)
        logger.bind(a=value).error(value, value, value, value)
        logger.sent(value, value)
        logger.extract(value)
        logger.inject(value)
        logger.log(value, value)
    assert len(captured.records) == 9
    assert captured.records[2]["message"] == "x <unprintable Raises>"


def test_a_real_ctrl_c_gets_through():
    """What a signal handler raises while a value is printed is not the value's doing."""

    class Slow:
        def __str__(self):
            signal.raise_signal(signal.SIGINT)
            return "never"

    class Handled:
        def __str__(self):
            signal.raise_signal(signal.SIGUSR1)
            return "never"

    def leave(*_):
        raise SystemExit(7)

    before = signal.signal(signal.SIGUSR1, leave)
    try:
        with capture() as captured:
            logger = ICCMLogger("gates")
            with pytest.raises(KeyboardInterrupt):
                logger.info(Slow())
            with pytest.raises(SystemExit):
                logger.info(Handled())
            logger.info("x")
    finally:
        signal.signal(signal.SIGUSR1, before)
    lost = [record["data"]["lost"]["count"] for record in captured.records if record["data"]]
    assert lost == [2]
    assert "x" in captured.messages


def test_arguments_are_frozen_at_the_call():
    words = ["a"]
    with capture() as captured:
        logger = ICCMLogger("gates")
        logger.info("%s", words)
        logger.info("x", words=words)
        words.append("b")
    assert captured.messages == ["['a']", "x"]
    assert captured.records[1]["data"] == {"words": ["a"]}


def test_secrets_in_arguments_are_redacted():
    with capture() as captured:
        ICCMLogger("gates").bind(password="hunter2").info("password=%s", "hunter2", token="hunter2")
    assert "hunter2" not in json.dumps(captured.records)


def test_a_trace_in_the_arguments_keeps_what_it_knows():
    with capture() as captured:
        ICCMLogger("gates").trace("loud", trace_id=Trace(ID, log_all=True))
    assert captured.records[0]["trace_id"] == ID
