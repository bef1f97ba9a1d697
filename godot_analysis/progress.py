"""A progress bar for work that takes longer than a second, in terminals and in notebooks."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE: Final = 1.0
_SHORT: Final = 20_000
_STEPS: Final = "{desc} {bar} {n_fmt}/{total_fmt} [{elapsed}]"
_COUNT: Final = "{desc}: {n_fmt}{unit} [{elapsed}, {rate_fmt}]"


class Progress:
    """Shows how far a piece of work is once that has taken a second, and nothing when it is done.

    It goes to stderr if that is a terminal, or to the notebook's cell; what a script prints stays as it is.
    Work on fewer than 20,000 records has none, however slow the machine: what notebooks show does not depend
    on the time.

    Parameters
    ----------
    what
        What is done, such as "reconstruct".
    steps
        How many steps it has; without, records are counted.
    records
        How many records there are to work on; without, those that are counted.

    Examples
    --------
    >>> with Progress("reconstruct", steps=2, records=5) as progress:
    ...     progress.begin("reading")
    ...     progress.begin("pairing")
    """

    def __init__(self, what: str, *, steps: int | None = None, records: int = 0) -> None:
        self._what = what
        self._steps = steps
        self._records = records
        self._done = 0
        self._under_way = 0
        self._started = time.monotonic()
        self._bar: Any = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, step: str) -> None:
        """The next step begins, and the one before has ended."""
        self._done, self._under_way = self._done + self._under_way, 1
        self._show(f"{self._what}: {step}")

    def count(self, records: int) -> None:
        """So many more records are done, by whichever thread."""
        with self._lock:
            self._done += records
            self._records += records
            self._show(self._what)

    def _show(self, text: str) -> None:
        if self._bar is None:
            if self._records < _SHORT or time.monotonic() - self._started < _PATIENCE:
                return
            from tqdm.auto import tqdm  # noqa: PLC0415  it looks for a notebook, which takes short work too long

            self._bar = tqdm(
                total=self._steps,
                bar_format=_COUNT if self._steps is None else _STEPS,
                unit=" records",
                unit_scale=self._steps is None,
                disable=None,  # without a terminal
                leave=False,
            )
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(self._done - self._bar.n)
        self._bar.refresh()
