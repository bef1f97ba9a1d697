"""For programs that use `logging`: a handler that sends what they log."""

import logging
from typing import Any, Final

from godot_loglib.habits import exception_of
from godot_loglib.levels import DEBUG, ERROR, INFO, TRACE, WARN, parse_level
from godot_loglib.logger import ICCMLogger

# What every record of `logging` has; the rest came with `extra`.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LOGGER_KEY: Final = "logger"


class GodotHandler(logging.Handler):
    """Sends the records of `logging`, with what is in `extra`, the exception and the name of their logger.

    What its own level lets pass is logged: `level=` here or in `dictConfig`, else `GODOT_LEVEL`, else all
    that the loggers of `logging` let pass. A level that is set centrally counts more, but cannot bring back
    what those loggers filter out themselves.

    Parameters
    ----------
    component
        Name of the component; without it `GODOT_COMPONENT`.
    level
        As of any handler.
    **settings
        As of `ICCMLogger`.

    Examples
    --------
    >>> import logging
    >>> from godot_loglib import GodotHandler
    >>> from godot_loglib.testing import capture
    >>> logger = logging.Logger("gates.tools")
    >>> logger.addHandler(GodotHandler("gates"))
    >>> with capture() as captured:
    ...     logger.info("user %s logged in", "bob", extra={"ip": "10.0.0.1"})
    >>> captured.records[0]["message"], captured.records[0]["data"]
    ('user bob logged in', {'logger': 'gates.tools', 'ip': '10.0.0.1'})
    """

    def __init__(self, component: str | None = None, level: int | str = 0, **settings: Any) -> None:
        self._logger: ICCMLogger | None = None
        super().__init__()
        self._logger = ICCMLogger(component, **settings)
        self._default = self._logger.level if self._logger.level_was_given else "TRACE"
        self.setLevel(level)

    def setLevel(self, level: int | str) -> None:  # noqa: N802  a method of `logging`
        """Log from this level on; 0 returns to `GODOT_LEVEL`."""
        super().setLevel(level)
        if self._logger is not None:
            self._logger.set_level(_number(self.level) if self.level else parse_level(self._default))

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; raises nothing."""
        if self._logger is None:
            return
        try:
            extra = {key: value for key, value in record.__dict__.items() if key not in _OWN}
            data: dict[str, Any] = {_LOGGER_KEY: record.name, **extra}
            if record.exc_info and (error := exception_of(record.exc_info)) is not None:
                data["exception"] = error
            elif record.exc_text:
                data["exception"] = record.exc_text
            if record.stack_info:
                data["stack"] = record.stack_info
            self._logger.write(_number(record.levelno), record.msg, record.args, data, record.created)
        except Exception:  # noqa: BLE001  as every handler
            self.handleError(record)

    def flush(self) -> None:
        """Nothing: a thread sends, and at exit everything is sent within `GODOT_EXIT_SECONDS`."""


def _number(level: int) -> int:
    """Our level for a number of `logging`, which may be any."""
    for number in (ERROR, WARN, INFO, DEBUG):
        if level >= number:
            return number
    return TRACE
