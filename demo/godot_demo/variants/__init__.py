"""Components that differ from what they should be: small subclasses, chosen by name on the command line.

The honest code knows nothing of them. What a variant does, it really does, on the wire; nothing is made up
in the log. Those of Gates are in `gates/variants.js`.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import Any, Final, Literal

Side = Literal["backend", "relay", "client"]

_MODULES: Final = MappingProxyType(
    {
        "backend": ("backend_lists", "backend_calls", "backend_frames", "backend_http"),
        "relay": ("relays",),
        "client": ("hosts",),
    }
)


def variant(side: Side, name: str | None) -> Any:
    """The class of this name; None when none is asked for. Nobody else loads the variants.

    Raises
    ------
    LookupError
        There is no such variant.
    """
    if name is None:
        return None
    for module in _MODULES[side]:
        found = getattr(importlib.import_module(f"{__name__}.{module}"), name, None)
        if found is not None:
            return found
    raise LookupError(f"no variant {name!r} of a {side}")
