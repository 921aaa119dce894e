"""What a task owes to the rest of the program: a loss to train by, statistics of every item, a metric made of
them, and what its targets mean where methods ask for classes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pruning.tasks.resampling import Difference, resampled_difference

if TYPE_CHECKING:
    from torch import Tensor, nn

Statistics = Mapping[str, np.ndarray]  # {name: [N, ...]}, a row an item


@dataclass(frozen=True)
class Metric:
    """The one number that is told of a network. name: as reports and histories have it.   direction: which
    values are better.   unit: "share" of 1, or whatever the values are measured in."""

    name: str
    direction: Literal["higher", "lower"]
    unit: str

    def no_worse(self, value: float, floor: float) -> bool:
        """Whether a value is at least as good as another one."""
        return value >= floor if self.direction == "higher" else value <= floor

    def in_words(self, value: float) -> str:
        """94.4 %, or 0.0123 and the unit."""
        return f"{100 * value:.1f} %" if self.unit == "share" else f"{value:.4g} {self.unit}".strip()

    def numbers(self, *values: float) -> list[str]:
        """Differences as numbers alone, all with as many decimals as tell the largest to two digits; shares
        in points (hundredths of 1), with one decimal at least."""
        shown = [100 * value if self.unit == "share" else value for value in values]
        largest = max((abs(value) for value in shown), default=0) or 1.0
        decimals = max(1 if self.unit == "share" else 0, 1 - floor(log10(largest)))
        return [f"{value:.{decimals}f}" for value in shown]

    @property
    def step(self) -> str:
        """What differences are counted in: points, or the metric's unit."""
        return "points" if self.unit == "share" else self.unit


@dataclass(frozen=True, eq=False)
class SampledPixels:
    """Pixels of a batch of images, where a task has a class for each. image: int [S], its place in the batch.
    down, across: [S], where in it their middles lie, 0 to 1 of its height and width.   classes: int64 [S]."""

    image: np.ndarray
    down: np.ndarray
    across: np.ndarray
    classes: np.ndarray

    def features(self, maps: "Tensor") -> "Tensor":
        """[S, P]: what maps [N, P, *size] of any size hold where these pixels lie; of one number a channel,
        the image's own."""
        import torch

        image = torch.from_numpy(self.image).to(maps.device)
        if maps.dim() != 4:  # no places, or none that are rows and columns
            return maps.flatten(2).mean(2)[image] if maps.dim() > 2 else maps[image]
        height, width = maps.shape[2:]
        rows = torch.from_numpy((self.down * height).astype(np.int64)).to(maps.device)
        columns = torch.from_numpy((self.across * width).astype(np.int64)).to(maps.device)
        return maps[image, :, rows, columns]


class Task(ABC):
    """One kind of question that networks answer about images. One object for all data sets, unless the
    metric needs more than labels: then data are given one of their own, of the same name.

    name: in the registry.   answers: what a network says, in words.   counts_right: the metric is the share
    of items that are right.   forecast: it is a share that falls as features are lost, so that tried cuts
    tell what others cost.   unit_of_loss: what `loss` is measured in.   taught: the loss
    tells too little to train by; networks learn from the full one or from a discriminator.   drawn_as: the
    statistic that pages draw beside what is right, class numbers of items or of their pixels, or pictures;
    empty where there is none.
    right_means: when an item counts as right, in a few words.   of_class: what the value of one class alone
    is called.   normalize: what images are normalised by where weights say nothing, if that does not follow
    from their size. Labels are the targets as a data set holds
    them, a NumPy array with a row an item; targets are the same as tensors beside a batch's outputs."""

    name: ClassVar[str]
    answers: ClassVar[str] = "something else"
    metric: ClassVar[Metric]
    counts_right: ClassVar[bool] = False
    forecast: ClassVar[bool] = False
    unit_of_loss: ClassVar[str] = ""
    taught: ClassVar[bool] = False
    drawn_as: ClassVar[Literal["classes", "masks", "pictures", ""]] = ""
    right_means: ClassVar[str] = ""
    of_class: ClassVar[str] = ""
    normalize: ClassVar[str | None] = None

    @abstractmethod
    def outputs(self, classes: Sequence[str]) -> int:
        """How many outputs a network has for data with these class names."""

    def inputs(self, images: "Tensor", labels: np.ndarray) -> "Tensor":
        """What a network is given of a batch of normalised images [N, C, H, W]: the images, unless it is
        told more about what is asked."""
        return images

    def redrawn(self, labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The labels that training takes for a batch: where a task may ask any of several things of an
        image, one drawn anew."""
        return labels

    def misfit(self, answer: Any, items: int, outputs: int, size: int) -> str:
        """Why a network's answer for so many images of `size` pixels is none for this task, in words; empty
        where it is one, or where that can't be told. outputs: how many a network for the data has."""
        return ""

    def targets(self, labels: np.ndarray, device: Any = "cpu") -> "Tensor":
        """A batch's targets."""
        import torch

        return torch.from_numpy(np.array(labels)).to(device)

    @abstractmethod
    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """What training descends: a mean over the batch's items.

        Raises ValueError in one sentence where the network answers something else than the task asks."""

    @abstractmethod
    def losses(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The same of every item: [N]."""

    @abstractmethod
    def divergence(self, outputs: "Tensor", reference: "Tensor", temperature: float = 1.0) -> "Tensor":
        """How far a cut network's outputs are from the whole one's, a mean over items: what distillation and
        searches compare. temperature: softens both, where that means something."""

    @abstractmethod
    def statistics(self, outputs: "Tensor", targets: "Tensor") -> dict[str, np.ndarray]:
        """What is kept of every item of a batch, enough for the metric."""

    def asked_again(
        self, model: "nn.Module", inputs: "Tensor", outputs: Any, targets: "Tensor"
    ) -> dict[str, np.ndarray]:
        """Further statistics of every item, for which the network is asked more than its outputs, where a
        task has such: they are wanted of whole runs alone."""
        return {}

    def shortfall(self, statistics: Statistics, labels: np.ndarray, loss: float) -> float:
        """By what the hold-out chooses between states of a training: the less the better. The loss, unless
        the task knows better."""
        return loss

    @abstractmethod
    def value(self, statistics: Statistics, labels: np.ndarray) -> float:
        """The metric over all items."""

    def per_item(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray | None:
        """[N] numbers whose mean is the metric; None where it is no mean over items: comparisons then leave
        out items and ask `value` again."""
        return None

    def right(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray:
        """[N] bool: which items are right. Raises ValueError where the task knows no right and wrong."""
        raise ValueError(f"{self.name} knows no right and wrong answers, only its {self.metric.name}")

    def scores(self, statistics: Statistics) -> np.ndarray | None:
        """[N] every item's own value of the metric, where there is more to it than right and wrong."""
        return None

    def difference(
        self, a: Sequence[Statistics], b: Sequence[Statistics], labels: np.ndarray, *, seed: int = 0
    ) -> Difference:
        """By how much A's metric is above B's, with its interval from resampling seeds and items.

        a, b: of every seed, on the same items."""

        def values(rows: np.ndarray, each: Statistics) -> float:
            return self.value({name: array[rows] for name, array in each.items()}, labels[rows])

        return resampled_difference(a, b, len(labels), values, seed=seed)

    def classes_of(self, labels: np.ndarray) -> np.ndarray | None:
        """[N] int64, a class number an item, for what balances classes or tells them apart; None where items
        have no class: then images are drawn as they come, and criteria that need labels refuse."""
        return None

    def own_classes(self, labels: np.ndarray) -> np.ndarray | None:
        """[N] int64: what each item is of, whatever is asked of it; None where items have no class."""
        return self.classes_of(labels)

    def described(self, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
        """What is right about each item, in the names of classes; "" where the task knows none."""
        return [""] * len(labels)

    def sampled_pixels(self, labels: np.ndarray, number: int) -> SampledPixels | None:
        """At most so many pixels of every image with the class of each, for what tells classes apart within
        images; None where an image has one class, or none."""
        return None

    def showing(self, labels: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The images that show a class, those that show most of it first: their rows [n], and their labels
        [n, ...] as far as they are of it. Raises ValueError where the task knows no classes."""
        raise ValueError(f"{self.name} has no classes whose scores could be attributed")

    def class_scores(self, outputs: Any) -> "Tensor":
        """[N, K]: what the network says for each class, one number an image.

        Raises ValueError where the task knows no classes, or the network does not answer for each."""
        raise ValueError(f"{self.name} has no classes whose scores could be attributed")

    def true_scores(self, outputs: Any, targets: "Tensor") -> "Tensor":
        """[N]: the score of what is right, as attribution asks for it. Raises ValueError as `class_scores`,
        and where labels are beyond the network's classes."""
        raise ValueError(f"{self.name} has no classes whose scores could be attributed")

    def main_class(self, outputs: Any) -> "Tensor":
        """[N] int64: the class that a network says an image is of, or shows most of."""
        return self.class_scores(outputs).argmax(1)

    def moved(self, labels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The labels of images that training has moved and mirrored. rows [N, H], columns [N, W]: from where
        each pixel of the moved image comes."""
        return labels

    @abstractmethod
    def drawn(self, statistics: Statistics, classes: Sequence[str]) -> list[Any]:
        """Each item's prediction as pages draw it: a text, or a picture uint8 [H, W, 3] to lay over the
        image."""

    def said(self, statistics: Statistics, classes: Sequence[str]) -> list[str]:
        """Each item's prediction in a word or two, for tables and captions."""
        return list(map(str, self.drawn(statistics, classes)))

    def details(
        self, stages: Mapping[str, Statistics], labels: np.ndarray, classes: Sequence[str]
    ) -> dict[str, Any]:
        """What report.json holds beside the metric's values; stages: in their order, `baseline` first."""
        return {}

    def kept(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """What predictions.npz holds of the labels, beside every stage's statistics."""
        return {"labels": labels}


def named_all(classes: int, shown: int) -> str:
    """What helps where a network knows more classes than data show, in brackets; else empty."""
    if classes <= shown:
        return ""
    return " (data that show only some of these say so by a classes.txt with all their names)"


def misfit_of(answer: Any, wanted: tuple[int, ...], axes: str, of: str = "classes") -> str:
    """`Task.misfit` where an answer is one tensor. wanted: its shape.   axes: what its axes are, in words.
    of: what the second one counts."""
    from torch import Tensor

    if not isinstance(answer, Tensor):
        return f"the network answers a {type(answer).__name__} where {axes} is needed"
    shape = tuple(answer.shape)
    if shape == wanted:
        return ""
    if len(shape) == len(wanted) and (shape[0], *shape[2:]) == (wanted[0], *wanted[2:]):
        hint = named_all(shape[1], wanted[1]) if of == "classes" else ""
        return f"the network answers {shape[1]} {of} where {wanted[1]} are needed{hint}"
    return f"the network answers {list(shape)} where {axes}, here {list(wanted)}, is needed"
