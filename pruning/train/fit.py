"""Training a network in place: what is asked of it, and what came of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pruning.data import Dataset
from pruning.models import Normalization
from pruning.progress import Watch, silent
from pruning.terms import plural
from pruning.train.distillation import Teaching
from pruning.train.schedule import Schedule
from pruning.train.training_loop import Run
from pruning.train.training_state import Saved

if TYPE_CHECKING:
    from torch import nn

    from pruning.train.adversarial import Adversary


def fit(
    model: "nn.Module",
    dataset: Dataset,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
    normalization: Normalization,
    device: str = "cpu",
    watch: Watch = silent,
    schedule: Schedule = "cosine",
    teach: Teaching | None = None,
    adversary: "Adversary | None" = None,
    after_epoch: "Callable[[nn.Module, str], None] | None" = None,
    saved: Saved | None = None,
) -> list[dict]:
    """Trains `model` in place; leaves in it the state that the hold-out likes best, maybe the first one.

    lr: the highest learning rate; `cosine` begins there (after a warm-up of 5 % of the steps), `one-cycle`
    climbs to it over the first 30 %; both fall to 0.   Returns a row an epoch: epoch (from 1), loss and
    holdout_loss (the task's: cross-entropy in nats), holdout_METRIC (the task's metric, holdout_accuracy from
    0 to 1), images_per_second, kept (whether this is the state left in the model); with `teach` also its
    terms, distill_logits and distill_features. No gradients are left. The same seed and thread count give the
    same network. An exception, a watch's too, leaves the model as it came. Raises ValueError if the loss
    stops being a number.
    adversary: a discriminator that the network is trained against, in place of the task's loss; rows then
    have its terms, and it is trained in place too.   after_epoch: called with the network and the device.
    saved: where the state is kept after every epoch, and what is there already is gone on from, to the same
    end; asked there to pause, raises Paused; to stop, ends with the best state of the epochs so far.
    """
    check(epochs, lr, batch_size)
    must_have_a_teacher(dataset, adversary, teach)
    options = (epochs, lr, batch_size, seed, normalization, device, watch, schedule, teach, adversary, saved)
    run = Run(model, dataset, *options, after_epoch)
    run.fit()
    return run.rows


def must_have_a_teacher(dataset: Dataset, adversary: "Adversary | None", teach: Teaching | None) -> None:
    if dataset.task.taught and adversary is None and not (teach and teach.logits):
        raise ValueError(
            f"the {dataset.task.unit_of_loss} that {dataset.task.name} is judged by train no network; "
            "distill, with logits above 0, or give a discriminator"
        )


def check(epochs: int, lr: float, batch_size: int) -> None:
    if epochs < 0 or batch_size < 2 or not (math.isfinite(lr) and lr > 0):
        raise ValueError(
            f"epochs {epochs}, lr {lr}, batch_size {batch_size} cannot be trained with; "
            "give 0 epochs or more, a rate above 0 and batches of 2 images or more"
        )


def in_vain(rows: Sequence[Mapping], what: str = "Fine-tuning") -> list[str]:
    """A sentence where no epoch beat the state before the first. rows: as `fit` returns them."""
    if not rows or any(row["kept"] for row in rows):
        return []
    epochs = plural(len(rows), "epoch")
    return [
        f"{what} made the network no better on the hold-out images ({epochs}), so it stays as it was before; "
        "a smaller rate may help."
    ]
