"""What a criterion owes, and where criteria are listed. Nothing here computes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from pruning.error_messages import choose

Side = Literal["writers", "readers", "norms", "groups"]
Combination = Literal["average", "sum", "scatter"]


@dataclass(frozen=True)
class Option:
    """A criterion's keyword argument. choices: the texts it may be, or () for a number or a switch.
    only_with: (other option, its value) pairs without which this one has nothing to say.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    only_with: tuple[tuple[str, Any], ...] = ()

    def counts(self, options: Mapping[str, Any]) -> bool:
        """Whether it has a say beside these values of the criterion's other options."""
        return all(options[name] == value for name, value in self.only_with)

    def read(self, value) -> Any:
        """The value in its own type; raises ValueError that says what would be right."""
        if self.choices:
            return choose(str(value), self.choices, f"{self.name} of this criterion")
        if self.kind is bool:
            known = {"true": True, "false": False, "1": True, "0": False}
            if str(value).lower() not in known:
                raise ValueError(f"{self.name} is {value!r}; give true or false")
            return known[str(value).lower()]
        try:
            number = self.kind(value)
        except (TypeError, ValueError):
            number = float("nan")
        fraction = isinstance(value, float) and number != value
        if not np.isfinite(number) or number < 0 or isinstance(value, bool) or fraction:
            kind = "whole number" if self.kind is int else "number"
            raise ValueError(
                f"{self.name} is {value!r}; give a {kind}, 0 or more, such as {self.default or 1}"
            )
        return number


@dataclass(frozen=True)
class Criterion:
    """A way to order channels.

    score: (LayerStatistics, **options) -> [P] (or [P, len(columns)]) for a layer's P positions on one side,
    higher = keep.   trained: its scores come from training the network with gates, not from looking at it;
    score is then the record of its options.
    meaning: one sentence for the app.   unit_of, side_of, needs: options -> the scores' unit in words, the
    side of a group whose layers are asked, and the statistics that are read.
    columns: what the numbers are; "score" is what orders.   combine: how several layers' numbers become a
    group's.
    again: (table, width, **options) -> [C], where the order depends on how many stay.   resolve: fills in
    options whose default (None) depends on others.
    """

    name: str
    score: Callable[..., np.ndarray]
    meaning: str
    unit_of: Callable[[Mapping[str, Any]], str]
    side_of: Callable[[Mapping[str, Any]], Side]
    needs: Callable[[Mapping[str, Any]], tuple]
    columns: tuple[str, ...]
    combine: Combination
    again: Callable[..., np.ndarray] | None
    options: dict[str, Option]
    uses_labels: bool
    resolve: Callable[[dict[str, Any]], dict[str, Any]]
    trained: bool = False
    by_loss: bool = False

    @property
    def uses_data(self) -> bool:
        """Whether it looks at images at all, at its default options."""
        return self.looks_at_images(dict(resolve_options(self.name, {})))

    def looks_at_images(self, options: Mapping[str, Any]) -> bool:
        """Whether it does so with these options, every one of them given."""
        return self.trained or bool(self.needs(options))


CRITERIA: dict[str, Criterion] = {}  # filled while pruning.criteria is imported, only read afterwards

LABELS = Option(
    "labels",
    str,
    "true",
    "True labels, or shuffled ones as a control: do the labels matter at all?",
    ("true", "shuffled"),
)


def criterion(
    name: str,
    *,
    meaning: str,
    unit: str | Callable[[Mapping[str, Any]], str],
    side: Side | Callable[[Mapping[str, Any]], Side] = "writers",
    needs: Callable[[Mapping[str, Any]], tuple] = lambda options: (),
    columns: tuple[str, ...] = ("score",),
    combine: Combination = "average",
    again: Callable[..., np.ndarray] | None = None,
    uses_labels: bool = False,
    resolve: Callable[[dict[str, Any]], dict[str, Any]] = lambda options: options,
    only_with: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    trained: bool = False,
    by_loss: bool = False,
):
    """Registers a function (or the record of a trained criterion's options) as a criterion and hands it back
    unchanged; its keyword arguments become the options.

    unit, side: the same for all options, or a function of them.   only_with: {option: {other option: value
    without which it has nothing to say}}.   by_loss: labels reach it through the task's loss alone, so any
    task will do; else it tells classes apart."""

    def register(score: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        if name in CRITERIA:
            raise ValueError(f"criterion {name!r} is taken by {CRITERIA[name].score.__module__}")
        options = _options(score) | ({"labels": LABELS} if uses_labels else {})
        for option, others in only_with.items():
            options[option] = replace(options[option], only_with=tuple(others.items()))
        units = unit if callable(unit) else _always(unit)
        sides = side if callable(side) else _always(side)
        how = (columns, combine, again, options, uses_labels, resolve, trained, by_loss)
        CRITERIA[name] = Criterion(name, score, meaning, units, sides, needs, *how)
        return score

    return register


def _always(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda options: value


def _options(score: Callable) -> dict[str, Option]:
    """The keyword-only arguments of a criterion: Annotated[type or Literal, help text] = default."""
    hints = get_type_hints(score, include_extras=True)
    options = {}
    for parameter in inspect.signature(score).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        annotation = hints[parameter.name]
        kind, text = get_args(annotation) if get_origin(annotation) is Annotated else (annotation, "")
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        options[parameter.name] = Option(
            parameter.name, str if choices else kind, parameter.default, text, tuple(choices)
        )
    return options


def resolve_options(name: str, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Every option of a criterion, given ones read into their types, the others at their defaults; sorted by
    name.

    Raises ValueError for an option that this criterion does not have, naming the nearest or whose option it
    is, and for one that has nothing to say beside the others.
    """
    options = CRITERIA[name].options
    for option in given:
        if option not in options:
            owners = [other.name for other in CRITERIA.values() if option in other.options]
            if owners:
                raise ValueError(f"{option} is an option of {', '.join(owners)}, not of {name}")
            choose(option, options, f"recipe field or option of {name}") if options else _none(option, name)
    told = {key: given.get(key, option.default) for key, option in options.items()}
    read = {key: value if value is None else options[key].read(value) for key, value in told.items()}
    for own in options.values():
        if read[own.name] != own.default and not own.counts(read):
            asked = " and ".join(f"{other}={value}" for other, value in own.only_with)
            raise ValueError(f"{own.name} does something with {asked} only; leave it out here")
    return tuple(sorted(CRITERIA[name].resolve(read).items()))


def must_be_scored(name: str):
    """Raises ValueError for a criterion whose scores come from training."""
    if CRITERIA[name].trained:
        raise ValueError(
            f"criterion {name} trains gates with the network, which takes epochs: it is for run and for "
            "scores, with "
            "epochs=1 or more"
        )


def with_option(name: str, options: Mapping[str, Any], option: str, value) -> dict[str, Any]:
    """The options to give when one of a criterion's is changed. options: all of them, resolved.

    Those that then have no say go back to their defaults; those that were filled in because of the others are
    filled in anew."""
    known = CRITERIA[name].options
    own = {key: held for key, held in options.items() if known[key].default is not None}
    filled = dict(resolve_options(name, own))
    told = own | {key: held for key, held in options.items() if held != filled[key]} | {option: value}
    return {key: held for key, held in told.items() if known[key].counts(told)}


def _none(option: str, name: str):
    raise ValueError(f"there is no recipe field {option!r}, and criterion {name} has no options")
