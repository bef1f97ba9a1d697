"""For the tests of components: see the records that would have left the process, without any Redis."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from godot_loglib import pipeline as _pipeline


class Captured:
    """The wire records logged in a `capture` block, oldest first: redacted and decoded."""

    def __init__(self) -> None:
        self._records: list[dict[str, Any]] = []

    @property
    def records(self) -> list[dict[str, Any]]:
        """Everything captured so far."""
        for pipeline in _pipeline.pipelines():
            self._records += [json.loads(line) for line in pipeline.sender.drain()]
        self._records.sort(key=lambda record: str(record["id"]))
        return self._records

    @property
    def messages(self) -> list[str]:
        """The `message` of each record."""
        return [record["message"] for record in self.records]


@contextmanager
def capture() -> Iterator[Captured]:
    """Hold back all records of this process for the length of a `with` block, and show them.

    Loggers made before and inside the block count. Nothing is sent, nothing goes to a fallback, and nothing
    of it appears later. Not for use by several threads at once.

    Examples
    --------
    >>> from godot_loglib import ICCMLogger
    >>> from godot_loglib.testing import capture
    >>> logger = ICCMLogger("gates")
    >>> with capture() as captured:
    ...     logger.info("tool called", {"tool": "gates_create_document", "token": "hunter2"})
    >>> captured.records[0]["data"]
    {'tool': 'gates_create_document', 'token': '[REDACTED]'}
    """
    captured = Captured()
    with _pipeline.held():
        try:
            yield captured
        finally:
            captured.records  # noqa: B018  takes what is left out of the buffers
