"""The column `data`: JSON text as it was stored, decoded when somebody looks at it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype
from pandas.api.extensions import take as take_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_decode = msgspec.json.Decoder().decode
_BLOCK = 10_000


@register_extension_dtype
class JsonDtype(ExtensionDtype):
    """The dtype `json`: each value is a dict, or None where the record has no data.

    A million records are loaded, filtered and counted without decoding what nobody asks for. Everything that
    needs the values (`tolist`, `map`, a loop) decodes the column once. A single value (`iloc[3]`, `head()`)
    decodes that one: read it, and put a changed one back by `frame.at[row, "data"] = …`.
    `frame["data"].astype(object)` is an ordinary column.
    """

    name = "json"
    type: ClassVar[Any] = object
    kind = "O"
    na_value: Any = None

    @classmethod
    def construct_array_type(cls) -> type[JsonArray]:  # noqa: D102 - as pandas defines it
        return JsonArray


class _Held:
    """What one array and its views share: texts in an array of pandas, or the decoded objects."""

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:
        self.content = content


class JsonArray(ExtensionArray):  # type: ignore[misc, unused-ignore]
    """Values of the dtype `json`."""

    def __init__(self, values: Any) -> None:
        self._held = values if isinstance(values, _Held) else _Held(values)

    @classmethod
    def from_texts(cls, texts: Any) -> JsonArray:
        """Wrap JSON texts: an array of the dtype `str`, or a sequence of text and None."""
        return cls(texts if isinstance(texts, ExtensionArray) else pd.array(texts, dtype="str"))

    @classmethod
    def from_objects(cls, objects: Sequence[Any]) -> JsonArray:
        """Wrap values that are decoded already."""
        return cls(_objects(objects))

    @property
    def decoded(self) -> bool:
        """Whether the objects are there already."""
        return isinstance(self._held.content, np.ndarray)

    def _objects(self) -> np.ndarray[Any, np.dtype[np.object_]]:
        """All values; from now on they are kept instead of the texts."""
        held = self._held.content
        if not isinstance(held, np.ndarray):
            objects = np.empty(len(held), dtype=object)  # None everywhere
            for start in range(0, len(held), _BLOCK):
                texts = held[start : start + _BLOCK].tolist()
                objects[start : start + _BLOCK] = _objects([_value(text) for text in texts])
            self._held.content = held = objects
        objects_held: np.ndarray[Any, np.dtype[np.object_]] = held
        return objects_held

    def texts(self) -> list[str] | None:
        """The texts as they are ("null" for a missing one), None where the values are decoded already."""
        held = self._held.content
        if isinstance(held, np.ndarray):
            return None
        texts: list[str] = held.to_numpy(dtype=object, na_value="null").tolist()
        return texts

    # What pandas asks of every array.

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> JsonArray:  # noqa: ARG003
        if isinstance(scalars, cls):
            return scalars.copy() if copy else scalars
        return cls.from_objects([None if _missing(value) else value for value in scalars])

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[JsonArray]) -> JsonArray:
        if any(part.decoded for part in to_concat):
            return cls(np.concatenate([part._objects() for part in to_concat]))  # noqa: SLF001 - its own kind
        parts = [part._held.content for part in to_concat]  # noqa: SLF001
        return cls(pd.concat([pd.Series(part, copy=False) for part in parts], ignore_index=True).array)

    @property
    def dtype(self) -> JsonDtype:  # noqa: D102
        return JsonDtype()

    @property
    def nbytes(self) -> int:  # noqa: D102
        return int(self._held.content.nbytes)

    def __len__(self) -> int:
        return len(self._held.content)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._objects())

    def __getitem__(self, item: Any) -> Any:
        if pd.api.types.is_integer(item):
            held = self._held.content
            return held[item] if isinstance(held, np.ndarray) else _value(held[item])
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, slice) and item == slice(None):
            return JsonArray(self._held)
        return JsonArray(self._held.content[item])

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._readonly:  # type: ignore[attr-defined, unused-ignore]
            raise ValueError("Cannot modify read-only array")
        key = pd.api.indexers.check_array_indexer(self, key)
        if isinstance(value, dict) or _missing(value):
            single = pd.api.types.is_integer(key)
            count = 1 if single else len(np.arange(len(self))[key])
            value = _objects([None if _missing(value) else value] * count)
            self._objects()[key] = value[0] if single else value
        else:
            self._objects()[key] = _objects([None if _missing(one) else one for one in value])

    def __eq__(self, other: object) -> Any:
        if isinstance(other, (pd.Series, pd.Index, pd.DataFrame)):
            return NotImplemented
        mine = self._objects()
        theirs: Any = (
            [other] * len(mine) if isinstance(other, dict) or not np.iterable(other) else list(other)
        )
        if len(theirs) != len(mine):
            raise ValueError("Lengths must match to compare")
        pairs = zip(mine, theirs, strict=True)
        return np.fromiter((a is not None and a == b for a, b in pairs), dtype=bool, count=len(mine))

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        objects = self._objects()
        return objects if copy is False else objects.copy()

    def __arrow_array__(self, type: Any = None) -> Any:  # noqa: A002 - the name that pyarrow passes
        import pyarrow as pa  # noqa: PLC0415 - only who writes Arrow needs it

        held = self._held.content
        texts = [_text(value) for value in held] if isinstance(held, np.ndarray) else held
        return pa.array(texts, type=type or pa.large_string(), from_pandas=True)

    def isna(self) -> np.ndarray[Any, np.dtype[np.bool_]]:  # noqa: D102
        held = self._held.content
        if not isinstance(held, np.ndarray):
            return np.asarray(held.isna(), dtype=bool)
        return np.fromiter((value is None for value in held), dtype=bool, count=len(held))

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> JsonArray:  # noqa: D102
        held = self._held.content  # looked at once: another thread may decode it meanwhile
        places = np.asarray(indices, dtype="intp")
        if isinstance(held, np.ndarray):
            taken = take_objects(held, places, allow_fill=allow_fill)
            if allow_fill:
                gaps = np.flatnonzero(places == -1)
                taken[gaps] = _objects([None if _missing(fill_value) else fill_value] * len(gaps))
            return JsonArray(taken)
        if allow_fill and not _missing(fill_value):
            self._objects()
            return self.take(places, allow_fill=True, fill_value=fill_value)
        return JsonArray(held.take(places, allow_fill=allow_fill))

    def copy(self) -> JsonArray:
        """The same values, put where changes to the one do not show in the other."""
        return JsonArray(self._held.content.copy())

    def tolist(self) -> list[Any]:  # noqa: D102
        values: list[Any] = self._objects().tolist()
        return values

    def _formatter(self, boxed: bool = False) -> Callable[[Any], str | None]:  # noqa: ARG002
        return str


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def decoded(text: str | bytes) -> Any:
    """The value of one JSON text; a number that is too large for a float is infinite."""
    try:
        return _decode(text)
    except msgspec.ValidationError:
        return json.loads(text)


def _value(text: Any) -> Any:
    """The value of one text; pandas has NaN where there is none."""
    return decoded(text) if isinstance(text, str) else None


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _objects(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """An array of the values themselves: numpy must not look into them."""
    out = np.empty(len(values), dtype=object)
    out[:] = values if isinstance(values, (list, np.ndarray)) else list(values)
    return out
