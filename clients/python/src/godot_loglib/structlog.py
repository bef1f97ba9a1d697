"""For programs that use structlog: a processor that sends what they log."""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from structlog import DropEvent

from godot_loglib.levels import INFO, parse_level
from godot_loglib.logger import ICCMLogger

_METHODS: Final = {"exception": "error", "warn": "warning", "msg": "info", "log": "info"}


class GodotProcessor:
    """The last of structlog's processors: logs the event, and ends its way there.

    Parameters
    ----------
    component
        Name of the component; without it `GODOT_COMPONENT`.
    pass_on
        Hand the event to the processors after this one, to print it as well.
    **settings
        As of `ICCMLogger`. Its level filters beside structlog's own; without `level` and `GODOT_LEVEL` it
        lets all pass.

    Examples
    --------
    >>> import structlog
    >>> from godot_loglib.structlog import GodotProcessor
    >>> from godot_loglib.testing import capture
    >>> logger = structlog.wrap_logger(None, processors=[GodotProcessor("gates")])
    >>> with capture() as captured:
    ...     logger.bind(user="bob").info("logged in", ip="10.0.0.1")
    >>> captured.records[0]["message"], captured.records[0]["data"]
    ('logged in', {'user': 'bob', 'ip': '10.0.0.1'})
    """

    def __init__(self, component: str | None = None, *, pass_on: bool = False, **settings: Any) -> None:
        self._logger = ICCMLogger(component, **settings)
        if not self._logger.level_was_given:
            self._logger.set_level("TRACE")
        self._pass_on = pass_on

    def __call__(self, _logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Log one event."""
        fields = dict(event_dict)
        name = fields.pop("level", None) or _METHODS.get(method, method)
        try:
            level = parse_level(name)
        except ValueError:
            level = INFO
        arguments = fields.pop("positional_args", ())
        self._logger.log(level, fields.pop("event", ""), *arguments, **fields)
        if self._pass_on:
            return event_dict
        raise DropEvent
