"""How fast a network answers and is trained, on this machine and as busy as that is: from a few batches."""

import copy
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.data import Dataset
from pruning.devices import seeded
from pruning.models import Normalization
from pruning.progress import Watch, silent
from pruning.train.distillation import Teaching
from pruning.train.evaluation import evaluate
from pruning.train.training_loop import Run

if TYPE_CHECKING:
    from torch import nn

FIRST = 32  # images that show how many can be asked in so short a time
ANSWERED = 0.2  # seconds, roughly, that answers are timed for
STEP = 0.15  # seconds, roughly, of one step of training
STEPS = 2  # that are timed
HARDER = 3.3  # a step of training than an answer, as a guess for the size of the batch
LEAST, MOST = 4, 256  # images of a batch


def answering(model: "nn.Module", dataset: Dataset, normalization: Normalization, device: str) -> float:
    """Images a second that the network answers, what `evaluate` does with them besides included."""

    def seconds(images: int) -> float:
        some = dataset.train.take(np.arange(images) % len(dataset.train))
        start = time.perf_counter()
        evaluate(model, some, normalization=normalization, batch_size=images, device=device)
        return time.perf_counter() - start

    first = FIRST / seconds(FIRST)  # in which memory is asked for and kernels are chosen
    images = int(np.clip(ANSWERED * first, LEAST, MOST))
    return images / seconds(images)


def training(
    model: "nn.Module",
    dataset: Dataset,
    normalization: Normalization,
    device: str,
    *,
    batch_size: int,
    answers: float,
    watch: Watch = silent,
) -> float:
    """Images a second of fine-tuning; a copy of the network is trained. answers: as `answering` says."""
    images = int(np.clip(STEP * answers / HARDER, LEAST, batch_size))
    batch = dataset.train.take(np.arange(images) % len(dataset.train))
    how: dict[str, Any] = {"normalization": normalization, "device": device, "watch": watch, "seed": 0}
    taught = dataset.task.taught
    teach = Teaching(model, None, features=0.0) if taught else None  # predictions alone: no graph is asked
    how |= {"schedule": "cosine", "teach": teach, "adversary": None, "saved": None}
    with seeded(0, device):
        run = Run(copy.deepcopy(model), dataset, 1, 1e-3, images, **how)
        run.lesson = run.taught()
        run.model.train()
        run.one_step(batch)
        start = time.perf_counter()
        for _ in range(STEPS):
            watch("trace", 1, 1)
            run.one_step(batch)
        return STEPS * images / (time.perf_counter() - start)
