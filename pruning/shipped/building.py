"""Computes what ships, keeps what is current, and sees whether values are still those of today's code."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, zip_longest
from typing import Any

import numpy as np
import pandas as pd

from pruning.experiment.loaded_networks import loaded
from pruning.inspection.preview import describe, errors_by_group, remember, scored
from pruning.progress import Watch, silent
from pruning.shipped import store
from pruning.shipped.encoding import header_of, packed, unpacked
from pruning.shipped.provenance import stamp
from pruning.shipped.questions import Question, errors, opening, scores
from pruning.shipped.store import TIMES, contents, file_of, write
from pruning.wall import STEPS

DIFFER = 0.02  # share of a value's numbers that may: another processor's last digits turn an answer
CLOSE = 1e-3  # relative difference below which two numbers are the same


def everything(model: str, data: str) -> list[Question]:
    """What has to ship."""
    return list(chain(*opening(model, data)))


def allowed(model: str, data: str) -> dict[str, Question]:
    """{place: question} of what may ship: every step of every wall besides."""
    return {question.place: question for question in chain(*opening(model, data, len(STEPS)))}


def stale(model: str, data: str, questions: Iterable[Question] | None = None) -> list[tuple[Question, str]]:
    """(question, why) of what has to be computed anew: missing, or what has changed behind it. questions:
    the ones to look at; unsaid, all."""
    known, found = contents(file_of(model, data)), []
    for question in everything(model, data) if questions is None else questions:
        if question.place not in known:
            found.append((question, "missing"))
        elif changed := _changed(header_of(known[question.place])["stamp"], stamp(question)):
            found.append((question, f"another {' and '.join(changed)}"))
    return found


def _changed(before: dict, now: dict) -> list[str]:
    return [name for name, value in now.items() if before.get(name) != value]


def make(
    pairs: Iterable[tuple[str, str]], watch: Watch = silent, told: Callable[[str], None] = print
) -> None:
    """Computes what is stale of these networks, one value after another, the most wanted of all networks
    first; each is in its file as soon as it is known."""
    pairs = list(pairs)
    for tier in zip_longest(*(opening(*pair) for pair in pairs), fillvalue=()):
        for pair, questions in zip(pairs, tier, strict=True):
            for question, why in stale(*pair, questions):
                told(f"{'-'.join(pair)}: {question.place} ({why})")
                put(question, answered(question, watch))


def put(question: Question, value: Any):
    """Into the file of its network, in place of what was there; what nobody asks for any more goes."""
    pair = question.recipe.model, question.recipe.data
    path, wanted = file_of(*pair), allowed(*pair)
    parts = packed(value, stamp(question))
    known = contents(path) | {name or question.place: content for name, content in parts.items()}
    kept = {name: content for name, content in known.items() if name in wanted}
    long = {name for content in kept.values() for name in header_of(content)["long"]}
    write(path, kept | {name: known[name] for name in long})


def answered(question: Question, watch: Watch = silent) -> Any:
    """Computed here and now, as a preview worker would; from scores and errors that are known already. None
    where there is no answer, such as for a cut out of reach, which pages see for themselves."""
    recipe = question.recipe
    loaded(recipe, watch)  # sets the threads
    if question.function not in (describe, scored, errors_by_group):
        known = [store.value(recipe, asked(recipe).place) for asked in (scores, errors)]
        remember(recipe, *known)
    try:
        return question.function(recipe, *question.more, watch=watch)
    except ValueError:
        return None


def sample(model: str, data: str, each: int = 1, seed: int = 0) -> Iterator[Question]:
    """A few of the questions whose answers ship, drawn by the seed: `each` of every kind."""
    known = set(contents(file_of(model, data)))
    there = [question for question in everything(model, data) if question.place in known]
    kinds = groupby(sorted(there, key=_kind), key=_kind)
    for _, of_kind in kinds:
        listed = list(of_kind)
        yield from random.Random(seed).sample(listed, min(each, len(listed)))


def _kind(question: Question) -> str:
    return question.function.__qualname__


def verify(model: str, data: str, seed: int = 0, told: Callable[[str], None] = print) -> list[str]:
    """Computes a sample of what ships anew; where its values are equal, everything of its kind gets the stamp
    of today. Returns the places that differ."""
    path, differing, same = file_of(model, data), [], set()
    for question in sample(model, data, seed=seed):
        known = contents(path)
        unequal = difference(unpacked(known[question.place], known), answered(question))
        told(f"{model} on {data}: {question.place}: {unequal:.1%} of its numbers differ")
        if unequal > DIFFER:
            differing.append(question.place)
        else:
            same.add(_kind(question))
    known = contents(path)
    for place, question in allowed(model, data).items():
        if _kind(question) in same and place in known:
            known[place] = packed(unpacked(known[place], known), stamp(question))[""]
    write(path, known)
    return differing


def difference(one: Any, other: Any) -> float:
    """The share of two values' numbers and words that differ; seconds that something took do not count."""
    pairs = list(_pairs(one, other))
    return sum(not _alike(a, b) for a, b in pairs) / max(1, len(pairs))


def _pairs(one: Any, other: Any) -> Iterator[tuple]:
    one, other = (_parts(value) for value in (one, other))
    if type(one) is not type(other) or (isinstance(one, (list, dict)) and len(one) != len(other)):
        yield one, None
    elif isinstance(one, dict):
        for name in one:
            if name not in TIMES:
                yield from _pairs(one[name], other.get(name))
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            yield from _pairs(a, b)
    else:
        yield one, other


def _parts(value: Any) -> Any:
    """A record as a mapping, arrays and tables as lists, and single values as they are."""
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    if isinstance(value, pd.DataFrame):
        return {name: value[name].tolist() for name in value.columns}
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, np.generic):
        return value.item()
    return {str(name): part for name, part in value.items()} if hasattr(value, "items") else value


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=CLOSE, atol=1e-9, equal_nan=True))
    return callable(one) or one == other
