"""The exchanges that are to be joined, as columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from godot_analysis.normal_form.table import Words, objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.reconstruction.exchange import Exchange


class Views:
    """Exchanges as columns: numbers for strings, -1 for none."""

    def __init__(self, exchanges: list[Exchange], named: set[tuple[str, str | None]]) -> None:
        self.exchanges = exchanges
        self.asking = np.array([exchange.asking for exchange in exchanges], dtype=bool)
        self.starts = np.array([exchange.start for exchange in exchanges], dtype=np.int64)
        self.ends = np.array([-1 if x.end is None else x.end for x in exchanges], dtype=np.int64)
        self.arguments = objects([exchange.arguments for exchange in exchanges])
        names = Words.of([*(x.observer for x in exchanges), *(x.peer for x in exchanges)])
        self.names = names.words
        self.codes = {
            "observer": names.codes[: len(exchanges)],
            "peer": names.codes[len(exchanges) :],
            **{
                name: Words.of([getattr(exchange, name) for exchange in exchanges]).codes
                for name in ("trace", "rpc_id", "method", "tool", "session")
            },
        }
        logging = np.append(np.isin(np.arange(len(names.words)), self.codes["observer"]), False)
        self.peer_logs = logging[self.codes["peer"]]
        """Whether the peer is known by a name under which somebody logs."""
        self._named = named

    def calls_by_name(self, outer: Exchange, inner: Exchange) -> bool:
        """Whether this caller calls this callee by its own name, so that another name is another one's."""
        return outer.peer is not None and (outer.observer, inner.observer) in self._named

    def content(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers for the arguments of these exchanges."""
        told = [
            None if held is None else json.dumps(held, sort_keys=True, ensure_ascii=False, default=str)
            for held in self.arguments[places]
        ]
        out = np.full(len(self.exchanges), -1)
        out[places] = Words.of(told).codes
        return out
