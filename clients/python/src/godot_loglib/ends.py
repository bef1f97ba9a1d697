"""The ends of a process (exit, SIGTERM, SIGHUP, exec) and the beginning of a child: see the README."""

import atexit
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Protocol


class CloseAll(Protocol):
    """Sends what there is, within the deadline."""

    def __call__(self, *, final: bool = False) -> None:
        """With `final`, what is logged later goes to the fallback at once."""


_SIGNALS: Final = tuple(
    number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)
_close_all: CloseAll | None = None
_closing = False
_dies_of: int | None = None
_registered_in: dict[str, int] = {}


def register(close_all: CloseAll, restart: Callable[[], None]) -> None:
    """Have the pipelines closed at every end, and made anew in a child."""
    global _close_all  # noqa: PLW0603  there is one process
    _close_all = close_all
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=restart)
    watch()


def watch() -> None:
    """Handle the signals that would end the process at once, unless it handles them itself.

    Only the main thread may do that, so it is tried at the import and with every logger: a logger that is
    made in a thread is served by what the import has done.
    """
    _before_exec()
    _instead_of_default()
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _close_and_die)


def at_exit_of_child() -> None:
    """Register with multiprocessing and with Celery's copy of it: their processes leave past atexit.

    Called when a sender starts: both forget in the child what was registered before the fork.
    """
    for name in ("multiprocessing.util", "billiard.util"):
        util = sys.modules.get(name)
        if util is not None and _registered_in.get(name) != os.getpid():
            _registered_in[name] = os.getpid()
            util.Finalize(None, _at_exit, exitpriority=100)


def undisturbed(work: Callable[[], None]) -> None:
    """Close something; a signal that comes meanwhile ends the process afterwards, not in the middle."""
    global _closing  # noqa: PLW0603  of the process
    if _closing or threading.current_thread() is not threading.main_thread():
        work()
        return
    _closing = True
    try:
        work()
    finally:
        _closing = False
        if _dies_of is not None:
            _close_and_die(_dies_of, None)


def forget() -> None:
    """In a child, which does not end because its parent does."""
    global _closing, _dies_of
    _closing, _dies_of = False, None


def _at_exit() -> None:
    if _close_all is not None:
        undisturbed(functools.partial(_close_all, final=True))


def _close_and_die(number: int, _frame: FrameType | None) -> None:
    global _dies_of  # noqa: PLW0603  of the process
    _dies_of = number
    signal.signal(number, signal.SIG_DFL)  # whoever asks a second time does not want to wait
    if _closing:
        return
    try:
        if _close_all is not None:
            _close_all(final=True)
    finally:
        os.kill(os.getpid(), number)


def _before_exec() -> None:
    """Send what there is before `os.exec…`, which puts another program in this one's place.

    All eight functions end in these two, and Python calls nothing else before them but audit hooks, which
    cost every log call 0.15 µs (its `marshal` is audited).
    """
    for name in ("execv", "execve"):
        original: Any = getattr(os, name)
        if hasattr(original, "godot_loglib"):
            return

        def closing(*arguments: Any, _original: Any = original, **keywords: Any) -> Any:
            if _close_all is not None:
                undisturbed(_close_all)
            return _original(*arguments, **keywords)

        replacement: Any = functools.wraps(original)(closing)
        replacement.godot_loglib = True
        setattr(os, name, replacement)


def _instead_of_default() -> None:
    """Be there also when a program returns a signal to its default.

    Servers do that at their end and then send themselves the signal that they were stopped with: what the
    applications of uvicorn's workers logged at shutdown was lost.
    """
    original: Any = signal.signal
    if hasattr(original, "godot_loglib"):
        return

    def watching(signalnum: Any, handler: Any) -> Any:
        if handler is signal.SIG_DFL and signalnum in _SIGNALS and _dies_of is None:
            handler = _close_and_die
        return original(signalnum, handler)

    replacement: Any = functools.wraps(original)(watching)
    replacement.godot_loglib = True
    signal.signal = replacement
