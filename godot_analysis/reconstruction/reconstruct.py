"""From log rows to a Flow: the steps of the reconstruction, one after the other."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from godot_analysis.collection import collection_paused
from godot_analysis.columns import CLOCKS, LOSSES
from godot_analysis.loading.frames import frame, require, texts, transposed
from godot_analysis.normal_form.messages import Observations, observe
from godot_analysis.progress import Progress
from godot_analysis.reconstruction.clocks import estimate
from godot_analysis.reconstruction.endings import Endings
from godot_analysis.reconstruction.exchange import Exchanges, Pairs
from godot_analysis.reconstruction.flow import Flow, Later
from godot_analysis.reconstruction.frames import call_frame, hop_frame, message_frame
from godot_analysis.reconstruction.hops import build_hops
from godot_analysis.reconstruction.joining import addressed, join
from godot_analysis.reconstruction.losses import Holes, Loss, find_losses
from godot_analysis.reconstruction.nesting import nest
from godot_analysis.reconstruction.pairing import pair

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from godot_analysis.reconstruction.clocks import Clock


_STEPS: Final = 6  # that a progress bar shows
_FEW: Final = 1_000  # records that are read before another thread has started
_VERSION: Final = 14  # where a UUID tells its version
_DERIVED: Final = "8"  # made from the record itself, which brought none
_TOLD: Final = ("event_created_at", "component", "trace_id", "instance", "message")


def reconstruct(logs: pd.DataFrame) -> Flow:
    """Rebuild who sent what to whom, and how every request ended.

    Both sightings of one message become one hop, requests find their responses, and each call the call that
    caused it. Where no trace id crosses a process, views are joined by tool, arguments, method, order and
    time, and `joined_by` and `note` say so. It works without a root, with silent components, and with one
    end only.

    Parameters
    ----------
    logs : DataFrame
        A log frame as `load_trace` and `load_logs` return it.

    Returns
    -------
    Flow
        `.messages`, `.hops`, `.calls`, `.losses` and `.clocks` are DataFrames; the messages are made and
        judged when they are first asked for.

    Raises
    ------
    BadFrame
        When `logs` is no log frame.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> from godot_analysis.loading.tables import log_table
    >>> flow = ga.reconstruct(log_table('''
    ...     0.0  relay sends gates  ? 3 tools/call open {"path": "/tmp"}
    ...     0.2  relay gets  gates  ! 3 -32602 no such path
    ... '''))
    >>> flow.calls[["caller", "callee", "tool", "status", "error_text"]].iloc[0].tolist()
    ['relay', 'gates', 'open', 'error', 'no such path']
    """
    require(logs)
    with (
        collection_paused(),
        Progress("reconstruct", steps=_STEPS, records=len(logs)) as progress,
        ThreadPoolExecutor() if len(logs) > _FEW else _AtOnce() as pool,
    ):
        progress.begin("reading messages")
        repeated = pool.submit(_repeated, logs)
        seen = observe(Observations(logs))
        # That is rare, so reading does not wait for it; where it is so, the log is read once more.
        if (again := repeated.result()).any():
            seen = observe(Observations(logs[~again].reset_index(drop=True)))
        return _rebuilt(seen, progress, pool)


class _AtOnce(Executor):
    """Does everything in the thread that asks: starting others takes longer than a small log does."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Do it, and return what has happened already."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **options))
        return done


def as_flow(logs: pd.DataFrame | Flow) -> Flow:
    """A flow as it is, a log frame rebuilt; anything else is a `BadFrame`."""
    return logs if isinstance(logs, Flow) else reconstruct(logs)


def _rebuilt(seen: Observations, progress: Progress, pool: Executor) -> Flow:
    progress.begin("pairing questions with answers")
    exchanges, singles = pair(seen)
    progress.begin("joining what both ends saw")
    named = addressed(seen)
    calls = join(exchanges, named)
    strays = join(Exchanges(Pairs.of(singles), seen, strays=True), named)
    progress.begin("finding what caused what")
    nest(calls, strays, seen)
    progress.begin("ordering hops")
    clocks = estimate(calls, seen)
    ordering = pool.submit(build_hops, calls, strays, seen, clocks)
    losses = find_losses(seen, calls, partial=bool(seen.logs.attrs.get("partial")))
    endings = Endings(calls, seen, Holes(losses))
    hops, order = ordering.result()
    progress.begin("making frames")
    travelling = pool.submit(hop_frame, hops, order, calls, seen)
    ended = call_frame(calls, order, endings, seen)
    travelled = travelling.result()
    seen.forget_lists()
    return Flow(
        logs=seen.logs,
        others=seen.others,
        hops=travelled,
        calls=ended,
        losses=_loss_frame(losses),
        clocks=_clock_frame(clocks),
        read=Later(partial(message_frame, hops, seen)),
    )


def _repeated(logs: pd.DataFrame) -> NDArray[np.bool_]:
    """Records delivered twice: of one id, or alike to the microsecond without an own id."""
    ids, times = logs["id"], logs["event_created_at"]
    again = np.zeros(len(logs), dtype=bool) if ids.is_unique else ids.duplicated().to_numpy().copy()
    close = np.flatnonzero(times.duplicated(keep=False).to_numpy() & ~again)
    if not len(close):
        return again
    close = close[logs[list(_TOLD)].iloc[close].duplicated(keep=False).to_numpy()]
    met: set[tuple[Any, ...]] = set()
    told_of = (logs[name].iloc[close].astype(object).map(repr) for name in (*_TOLD, "data"))
    for row, own, *told in zip(close.tolist(), texts(ids.iloc[close]), *told_of, strict=True):
        alike = tuple(told)
        again[row] = (own or "")[_VERSION : _VERSION + 1] == _DERIVED and alike in met
        met.add(alike)
    return again


def _loss_frame(losses: list[Loss]) -> pd.DataFrame:
    rows = [
        (
            loss.component,
            loss.instance,
            loss.start,
            loss.end,
            loss.count,
            loss.reason,
            loss.source,
            loss.evidence,
        )
        for loss in losses
    ]
    return frame(transposed(rows, list(LOSSES)), LOSSES)


def _clock_frame(clocks: list[Clock]) -> pd.DataFrame:
    rows = [(clock.component, clock.reference, clock.offset, clock.error, clock.pairs) for clock in clocks]
    return frame(transposed(rows, list(CLOCKS)), CLOCKS)
