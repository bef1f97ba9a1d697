"""What can go wrong with the demo, told to people."""

from __future__ import annotations


class DemoError(Exception):
    """The demo system itself did not work; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.message = message
        self.hint = hint
