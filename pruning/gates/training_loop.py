"""The loop that trains a network and its gates, a step of the weights and one of the gates at a time."""

import math
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pruning.data import Dataset, batch_of, inputs_of
from pruning.gates.gate_optimizer import GateOptimizer
from pruning.models import Normalization
from pruning.progress import Paused, Watch
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.train.augmentation import augmented
from pruning.train.evaluation import Predictions, evaluate
from pruning.train.optimizer import optimizer_for
from pruning.train.schedule import share_of_rate
from pruning.train.training_loop import CLIP
from pruning.train.training_state import Saved, put_back, state_of

RECALIBRATED = 1000  # images that norms are re-estimated on where a training is stopped
RECORDED = 200  # steps of a training that are recorded with every gate
MANY = 0.05  # of all gates: held back, that is worth a message
OF_MAPS = 0.3  # of the learning rate while norms are held, where every pixel has a label: docs/methods/gdp.md
PARTS = 4  # of a batch, whose gradients are squared each
HEARD = 8  # images that the norms of a closed block are set by
TOLD = ("left", "target", "price", "between", "margin")  # of a step, by its gates
COUNTS = ("epoch", "batch", "seen", "busy", "total", "history", "rows")  # of the state, beside the tensors


@dataclass(eq=False)
class Training:
    """One training with gates under way: what it was given, and how far it is."""

    gate_optimizer: GateOptimizer
    batches: int  # of an epoch
    dataset: Dataset
    epochs: int
    lr: float
    batch_size: int
    seed: int
    normalization: Normalization
    device: str
    watch: Watch
    saved: Saved | None
    stage: str  # under which its state is kept
    epoch: int = 0  # those that are done
    batch: int = 0  # of the epoch under way, those that are done
    seen: int = 0  # images
    busy: float = 0.0  # seconds of training, evaluations aside
    total: float = 0.0  # of the epoch's losses
    stopped: bool = False
    history: list[dict] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)  # of the trace
    paths: list[np.ndarray] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    whole: torch.nn.Module | None = None  # the network as it came, where it teaches

    def __post_init__(self):
        self.gates, self.model = self.gate_optimizer.gates, self.gate_optimizer.gates.model
        self.random = np.random.Generator(np.random.PCG64(self.seed))
        self.optimizer = optimizer_for(self.model, self.lr, self.dataset.task)
        self.order = self.random.permutation(len(self.dataset.train))
        self.every = max(1, self.gate_optimizer.steps // RECORDED)
        self.messages += self.gate_optimizer.placement.messages

    # ------------------------------------------------------------------------------------------- the loop

    def train(self):
        self.restored()
        self.first, self.began = self.gate_optimizer.step, time.perf_counter()
        begun = not self.rows
        if begun:
            self.record(math.nan)
        told = self.moved | self.now if begun else self.groups  # where the gates start is seen as they move
        self.watch("gates", self.gate_optimizer.step, self.gate_optimizer.steps, **told)
        while self.epoch < self.epochs and not self.stopped:
            self.model.train()
            while self.batch < self.batches and not self.asked():
                self.one_batch()
            if not self.stopped:
                self.end_epoch()
        self.end()

    def asked(self) -> bool:
        """Whether somebody wants it to end here. To pause, the state of this very step is kept."""
        wish = self.saved.wish() if self.saved else None
        if wish == "pause":
            self.keep()
            raise Paused
        if wish == "stop":
            self.stopped = True
            done = f"{self.gate_optimizer.step} of {self.gate_optimizer.steps} steps"
            self.messages.append(f"Stopped after {done}: channels whose gates were closed by then are cut.")
        return self.stopped

    def one_batch(self):
        start = time.perf_counter()
        rows = self.order[self.batch * self.batch_size : (self.batch + 1) * self.batch_size]
        batch = augmented(self.dataset.train.take(rows), self.dataset, self.random)
        loss = self.one_step(*batch_of(batch, slice(None), self.normalization, self.device))
        if not math.isfinite(loss):
            return self.fall_back()
        self.batch, self.total, self.seen = self.batch + 1, self.total + loss, self.seen + len(rows)
        self.busy += time.perf_counter() - start
        step, steps = self.gate_optimizer.step, self.gate_optimizer.steps
        if full := step % self.every == 0 or step == steps:
            self.record(loss)
        self.tell(loss, full)

    def one_step(self, images: torch.Tensor, targets: torch.Tensor) -> float:
        """One step of the weights and one of the gates; returns the task's loss."""
        rate = self.lr * (OF_MAPS if self.gates.norms_held and targets.ndim == 3 else 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * share_of_rate(self.gate_optimizer.step / self.gate_optimizer.steps, "cosine")
        self.optimizer.zero_grad()
        value, pull = self.backward(images, targets)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        if math.isfinite(value) and np.isfinite(pull).all():
            self.optimizer.step()
            if self.gate_optimizer.move(pull):
                self.gates.settle_norms(images[:HEARD])
        return value if np.isfinite(pull).all() else math.nan

    def backward(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[float, np.ndarray]:
        """The loss of a batch, and by what each gate multiplies its gradient on parts of it, [parts, N]."""
        parts = min(PARTS, len(images)) if self.gates.norms_held else 1  # held, no image hears of another
        total, gradients, before = 0.0, [], np.zeros(len(self.gates))
        for some, wanted in zip(images.tensor_split(parts), targets.tensor_split(parts), strict=True):
            share = len(some) / len(images)
            loss = share * self.loss(some, wanted)
            loss.backward()
            gradient = self.gates.gradient
            gradients.append((gradient - before) / share)
            total, before = total + loss.item(), gradient
        return total, np.array(gradients)

    def loss(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The task's; where that trains nothing, how far outputs are from the network's as it came."""
        outputs, task = self.gates(images), self.dataset.task
        if self.whole is None:
            return task.loss(outputs, targets)
        with torch.no_grad():
            reference = self.whole(images)
        return task.divergence(outputs, reference)

    def end_epoch(self):
        self.epoch, self.batch, loss = self.epoch + 1, 0, self.total / self.batches
        self.total, self.order = 0.0, self.random.permutation(len(self.dataset.train))
        holdout = self.holdout()
        self.history.append(
            {
                "epoch": self.epoch,
                "loss": loss,
                "holdout_loss": holdout.loss,
                f"holdout_{self.dataset.task.metric.name}": holdout.value,
                "images_per_second": self.seen / self.busy,
                "left": self.gate_optimizer.left,
                "target": self.gate_optimizer.target,
                "between": self.gate_optimizer.between,
            }
        )
        self.keep()
        value = {self.dataset.task.metric.name: holdout.value}
        self.tell(loss, False, holdout_loss=holdout.loss, **value)

    def holdout(self) -> Predictions:
        with self.gates.inserted():
            return evaluate(
                self.model,
                self.dataset.holdout,
                normalization=self.normalization,
                device=self.device,
                watch=lambda *_, **__: self.watch(
                    "gates", self.gate_optimizer.step, self.gate_optimizer.steps
                ),
            )

    def fall_back(self):
        """The loss is no number: the last epoch that was good is what is kept."""
        told = f"the loss was not finite after {self.gate_optimizer.step} steps at learning rate {self.lr}"
        if not (self.saved and self.epoch and self.restored()):
            raise ValueError(f"{told}; give a smaller lr")
        self.stopped = True
        self.messages.append(
            f"Stopped: {told}. The state after epoch {self.epoch} is kept; give a smaller lr."
        )

    def end(self):
        """Nothing half-way is left: what was told to shut is shut. Says what was held open."""
        if not self.stopped:
            self.gate_optimizer.finish()
        elif self.gate_optimizer.step:  # in the middle the norms lag behind the gates
            images = replace(self.dataset, normalization=self.normalization)
            with self.gates.inserted():
                recalibrate(self.model, CalibrationImages(self.model, images, RECALIBRATED, self.seed))
        if self.gate_optimizer.closed:
            few = inputs_of(self.dataset.train, slice(HEARD), self.normalization, self.device)
            self.gates.settle_norms(few)
        held = [self.gates.placement.structure.names[g] for g in sorted(self.gate_optimizer.held)]
        if held:
            listed = ", ".join(held[:3]) + (f" and {len(held) - 3} more" if len(held) > 3 else "")
            self.messages.append(
                f"{listed} would have closed completely and were held open: no path leads around them, "
                "or more "
                "would have been cut than was asked for."
            )
        if self.gate_optimizer.overpulled or len(self.gate_optimizer.spared) > MANY * len(self.gates):
            self.messages.append(
                "The loss pulled more gates down than the target asks for, and these were held open; a "
                "smaller gate_rate pulls less."
            )

    # ------------------------------------------------------------------------------------------ its state

    def keep(self):
        if not self.saved:
            return
        tensors, values = state_of(self.model, {}, self.optimizer, self.random)
        tensors |= {"order": torch.from_numpy(self.order), "paths": torch.from_numpy(np.stack(self.paths))}
        tensors |= {
            f"gates {name}": torch.from_numpy(array) for name, array in self.gate_optimizer.arrays().items()
        }
        values |= {name: getattr(self, name) for name in COUNTS}
        values |= {"mover": self.gate_optimizer.numbers(), "settings": self.settings}
        self.saved.keep(self.stage, tensors, values)

    def restored(self) -> bool:
        """Goes back to the state kept of this training, if there is one."""
        found = self.saved.found(self.stage) if self.saved else None
        if found is None or found[1]["settings"] != self.settings:
            return False
        tensors, values = found
        put_back(tensors, values, self.model, self.optimizer, self.random)
        for name in COUNTS:
            setattr(self, name, values[name])
        self.order, self.paths = tensors["order"].numpy(), list(tensors["paths"].numpy())
        arrays = {name: t.numpy() for name, t in tensors.items() if name.startswith("gates ")}
        self.gate_optimizer.go_on({name[6:]: array for name, array in arrays.items()}, values["mover"])
        return True

    @property
    def groups(self) -> dict[str, list]:
        """Whose gates they are, in their order, for who watches."""
        placement = self.gate_optimizer.placement
        names = [placement.structure.names[g] for g in placement.groups]
        return {"groups": names, "sizes": placement.sizes.tolist()}

    @property
    def settings(self) -> list:
        """What another training would differ in."""
        gates = self.gate_optimizer
        return [
            self.epochs,
            self.lr,
            self.batch_size,
            self.seed,
            gates.cut,
            gates.eps_end,
            gates.rate,
            gates.pull,
            self.gates.start.tolist(),
        ]

    # ---------------------------------------------------------------------------------------- what is told

    def record(self, loss: float):
        gates = self.gate_optimizer
        epoch = max(1, -(-gates.step // self.batches))  # that this step was in
        told = [gates.step, epoch, self.gates.eps, gates.target, gates.left, loss]
        self.rows.append([*told, gates.price, gates.between, gates.margin])
        self.paths.append(self.gates.scaled[gates.channels].astype(np.float32))

    @property
    def moved(self) -> dict[str, list]:
        """Every gate at the last step that was recorded, and whose they are."""
        return {"scaled": np.round(self.paths[-1].astype(float), 3).tolist()} | self.groups

    @property
    def now(self) -> dict[str, float]:
        """What is known of a step without a loss."""
        epochs = {"epoch": min(self.epochs, self.epoch + 1), "epochs": self.epochs}
        return epochs | {"eps": self.gates.eps} | {name: getattr(self.gate_optimizer, name) for name in TOLD}

    def tell(self, loss: float, full: bool, **values):
        gates, passed = self.gate_optimizer, time.perf_counter() - self.began
        steps = gates.steps - gates.step
        self.watch(
            "gates",
            gates.step,
            gates.steps,
            loss=loss,
            images_per_second=self.seen / self.busy,
            seconds_left=passed / max(1, gates.step - self.first) * steps,
            **self.now,
            **(self.moved if full else {}),
            **values,
        )
