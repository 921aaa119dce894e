"""Stochastic gradient descent with momentum, over images moved and mirrored as far as the data allows.

The state that the hold-out likes best is kept, that of the start among them: of those with no fewer right
answers than at the start the one with the least loss. The loss tells states apart that a few hundred images'
right answers do not; the right answers keep a lower loss from being bought with them. The test part is never
looked at here.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Dataset, Split, batch_of
from pruning.devices import seeded
from pruning.models import Normalization
from pruning.models.fill_weights import restore
from pruning.progress import Paused, Watch, silent
from pruning.terms import plural
from pruning.train.augmentation import augmented
from pruning.train.distillation import Lesson, Teaching
from pruning.train.evaluation import Predictions, evaluate, mode_kept
from pruning.train.schedule import Schedule, batches_of, share_of_rate
from pruning.train.training_state import Saved, put_back, state_of

if TYPE_CHECKING:
    import torch
    from torch import nn

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
CLIP = 5.0  # length of the gradient at most: the first steps after a deep cut are far longer
STAGE = "tune"  # under which the state is kept
COUNTS = ("step", "seen", "busy", "least", "floor", "rows")  # of it, beside the tensors


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
    saved: Saved | None = None,
) -> list[dict]:
    """Trains `model` in place; leaves in it the state that the hold-out likes best, maybe the first one.

    lr: the highest learning rate; `cosine` begins there (after a warm-up of 5 % of the steps), `one-cycle`
    climbs to it over the first 30 %; both fall to 0.   Returns a row an epoch: epoch (from 1), loss and
    holdout_loss (the task's: cross-entropy in nats), holdout_METRIC (the task's metric, holdout_accuracy from
    0 to 1), images_per_second, kept (whether this is
    the state left in the model); with `teach` also its terms, distill_logits and distill_features. No
    gradients are left. The same seed and thread count give the same network. An exception, a watch's too,
    leaves the model as it came. Raises ValueError if the loss stops being a number.
    saved: where the state is kept after every epoch, and what is there already is gone on from, to the same
    end; asked there to pause, raises Paused; to stop, ends with the best state of the epochs so far.
    """
    check(epochs, lr, batch_size)
    options = (epochs, lr, batch_size, seed, normalization, device, watch, schedule, teach, saved)
    run = Run(model, dataset, *options)
    run.fit()
    return run.rows


class Stopped(Exception):
    """Raised between two batches: what was learned so far is wanted, and no more."""


def check(epochs: int, lr: float, batch_size: int) -> None:
    if epochs < 0 or batch_size < 2 or not (math.isfinite(lr) and lr > 0):
        raise ValueError(
            f"epochs {epochs}, lr {lr}, batch_size {batch_size} cannot be trained with; "
            "give 0 epochs or more, a rate above 0 and batches of 2 images or more"
        )


@dataclass(eq=False)
class Run:
    """One training under way: what `fit` was given, and how far it is."""

    model: "nn.Module"
    dataset: Dataset
    epochs: int
    lr: float
    batch_size: int
    seed: int
    normalization: Normalization
    device: str
    watch: Watch
    schedule: Schedule
    teach: Teaching | None
    saved: Saved | None
    rows: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)  # the state that the hold-out liked best
    lesson: Lesson | None = None

    def __post_init__(self):
        import torch

        self.metric = self.dataset.task.metric

        self.random = np.random.Generator(np.random.PCG64(self.seed))
        self.batches = batches_of(len(self.dataset.train), self.batch_size)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=self.lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
        )
        self.step = 0
        self.seen = 0  # images
        self.busy = 0.0  # seconds of training, evaluations aside

    def fit(self) -> None:
        """Leaves the best state in the model; after an exception the one that came."""
        self.best = came = copied(self.model)
        with mode_kept(self.model), seeded(self.seed, self.device):
            try:
                self.train()
            except BaseException:
                restore(self.model, came)
                raise
            finally:
                self.model.zero_grad()
        restore(self.model, self.best)

    def train(self) -> None:
        """Fills rows and best, for which the state at the start competes too."""
        if not self.epochs:
            return
        self.lesson = self.taught()
        if not self.restored():
            self.begin(self.holdout())
        self.first, self.began = self.step, time.perf_counter()
        with suppress(Stopped):
            for epoch in range(len(self.rows) + 1, self.epochs + 1):
                loss, terms = self.one_epoch(epoch)
                holdout = self.judge(epoch, loss, terms)
                self.keep()
                told = {self.metric.name: holdout.value, "holdout_loss": holdout.loss}
                self.tell(epoch, loss, **told, **terms)

    def begin(self, holdout: Predictions) -> None:
        """The start is what every epoch has to beat."""
        self.least, self.floor = holdout.loss, holdout.value
        told = {self.metric.name: holdout.value, "holdout_loss": holdout.loss}
        self.watch(STAGE, 0, self.batches * self.epochs, epoch=0, **told)

    def judge(self, epoch: int, loss: float, terms: dict[str, float]) -> Predictions:
        """What the hold-out says of an epoch: its row, and whether its state is the best so far."""
        holdout = self.holdout()
        row = {
            "epoch": epoch,
            "loss": loss,
            "holdout_loss": holdout.loss,
            f"holdout_{self.metric.name}": holdout.value,
        }
        row |= {f"distill_{name}": value for name, value in terms.items()}
        self.rows.append(row | {"images_per_second": self.seen / self.busy, "kept": False})
        if holdout.loss < self.least and self.metric.no_worse(holdout.value, self.floor):
            self.least, self.best = holdout.loss, copied(self.model)
            for other in self.rows:
                other["kept"] = other is self.rows[-1]
        return holdout

    def keep(self) -> None:
        """The state between two epochs."""
        if self.saved:
            tensors, values = state_of(self.model, self.best, self.optimizer, self.random)
            values |= {name: getattr(self, name) for name in COUNTS} | {"settings": self.settings}
            self.saved.keep(STAGE, tensors, values)

    def restored(self) -> bool:
        """Goes back to the state kept of this training, if there is one."""
        found = self.saved.found(STAGE) if self.saved else None
        if found is None or found[1]["settings"] != self.settings:
            return False
        if not found[1].keys() >= set(COUNTS):  # of an earlier version, which judged by another rule
            return False
        self.best = put_back(*found, self.model, self.optimizer, self.random)
        for name in COUNTS:
            setattr(self, name, found[1][name])
        return True

    @property
    def settings(self) -> list:
        """What another training would differ in."""
        return [self.epochs, self.lr, self.batch_size, self.seed, self.schedule, self.metric.name]

    def taught(self) -> Lesson | None:
        if self.teach is None or not (self.teach.logits or self.teach.features):
            return None
        return Lesson(self.teach, self.dataset, self.normalization, self.device, self.still_wanted)

    def one_epoch(self, epoch: int) -> tuple[float, dict[str, float]]:
        """Means over the epoch's batches: the cross-entropy, and the terms of the teacher's."""
        self.model.train()
        if self.lesson:
            self.lesson.prepare(self.model)
        order, total = self.random.permutation(len(self.dataset.train)), Counter()
        for batch in range(self.batches):
            self.ask()
            start = time.perf_counter()
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            total.update(self.one_step(self.dataset.train.take(rows)))
            self.seen += len(rows)
            self.busy += time.perf_counter() - start
            means = {name: value / (batch + 1) for name, value in total.items()}
            self.tell(epoch, **means)
        return means.pop("loss"), means

    def one_step(self, batch: Split) -> dict[str, float]:
        """Takes one step; returns the cross-entropy, `loss`, and the terms of the teacher's."""
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * share_of_rate(self.step / (self.batches * self.epochs), self.schedule)
        batch = augmented(batch, self.dataset, self.random)
        images, targets = batch_of(batch, slice(None), self.normalization, self.device)
        self.optimizer.zero_grad()
        outputs, terms = (
            self.lesson.hear(self.model, images, targets) if self.lesson else (self.model(images), {})
        )
        loss = batch.task.loss(outputs, targets)
        (loss + sum(getattr(self.teach, name) * term for name, term in terms.items())).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.step += 1
        values = {"loss": loss.item()} | {name: term.item() for name, term in terms.items()}
        if not all(map(math.isfinite, values.values())):
            raise ValueError(
                f"the loss was not finite after {self.step} steps at learning rate {self.lr}; give a "
                "smaller lr"
            )
        return values

    def holdout(self) -> Predictions:
        return evaluate(
            self.model,
            self.dataset.holdout,
            normalization=self.normalization,
            device=self.device,
            watch=lambda *_, **__: self.still_wanted(),
            judge=self.dataset.judge,
        )

    def ask(self) -> None:
        """Whether somebody wants it to end here."""
        wish = self.saved.wish() if self.saved else None
        if wish == "pause":
            raise Paused
        if wish == "stop":
            raise Stopped

    def still_wanted(self) -> None:
        self.watch("tune", self.step, self.batches * self.epochs)

    def tell(self, epoch: int, loss: float, **values) -> None:
        steps = self.batches * self.epochs
        passed = time.perf_counter() - self.began
        self.watch(
            "tune",
            self.step,
            steps,
            epoch=epoch,
            epochs=self.epochs,
            loss=loss,
            images_per_second=self.seen / self.busy,
            seconds_left=passed / (self.step - self.first) * (steps - self.step),
            **values,
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


def copied(model: "nn.Module") -> "dict[str, torch.Tensor]":
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
