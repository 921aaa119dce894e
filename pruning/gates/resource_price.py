"""The price on the resource: solved for at each step, not ascended, so it never winds up or overshoots."""

from collections.abc import Callable


def least(enough: Callable[[float], bool]) -> float:
    """The least price, 0 or more, that is enough, to one in a thousand."""
    if enough(0.0):
        return 0.0
    high = 1e-4
    while not enough(high) and high < 1e6:
        high *= 4
    low = high / 4 if high > 1e-4 else 0.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
