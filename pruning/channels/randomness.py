"""Random numbers that a network draws as it runs: alike in every pass, and left as they were."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from pruning.devices import seeded


@contextmanager
def own_random_numbers(device: torch.device) -> Iterator[None]:
    """Inside, the random numbers of torch, NumPy and Python begin anew from a fixed seed; afterwards the
    caller's go on where they were."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    try:
        with seeded(0, device):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
