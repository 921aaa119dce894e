"""Single values of a recipe: checked, written into a link, and read from one."""

import math
from collections.abc import Iterable
from typing import Any, get_args


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


def whole_numbers(values: Iterable[int], name: str) -> tuple[int, ...]:
    """Each once, ascending."""
    try:
        values = tuple(values)
        for value in values:
            whole(value, name, 0)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {brief(values)}; give whole numbers, such as 2 4 8") from None
    return tuple(sorted(set(values)))


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


# ------------------------------------------------------------------------------------------- as a link's text


def as_text(value) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={part}" for name, part in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def from_text(name: str, text: str, kind: Any):
    """One field's value from a link's text. kind: the field's annotation. Raises ValueError that says which
    kind of value the field takes."""
    parts = [part for part in text.split(",") if part]
    if name == "cut_group":
        pairs = [part.rpartition("=") for part in parts]
        return tuple((key, number(value, name, float)) for key, _, value in pairs)
    if kind == tuple[str, ...]:
        return tuple(parts)
    if kind == tuple[int, ...]:
        return tuple(number(part, name, int) for part in parts)
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(f"{name} is {brief(text)}; give true or false")
        return text.lower() in ("true", "1")
    wanted = next((known for known in (int, float) if kind is known or known in get_args(kind)), None)
    return number(text, name, wanted) if wanted else text


def number(text: str, name: str, kind: type):
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name} is {brief(text)}; give a {'whole ' if kind is int else ''}number") from None
