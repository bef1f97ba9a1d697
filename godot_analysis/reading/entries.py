"""Says in plain words which entry of a TOML file lacks a key or has one that nobody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["EntryError", "checked"]


class EntryError(ValueError):
    """An entry of the lexicon or of the catalogue is not as its README says."""


def checked(
    where: str, entry: Mapping[str, Any], needed: Collection[str], allowed: Collection[str] = ()
) -> Mapping[str, Any]:
    """The entry itself, if it has all keys that are needed and none besides those that are allowed.

    >>> checked("kinds.toml, quota", {"fraze": "x"}, ["phrase"])
    Traceback (most recent call last):
    godot_analysis.reading.entries.EntryError: kinds.toml, quota: `phrase` is missing; nobody reads `fraze`
    """
    lacking = [key for key in needed if key not in entry]
    unknown = [key for key in entry if key not in needed and key not in allowed]
    told = [f"`{key}` is missing" for key in lacking] + [f"nobody reads `{key}`" for key in unknown]
    if told:
        raise EntryError(f"{where}: {'; '.join(told)}")
    return entry
