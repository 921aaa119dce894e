"""Learning rates over a training: how they climb and fall."""

import math
from typing import Literal

Schedule = Literal["cosine", "one-cycle"]


def share_of_rate(passed: float, schedule: Schedule) -> float:
    """The learning rate's share of the highest one, 0 to 1, when `passed` (0 to 1) of the steps are done."""
    climb = {"cosine": 0.05, "one-cycle": 0.3}[schedule]
    if passed < climb:
        return 0.04 + 0.96 * passed / climb
    return (1 + math.cos(math.pi * (passed - climb) / (1 - climb))) / 2
