"""`logging` and structlog as people use them, with Godot at their end."""

import logging
import logging.config
import subprocess
import sys
import textwrap

import pytest
import structlog

from godot_loglib import GodotHandler, ICCMLogger
from godot_loglib.structlog import GodotProcessor
from godot_loglib.testing import capture

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def logger():
    logger = logging.Logger("gates.tools")  # noqa: LOG001  of this test alone
    logger.addHandler(GodotHandler("gates"))
    return logger


def test_a_record_of_logging(logger):
    with capture() as captured, ICCMLogger("gates").trace_context(ID):
        logger.warning("user %s has %d", "bob", 2, extra={"ip": "10.0.0.1", "token": "hunter2"})
    (record,) = captured.records
    assert (record["message"], record["level"], record["component"]) == ("user bob has 2", "WARN", "gates")
    assert record["data"] == {"logger": "gates.tools", "ip": "10.0.0.1", "token": "[REDACTED]"}
    assert record["trace_id"] == ID


@pytest.mark.parametrize(("number", "level"), [(1, "TRACE"), (5, "TRACE"), (10, "DEBUG"), (15, "DEBUG"), (20, "INFO"), (30, "WARN"), (40, "ERROR"), (50, "ERROR"), (99, "ERROR")])  # fmt: skip
def test_levels(logger, number, level):
    with capture() as captured:
        logger.log(number, "x")
    assert captured.records[0]["level"] == level


def test_exceptions_and_stacks(logger):
    with capture() as captured:
        try:
            {}["x"]
        except KeyError:
            logger.exception("failed", stack_info=True)
    data = captured.records[0]["data"]
    assert data["exception"]["type"] == "KeyError"
    assert "test_handler.py" in data["exception"]["stack"]
    assert "test_exceptions_and_stacks" in data["stack"]


@pytest.mark.parametrize("arguments", [("%s",), ("%d", "x"), ("%s", object()), ("%(a)s", {"a": 1}), ({"a": 1},), (ValueError("x"),)])  # fmt: skip
def test_no_record_makes_it_raise(logger, arguments, capsys):
    with capture() as captured:
        logger.info(*arguments)
    assert len(captured.records) == 1
    assert capsys.readouterr().err == ""


def test_dict_config():
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "godot": {"class": "godot_loglib.GodotHandler", "component": "dewey", "level": "WARNING"}
            },
            "loggers": {"configured": {"handlers": ["godot"], "level": "DEBUG", "propagate": False}},
        }
    )
    with capture() as captured:
        logging.getLogger("configured").info("no")
        logging.getLogger("configured").error("yes")
    logging.getLogger("configured").handlers.clear()
    assert [(record["component"], record["message"]) for record in captured.records] == [("dewey", "yes")]


def test_godot_level_counts_where_the_handler_has_none(monkeypatch):
    monkeypatch.setenv("GODOT_LEVEL", "WARN")
    logger = logging.Logger("x")  # noqa: LOG001
    logger.addHandler(handler := GodotHandler("gates"))
    with capture() as captured:
        logger.info("no")
        handler.setLevel(logging.DEBUG)
        logger.info("yes")
        handler.setLevel(0)
        logger.info("no")
    assert captured.messages == ["yes"]


def test_structlog():
    logger = structlog.wrap_logger(None, processors=[GodotProcessor("gates")])
    with capture() as captured:
        bound = logger.bind(user="bob")
        bound.info("logged in", ip="10.0.0.1")
        bound.debug("user %s", "eve")
        bound.critical("bad")
        try:
            {}["x"]
        except KeyError:
            bound.exception("failed")
    assert captured.messages == ["logged in", "user eve", "bad", "failed"]
    assert [record["level"] for record in captured.records] == ["INFO", "DEBUG", "ERROR", "ERROR"]
    assert captured.records[0]["data"] == {"user": "bob", "ip": "10.0.0.1"}
    assert captured.records[3]["data"]["exception"]["type"] == "KeyError"


def test_structlog_goes_on_where_it_should():
    printed = []
    processors = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        GodotProcessor("gates", pass_on=True),
        lambda _logger, _method, event: printed.append(event) or "",
    ]
    with capture() as captured:
        structlog.wrap_logger(structlog.PrintLogger(), processors=processors).warning("x", a=1)
    assert captured.records[0]["level"] == "WARN"
    assert set(captured.records[0]["data"]) == {"a", "timestamp"}
    assert printed[0]["event"] == "x"


def test_structlog_over_logging():
    """The other common set-up: structlog renders for `logging`, whose handler is ours."""
    logger = logging.Logger("x")  # noqa: LOG001
    logger.addHandler(GodotHandler("gates"))
    processors = [structlog.stdlib.add_log_level, structlog.stdlib.render_to_log_kwargs]
    with capture() as captured:
        structlog.wrap_logger(logger, processors=processors, wrapper_class=structlog.stdlib.BoundLogger).info(
            "hi", a=1
        )
    assert captured.messages == ["hi"]
    assert captured.records[0]["data"]["a"] == 1


def test_the_root_of_a_program_with_logging_alone(tmp_path):
    """Also what redis itself logs does not come back to it, and nothing is left in the way at exit."""
    program = textwrap.dedent(
        f"""
        import logging
        from godot_loglib import GodotHandler
        logging.basicConfig(level=1, handlers=[GodotHandler("gates", redis_url="redis://127.0.0.1:1/0", fallback="file:{tmp_path}/f")])
        logging.getLogger("app").info("hello")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert (tmp_path / "f").read_text().count("\n") == 1
