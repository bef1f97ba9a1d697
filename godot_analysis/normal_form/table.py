"""The sightings of a log as columns: numbers where strings repeat, a row only when somebody asks for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, overload

import numpy as np
import pandas as pd

from godot_analysis.loading.frames import as_column
from godot_analysis.normal_form.jsonrpc import content_of
from godot_analysis.normal_form.sightings import Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[np.integer[Any]]

CODED: Final = (
    "direction",
    "kind",
    "convention",
    "peer",
    "transport",
    "session",
    "era",
    "method",
    "tool",
    "rpc_id",
    "inferred",
    "validity",
    "error_code",
    "error_text",
)
"""Columns of values that repeat."""


class Words(NamedTuple):
    """A column of values that repeat, mostly strings: for each row the number of its value, -1 for none.

    Most numbers have 32 bits: memory that is used for the first time is what much of the time goes into.
    """

    codes: Numbers
    words: list[Any]

    @classmethod
    def of(cls, values: Sequence[Any] | NDArray[Any]) -> Words:
        """Number the strings of a column, in order of their first appearance."""
        codes, words = pd.factorize(objects(values))
        return cls(codes.astype(np.int32), words.tolist())

    @classmethod
    def of_column(cls, column: pd.Series[Any]) -> Words:
        """Number the strings of a column of a frame."""
        codes, words = column.factorize()
        return cls(codes.astype(np.int32), words.tolist())

    @classmethod
    def joined(cls, parts: Sequence[Words]) -> Words:
        """Several columns, one after the other."""
        number: dict[str, int] = {}
        codes = []
        for part in parts:
            numbers = [*(number.setdefault(word, len(number)) for word in part.words), -1]
            codes.append(np.array(numbers, dtype=np.int32)[part.codes])
        return cls(np.concatenate(codes), list(number))

    def number(self, word: str) -> int:
        """The number of a string; -2, which no row has, when it does not occur."""
        return self.words.index(word) if word in self.words else -2

    def take(self, places: NDArray[Any]) -> Words:
        """The rows at these places; -1 takes nothing."""
        return Words(taken(self.codes, places), self.words)

    def objects(self) -> NDArray[Any]:
        """The strings themselves, None for a missing one."""
        return objects([*self.words, None])[self.codes]

    def texts(self) -> list[str | None]:
        """The strings themselves as a list, which is quick to walk through."""
        found: list[str | None] = self.objects().tolist()
        return found

    def integers(self) -> pd.arrays.IntegerArray:
        """An array of pandas' `Int64`; what does not fit 64 bits is missing."""
        fits = [isinstance(word, int) and -(2**63) <= word < 2**63 for word in self.words]
        kept = (word if fit else 0 for word, fit in zip(self.words, fits, strict=True))
        values = np.array([*kept, 0], dtype=np.int64)
        return pd.arrays.IntegerArray(values[self.codes], ~np.array([*fits, False])[self.codes])

    def strings(self) -> Any:
        """An array of pandas' `str`."""
        # The last one, which -1 takes, is the missing one.
        return as_column([*self.words, None], "str").take(self.codes)

    def categorical(self) -> pd.Categorical:
        """Categories in order of their first appearance."""
        kept = pd.unique(self.codes)
        kept = kept[kept >= 0]
        renumbered = np.full(len(self.words) + 1, -1)
        renumbered[kept] = np.arange(len(kept))
        names = pd.Index([self.words[code] for code in kept], dtype="str")
        return pd.Categorical.from_codes(renumbered[self.codes].astype(np.int32), categories=names)


class Sightings(Sequence[Sighting]):
    """All sightings of a log. Columns by name, or one sighting as a tuple by its place.

    Attributes
    ----------
    row : array
        For each sighting the position of its log row.
    weight : array
        `Weight` of each.
    words : dict
        The columns named in `CODED`.
    payload : array
        What was sent or received.
    content : array
        `content_of` each.
    """

    __slots__ = ("content", "payload", "row", "weight", "words")

    def __init__(
        self,
        row: NDArray[np.int64],
        weight: NDArray[np.int8],
        words: dict[str, Words],
        payload: NDArray[Any],
        content: NDArray[Any],
    ) -> None:
        self.row = row
        self.weight = weight
        self.words = words
        self.payload = payload
        self.content = content

    @classmethod
    def of(cls, sightings: Sequence[Sighting]) -> Sightings:
        """The columns of sightings that were read one by one."""
        names = Sighting._fields
        columns: Mapping[str, Sequence[Any]] = (
            dict(zip(names, zip(*sightings, strict=True), strict=True))
            if sightings
            else dict.fromkeys(names, ())
        )
        return cls(
            np.array(columns["row"], dtype=np.int64),
            np.array(columns["weight"], dtype=np.int8),
            {name: Words.of(columns[name]) for name in CODED},
            objects(columns["payload"]),
            objects(list(map(content_of, columns["kind"], columns["payload"]))),
        )

    @classmethod
    def joined(cls, parts: Sequence[Sightings]) -> Sightings:
        """Several tables, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.weight for part in parts]),
            {name: Words.joined([part.words[name] for part in parts]) for name in CODED},
            np.concatenate([part.payload for part in parts]),
            np.concatenate([part.content for part in parts]),
        )

    def take(self, places: NDArray[Any]) -> Sightings:
        """The sightings at these places."""
        return Sightings(
            self.row[places],
            self.weight[places],
            {name: column.take(places) for name, column in self.words.items()},
            self.payload[places],
            self.content[places],
        )

    def codes(self, name: str) -> Numbers:
        """The numbers of a column of strings."""
        return self.words[name].codes

    def are(self, name: str, *words: str) -> NDArray[np.bool_]:
        """Whether a column holds one of these strings."""
        column = self.words[name]
        return np.isin(column.codes, [column.number(word) for word in words])

    def __len__(self) -> int:
        return len(self.row)

    @overload
    def __getitem__(self, place: int) -> Sighting: ...
    @overload
    def __getitem__(self, place: slice) -> list[Sighting]: ...
    def __getitem__(self, place: int | slice) -> Sighting | list[Sighting]:
        """One sighting, or a list of them."""
        if isinstance(place, slice):
            return list(self.at(np.arange(len(self))[place]))
        known: dict[str, Any] = {"row": int(self.row[place]), "weight": int(self.weight[place])}
        known["payload"] = self.payload[place]
        for name, column in self.words.items():
            code = column.codes[place]
            known[name] = column.words[code] if code >= 0 else None
        return Sighting(**known)

    def __iter__(self) -> Iterator[Sighting]:
        return self.at(np.arange(len(self)))

    def at(self, places: NDArray[Any]) -> Iterator[Sighting]:
        """The sightings at these places, one by one."""
        columns: dict[str, Iterable[Any]] = {
            "row": self.row[places].tolist(),
            "weight": self.weight[places].tolist(),
            "payload": self.payload[places],
        }
        columns |= {name: column.take(places).objects() for name, column in self.words.items()}
        return map(Sighting, *(columns[name] for name in Sighting._fields))


def objects(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """An array of whatever the values are, also when they are lists."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values
    # Assigning the list would look into each value whether it is a list itself.
    return np.fromiter(values, dtype=object, count=len(values))


def taken(column: Any, places: NDArray[Any], missing: Any = -1) -> Any:
    """The values at these places; `missing` where the place is negative."""
    if not len(column):
        return np.full(len(places), missing, dtype=column.dtype)
    if places.min(initial=0) >= 0:
        return column[places]
    return np.where(places >= 0, column[places], missing)


def firsts(column: Numbers) -> NDArray[np.int64]:
    """The places of all different values, in order of their first appearance."""
    return np.flatnonzero(~pd.Series(column).duplicated().to_numpy())


def packed(*columns: Numbers) -> NDArray[np.int64]:
    """One number for each row, equal where all columns are equal (which hold numbers from -1 on)."""
    out = np.zeros(len(columns[0]), dtype=np.int64)
    width = 1
    for column in columns:
        held = int(column.max(initial=-1)) + 2
        if width * held >= 2**62:
            out = np.unique(out, return_inverse=True)[1].astype(np.int64)
            width = int(out.max(initial=0)) + 1
        out = out * held + (column + 1)
        width *= held
    return out


def build(columns: Mapping[str, Any], schema: Mapping[str, str]) -> pd.DataFrame:
    """The frame of a schema: coded columns as they are, ready arrays as they are, plain values converted."""
    data = {name: _array(columns[name], kind) for name, kind in schema.items()}
    return pd.DataFrame(data, index=pd.RangeIndex(len(next(iter(data.values())))), copy=False)


def _array(values: Any, kind: str) -> Any:
    if isinstance(values, Words):
        return _ARRAYS[kind](values)
    if isinstance(values, pd.api.extensions.ExtensionArray) or kind == "int64":
        return values
    return as_column(values, kind)


_ARRAYS: Final = {"category": Words.categorical, "str": Words.strings, "Int64": Words.integers}
