"""Stochastic gradient descent with momentum, over images moved and mirrored as far as the data allows.

The state that the hold-out likes best is kept, that of the start among them: of those with no fewer right
answers than at the start the one with the least loss. The loss tells states apart that a few hundred images'
right answers do not; the right answers keep a lower loss from being bought with them. The test part is never
looked at here.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pruning.data import Dataset, Split, batch_of
from pruning.devices import seeded
from pruning.models import Normalization
from pruning.models.fill_weights import restore
from pruning.models.module_modes import mode_kept
from pruning.progress import Paused, Watch
from pruning.train.augmentation import augmented
from pruning.train.distillation import Lesson, Teaching
from pruning.train.evaluation import Predictions, evaluate
from pruning.train.optimizer import optimizer_for
from pruning.train.schedule import Schedule, batches_of, share_of_rate
from pruning.train.training_state import Saved, put_back, state_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from pruning.train.adversarial import Adversary

CLIP = 5.0  # length of the gradient at most: the first steps after a deep cut are far longer
STAGE = "tune"  # under which the state is kept
COUNTS = ("step", "seen", "busy", "least", "floor", "rows")  # of it, beside the tensors


class Stopped(Exception):
    """Raised between two batches: what was learned so far is wanted, and no more."""


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
    adversary: "Adversary | None"
    saved: Saved | None
    after_epoch: "Callable[[nn.Module, str], None] | None" = None
    rows: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)  # the state that the hold-out liked best
    lesson: Lesson | None = None

    def __post_init__(self):

        self.metric = self.dataset.task.metric

        self.random = np.random.Generator(np.random.PCG64(self.seed))
        self.batches = batches_of(len(self.dataset.train), self.batch_size)
        self.optimizer = optimizer_for(self.model, self.lr, self.dataset.task)
        if self.adversary:
            self.adversary.begin(self.lr, self.device)
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
                if self.after_epoch:
                    self.after_epoch(self.model, self.device)
                told = {self.metric.name: holdout.value, "holdout_loss": holdout.loss}
                self.tell(epoch, loss, **told, **terms)

    def begin(self, holdout: Predictions) -> None:
        """The start is what every epoch has to beat."""
        self.least, self.floor = holdout.shortfall, holdout.value
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
        kind = "adversarial" if self.adversary else "distill"
        row |= {f"{kind}_{name}": value for name, value in terms.items()}
        self.rows.append(row | {"images_per_second": self.seen / self.busy, "kept": False})
        if holdout.shortfall < self.least and self.metric.no_worse(holdout.value, self.floor):
            self.least, self.best = holdout.shortfall, copied(self.model)
            for other in self.rows:
                other["kept"] = other is self.rows[-1]
        return holdout

    def keep(self) -> None:
        """The state between two epochs."""
        if self.saved:
            tensors, values = state_of(self.model, self.best, self.optimizer, self.random)
            values |= {name: getattr(self, name) for name in COUNTS} | {"settings": self.settings}
            if self.adversary:
                tensors |= self.adversary.state()
                values["adversary_steps"] = self.adversary.steps
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
        if self.adversary:
            self.adversary.put_back(found[0], found[1]["adversary_steps"])
        return True

    @property
    def settings(self) -> list:
        """What another training would differ in."""
        own = [self.epochs, self.lr, self.batch_size, self.seed, self.schedule, self.metric.name]
        return [*own, "adversarial"] if self.adversary else own

    def taught(self) -> Lesson | None:
        if self.teach is None or not (self.teach.logits or self.teach.features):
            return None
        return Lesson(self.teach, self.dataset, self.normalization, self.device, self.still_wanted)

    def one_epoch(self, epoch: int) -> tuple[float, dict[str, float]]:
        """Means over the epoch's batches: the cross-entropy, and the terms of the teacher's."""
        self.model.train()
        if self.lesson:
            self.lesson.prepare(self.model)
        order, total = self.random.permutation(len(self.dataset.train)), Counter[str]()
        counts = Counter[str]()  # of the steps that each value was told of
        for batch in range(self.batches):
            self.ask()
            start = time.perf_counter()
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            values = self.one_step(self.dataset.train.take(rows))
            total.update(values)
            counts.update(values.keys())
            self.seen += len(rows)
            self.busy += time.perf_counter() - start
            means = {name: value / counts[name] for name, value in total.items()}
            self.tell(epoch, **means)
        return means.pop("loss"), means

    def one_step(self, batch: Split) -> dict[str, float]:
        """Takes one step; returns `loss`, the cross-entropy, and the terms of the teacher's; or those of the
        two networks that are trained against each other."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * share_of_rate(self.step / (self.batches * self.epochs), self.schedule)
        batch = augmented(batch, self.dataset, self.random)
        images, targets = batch_of(batch, slice(None), self.normalization, self.device)
        if self.adversary:
            values = self.adversary.step(self.model, self.optimizer, images, targets)
            values |= {"loss": values["penalty"] - values["distance"] + values["domain"]}
        else:
            values = self.descend(images, targets)
        self.step += 1
        if not all(map(math.isfinite, values.values())):
            raise ValueError(
                f"the loss was not finite after {self.step} steps at learning rate {self.lr}; give a "
                "smaller lr"
            )
        return values

    def descend(self, images: "torch.Tensor", targets: "torch.Tensor") -> dict[str, float]:
        """One step down the task's loss and the teacher's terms; of a task whose loss trains nothing down
        these alone."""
        import torch

        self.optimizer.zero_grad()
        outputs, terms = (
            self.lesson.hear(self.model, images, targets) if self.lesson else (self.model(images), {})
        )
        taught = sum(getattr(self.teach, name) * term for name, term in terms.items())
        loss = terms["logits"] if self.dataset.task.taught else self.dataset.task.loss(outputs, targets)
        (taught if self.dataset.task.taught else loss + taught).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return {"loss": loss.item()} | {name: term.item() for name, term in terms.items()}

    def holdout(self) -> Predictions:
        return evaluate(
            self.model,
            self.dataset.holdout,
            normalization=self.normalization,
            device=self.device,
            watch=lambda *_, **__: self.still_wanted(),
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


def copied(model: "nn.Module") -> "dict[str, torch.Tensor]":
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
