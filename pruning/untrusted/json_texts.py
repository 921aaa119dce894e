"""JSON that nobody vouches for: of bounded size and depth, and all its numbers are numbers."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

LARGEST = 16 * 2**20  # bytes, which become 0.4 GB of lists at most; the largest plan here has 0.4 MB
DEEPEST = 100  # lists and objects in one another; ours have 6, and Python's own reader gives up near 1000


def parsed(text: str | bytes, *, constants: bool = False) -> Any:
    """What the text says. constants: whether it may say NaN and Infinity, as reports of diverged runs do.

    Raises ValueError that says what is wrong where it is no JSON, is too large or too deep, or holds numbers
    that are none."""
    if len(text) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
    try:
        found = json.loads(text, parse_constant=float if constants else no_number, parse_float=fraction)
    except RecursionError:
        raise ValueError(f"it has lists in lists, more than {DEEPEST} deep") from None
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno})") from None
    except ValueError as error:  # ours, and Python's own for a whole number of thousands of digits
        raise ValueError(
            str(error) if isinstance(error, NoNumber) else "it holds a number that is too large"
        ) from None
    if deeper(found, DEEPEST):
        raise ValueError(f"it has lists in lists, more than {DEEPEST} deep")
    return found


def bounded_bytes(path: Path) -> bytes:
    """What stands in a file; of one that is too large only so much that `parsed` says so."""
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


class NoNumber(ValueError):
    """A number that nothing can be computed with."""


def no_number(text: str) -> NoReturn:
    raise NoNumber(f"it holds {text}, which is no number")


def fraction(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NoNumber(f"it holds {text[:20]}, which is too large a number")
    return value


def deeper(value: Any, most: int) -> bool:
    """Whether there are more than `most` lists and objects in one another."""
    level = [value]
    for _ in range(most + 1):
        level = [one for one in level if isinstance(one, (list, dict))]
        if not level:
            return False
        level = [one for each in level for one in (each.values() if isinstance(each, dict) else each)]
    return True
