"""Steps of a training, and how its learning rate climbs and falls over them."""

import math
from typing import Literal

Schedule = Literal["cosine", "one-cycle"]


def batches_of(images: int, batch_size: int) -> int:
    """Steps of an epoch: a last single image is left out."""
    return max(1, math.ceil((images - 1) / batch_size))


def share_of_rate(passed: float, schedule: Schedule) -> float:
    """The learning rate's share of the highest one, 0 to 1, when `passed` (0 to 1) of the steps are done."""
    climb = {"cosine": 0.05, "one-cycle": 0.3}[schedule]
    if passed < climb:
        return 0.04 + 0.96 * passed / climb
    return (1 + math.cos(math.pi * (passed - climb) / (1 - climb))) / 2
