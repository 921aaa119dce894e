"""Values as bytes and back, without pickle: a line of JSON, then the numbers of all arrays one after another.
Long arrays, such as the pictures of a wall, stand apart under the digest of their numbers: many values share
them.

Only what pages show has a form: plain values, tuples, lists, mappings, arrays of numbers, tables, and the
records that are listed here. Reading makes nothing else, whatever the bytes say."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from pruning.channels.structure import ChannelGroup, IndexMap, LayerRecord, Structure, Verification
from pruning.criteria import CRITERIA
from pruning.criteria.scores import Scores, Tables
from pruning.criteria.scoring import Again
from pruning.experiment import Recipe
from pruning.inspection import AccuracyNow, Description
from pruning.inspection.compress_preview import RoundedNow, Way
from pruning.tasks import Difference
from pruning.wall import Wall

RECORDS = {
    record.__name__: record
    for record in (
        *(AccuracyNow, ChannelGroup, Description, Difference, IndexMap, LayerRecord, Verification),
        *(Recipe, RoundedNow, Structure, Wall, Way),
    )
}
NUMBERS = "biuf"  # kinds of arrays
ENDING = b"\n"
LONG = 2**16  # bytes of an array that stands apart


def packed(value: Any, stamp: dict) -> dict[str, bytes]:
    """{"": the value, digest: numbers of a long array}. stamp: plain values told beside it, that can be read
    without the value."""
    arrays: list[np.ndarray] = []
    told = _plain(value, arrays)
    long = {_digest(array): array.tobytes() for array in arrays if array.nbytes >= LONG}
    short = b"".join(array.tobytes() for array in arrays if array.nbytes < LONG)
    header = json.dumps({"stamp": stamp, "long": sorted(long), "value": told}, separators=(",", ":"))
    return {"": header.encode() + ENDING + short, **long}


def header_of(content: bytes) -> dict:
    """stamp: as it was given.   long: digests of the arrays that stand apart."""
    return json.loads(content.partition(ENDING)[0])


def unpacked(content: bytes, apart: Mapping[str, bytes]) -> Any:
    """The value; its arrays are views of the bytes, which cannot be written to. apart: long arrays' numbers
    by their digests."""
    header, _, numbers = content.partition(ENDING)
    told = json.loads(header)
    parts = {name: memoryview(apart[name]) for name in told["long"]}
    return _value(told["value"], {"": memoryview(numbers), **parts})


def _plain(value: Any, arrays: list[np.ndarray]) -> Any:
    """As JSON; arrays are put aside and named by their type, shape and place."""

    def each(values):
        return [_plain(one, arrays) for one in values]

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        return {"array": _put_aside(value, arrays)}
    if isinstance(value, pd.DataFrame):
        columns = [value[name].to_numpy() for name in value.columns]
        columns = [c.tolist() if c.dtype.kind not in NUMBERS else c for c in columns]
        return {"table": [list(value.columns), each(columns)]}
    if isinstance(value, (tuple, list)):
        return {type(value).__name__: each(value)}
    if isinstance(value, Scores):
        return {"scores": each(_of_scores(value))}
    if isinstance(value, dict):
        return {"dict": [each(pair) for pair in value.items()]}
    name = type(value).__name__
    if RECORDS.get(name) is not type(value):
        raise TypeError(f"{name} has no form that is shipped")
    return {
        "record": [name, {f.name: _plain(getattr(value, f.name), arrays) for f in fields(value) if f.init}]
    }


def _put_aside(array: np.ndarray, arrays: list[np.ndarray]) -> list:
    """Its type, shape, and where its numbers begin: in which bytes, after how many."""
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"arrays of {array.dtype} have no form that is shipped")
    before = sum(one.nbytes for one in arrays if one.nbytes < LONG)
    arrays.append(np.ascontiguousarray(array))
    where = [_digest(array), 0] if array.nbytes >= LONG else ["", before]
    return [array.dtype.str, list(array.shape), *where]


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:24]


def _of_scores(value: Scores) -> tuple:
    """What Scores are made of; the order that depends on the width is named by its criterion."""
    if value.again is not None and not isinstance(value.again, Again):
        raise ValueError(f"{value.criterion} asks again by a function that has no form")
    if not isinstance(value.tables, Tables):
        raise ValueError(f"{value.criterion} has tables that have no form")
    again = None if value.again is None else dict(value.again.keywords)
    tables = value.tables
    return (value.arrays, value.criterion, value.unit, value.messages, tables.columns, tables.arrays, again)


def _scores(arrays, criterion, unit, messages, columns, parts, again) -> Scores:
    tables = Tables(columns)
    for group, array in parts.items():
        tables.add(group, array, arrays[group])
    order = None if again is None else Again(CRITERIA[criterion].again, tuple(again.items()))
    return Scores(arrays, criterion, unit, tables, messages, order)


def _value(told: Any, numbers: Mapping[str, memoryview]) -> Any:
    def each(values):
        return [_value(one, numbers) for one in values]

    if not isinstance(told, dict):
        return told
    ((kind, content),) = told.items()
    if kind == "array":
        named, shape, where, place = content
        dtype = np.dtype(named)
        if dtype.kind not in NUMBERS:
            raise ValueError(f"arrays of {dtype} are never shipped")
        count = int(np.prod(shape, dtype=int))
        return np.frombuffer(numbers[where], dtype, count, place).reshape(shape)
    if kind == "table":
        return pd.DataFrame(dict(zip(content[0], each(content[1]), strict=True)))
    if kind == "record":
        name, given = content
        return RECORDS[name](**{key: _value(one, numbers) for key, one in given.items()})
    if kind == "dict":
        return dict(map(each, content))
    made: dict[str, Callable] = {"tuple": tuple, "list": list, "scores": lambda parts: _scores(*parts)}
    return made[kind](each(content))
