"""What can go wrong with the demo, told to people."""

from __future__ import annotations


class DemoError(Exception):
    """The demo system itself did not work.

    Attributes
    ----------
    message
        What happened, in one line.
    hint
        What to do about it, in one line.
    details
        What the culprit wrote to its stderr last.
    """

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        super().__init__("\n".join(part for part in (details, message, hint) if part))
        self.message = message
        self.hint = hint
        self.details = details
