"""Axes of a drawn figure: from data to places on the page, with round ticks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PADDING = 0.05  # of a range, beyond its data
TICKS = 6  # about so many


@dataclass(frozen=True)
class Scale:
    """A line of values between two places. start, end: of low and high, in pixels.   ticks: (value, text)."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    categories: Mapping[Any, int] | None = None

    def __call__(self, value) -> float:
        """Where a value or a category is; NaN where it has no place."""
        number = self.categories.get(value, math.nan) if self.categories is not None else float(value)
        return self.at(number)

    def at(self, number: float) -> float:
        """Where a number is; of a category its place in their order."""
        return self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def step(self) -> float:
        """Pixels of one unit: of a category."""
        return abs((self.end - self.start) / (self.high - self.low))

    def placed(self, start: float, end: float) -> "Scale":
        return Scale(self.low, self.high, start, end, self.ticks, self.categories)


def scale_of(axis: Mapping[str, Any], values: Sequence, *, zero: bool = False) -> Scale:
    """axis: as Plotly's layout has it.   values: all that is drawn along it.   zero: bars begin there."""
    if axis.get("type") == "category" or any(isinstance(value, str) for value in values):
        return _categories(axis, values)
    return _linear(axis, [float(value) for value in values if _finite(value)], zero)


def _finite(value) -> bool:
    return value is not None and math.isfinite(float(value))


def _categories(axis: Mapping[str, Any], values: Iterable) -> Scale:
    names = list(dict.fromkeys([*(axis.get("categoryarray", ())), *values]))
    texts = dict(zip(axis.get("tickvals", ()), axis.get("ticktext", ()), strict=True))
    ticks = tuple((place, str(texts.get(name, name))) for place, name in enumerate(names))
    low, high = -0.5, max(len(names), 1) - 0.5
    if axis.get("autorange") == "reversed":
        low, high = high, low
    return Scale(low, high, 0, 1, ticks, {name: place for place, name in enumerate(names)})


def _linear(axis: Mapping[str, Any], values: list[float], zero: bool) -> Scale:
    from_zero = zero or axis.get("rangemode") == "tozero"
    values = [*values, 0.0] if from_zero or not values else values
    low, high = min(values), max(values)
    if low == high:
        low, high = (low - 1, high + 1) if not from_zero else (min(low, 0.0), high or 1.0)
    room = PADDING * (high - low)
    low = low - room if low < 0 or not from_zero else low
    high = high + room if high > 0 or not from_zero else high
    if axis.get("range") is not None:
        low, high = (float(end) for end in axis["range"])
    step = float(axis.get("dtick") or round_step((high - low) / TICKS))
    first = math.ceil(low / step - 1e-9)
    places = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
    return Scale(low, high, 0, 1, tuple((place, in_digits(place, step)) for place in places))


def round_step(rough: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def in_digits(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{digits}f}"
