"""Numbers that somebody gives: refused in one sentence that says what would be right."""

import math

import numpy as np


def brief(value) -> str:
    """A value for a message: a recipe's file may hold anything in the place of a number."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def share(value, name: str, *, least: float = 0.0, most: float | None = None):
    """A finite number in [0, 1), or up to `most` where that is given; NaN, texts and booleans are refused."""
    if not _number(value) or value < least or (value >= 1 if most is None else value > most):
        top = "below 1" if most is None else f"{most:g}"
        kind = "share" if most is None or most <= 1 else "number"
        raise ValueError(f"{name} is {brief(value)}; give a {kind} from {least:g} to {top}, such as 0.5")


def positive(value, name: str, what: str, example: float, *, most: float = 10.0):
    """A finite number above 0, up to `most`. what: its kind, in words."""
    if not _number(value) or not 0 < value <= most:
        raise ValueError(
            f"{name} is {brief(value)}; give {what} above 0, up to {most:g}, such as {example:g}"
        )


def whole(value, name: str, least: int, most: int = 10**9):
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        upto = "or more" if not isinstance(value, int) or value < least else f"to {most:,}"
        raise ValueError(f"{name} is {brief(value)}; give a whole number, {least} {upto}")


def of_python(value):
    """A number of NumPy's as one of Python's, which is all that the others take; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
