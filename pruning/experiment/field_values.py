"""Single values of a recipe: written into a link, and read from one."""

from collections.abc import Iterable
from typing import Any, get_args

from pruning.number_checks import brief, whole


def whole_numbers(values: Iterable[int], name: str) -> tuple[int, ...]:
    """Each once, ascending."""
    try:
        values = tuple(values)
        for value in values:
            whole(value, name, 0)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {brief(values)}; give whole numbers, such as 2 4 8") from None
    return tuple(sorted(set(values)))


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
