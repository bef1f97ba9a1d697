"""The register of planted faults: each prepares, lets the system start, and then makes it fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from diagnosing.cast import Needs
    from diagnosing.system import System

__all__ = ["PLANTS", "Plant", "fault"]

Making = Callable[["System", str], Iterator[None]]


@dataclass(frozen=True)
class Plant:
    """A fault of a class, what its log must be able to show, and how it is made.

    `last`: nothing answers after it, so no other fault can follow. `alone`: it changes the system as a whole.
    """

    code: str
    needs: Needs
    make: Making
    last: bool = False
    alone: bool = False


PLANTS: Final[dict[str, list[Plant]]] = {}
"""All plants by the class that they are meant to show, and its kind if it has several: `R09 tls`."""


def fault(code: str, needs: Needs, *, kind: str = "", last: bool = False,
          alone: bool = False) -> Callable[[Making], Making]:  # fmt: skip
    """Register a generator function: what stands before its `yield` happens before the system starts."""

    def register(make: Making) -> Making:
        PLANTS.setdefault(f"{code} {kind}".strip(), []).append(Plant(code, needs, make, last, alone))
        return make

    return register
