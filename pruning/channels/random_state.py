"""Random numbers that a network draws as it runs: alike in every pass, and left as they were."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch

from pruning.devices import seeded


@contextmanager
def own_random_numbers(device: torch.device) -> Iterator[None]:
    """Inside, the random numbers of torch, NumPy and Python begin anew from a fixed seed; afterwards the
    caller's go on where they were."""
    python, numpy, processor = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)  # torch.manual_seed takes milliseconds, for devices not used here
    try:
        with nullcontext() if device.type == "cpu" else seeded(0, device):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(processor)
