"""Classification: one class an image; the metric is the share of images whose class is right."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pruning.tasks.contract import Metric, Statistics, Task, misfit_of
from pruning.tasks.resampling import Difference, paired_difference

if TYPE_CHECKING:
    from torch import Tensor

STAGES = ("baseline", "cut", "repaired", "tuned", "quantized")


class Classification(Task):
    """Outputs are logits [N, K], labels int64 [N]. Statistics: classes, int64 [N], and probabilities, float32
    [N], of the class said, 1 / K to 1."""

    name: ClassVar[str] = "classification"
    answers: ClassVar[str] = "one class for an image"
    metric: ClassVar[Metric] = Metric("accuracy", "higher", "share")
    counts_right: ClassVar[bool] = True
    forecast: ClassVar[bool] = True
    drawn_as: ClassVar[Literal["classes", "masks", "pictures", ""]] = "classes"
    right_means: ClassVar[str] = "its class is predicted"
    of_class: ClassVar[str] = "accuracy"
    unit_of_loss: ClassVar[str] = "nats"

    def outputs(self, classes: Sequence[str]) -> int:
        return len(classes)

    def misfit(self, answer: Any, items: int, outputs: int, size: int) -> str:
        return misfit_of(answer, (items, outputs), "[images, classes]")

    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Mean cross-entropy in nats.   outputs: [N, K], logits.   targets: int64 [N].

        Raises ValueError where the network answers anything else, and where labels are missing or beyond the
        classes."""
        from torch.nn.functional import cross_entropy

        must_be_logits(outputs, targets)
        return cross_entropy(outputs, targets)

    def losses(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Cross-entropy of each image, nats: [N]."""
        from torch.nn.functional import cross_entropy

        must_be_logits(outputs, targets)
        return cross_entropy(outputs, targets, reduction="none")

    def divergence(self, outputs: "Tensor", reference: "Tensor", temperature: float = 1.0) -> "Tensor":
        """KL(reference || outputs) of the softened answers, mean over images, nats; not yet times T^2."""
        from torch.nn.functional import kl_div

        own, other = (logits.div(temperature).log_softmax(1) for logits in (outputs, reference))
        return kl_div(own, other, reduction="batchmean", log_target=True)

    def statistics(self, outputs: "Tensor", targets: "Tensor") -> dict[str, np.ndarray]:
        probability, chosen = outputs.detach().float().softmax(1).max(1)
        return {"classes": chosen.cpu().numpy(), "probabilities": probability.cpu().numpy()}

    def value(self, statistics: Statistics, labels: np.ndarray) -> float:
        return int(self.right(statistics, labels).sum()) / len(labels)

    def per_item(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray:
        return self.right(statistics, labels).astype(float)

    def right(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray:
        return statistics["classes"] == labels

    def difference(
        self, a: Sequence[Statistics], b: Sequence[Statistics], labels: np.ndarray, *, seed: int = 0
    ) -> Difference:
        own, other = ([self.right(each, labels) for each in side] for side in (a, b))
        return paired_difference(own, other, seed=seed)

    def classes_of(self, labels: np.ndarray) -> np.ndarray:
        return labels

    def described(self, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
        return [str(classes[number]) for number in labels]

    def showing(self, labels: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(labels == number)
        return rows, labels[rows]

    def class_scores(self, outputs: "Tensor") -> "Tensor":
        from torch import Tensor

        if not isinstance(outputs, Tensor) or outputs.dim() != 2:
            told = f"shape {list(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ValueError(
                f"attribution needs a network with outputs [images, classes]; this one gives {told}"
            )
        return outputs

    def true_scores(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        scores = self.class_scores(outputs)
        must_be_known(int(targets.max()), scores.shape[1], "images")
        return scores.gather(1, targets[:, None])[:, 0]

    def drawn(self, statistics: Statistics, classes: Sequence[str]) -> list[Any]:
        return [str(classes[number]) for number in statistics["classes"]]

    def details(
        self, stages: Mapping[str, Statistics], labels: np.ndarray, classes: Sequence[str]
    ) -> dict[str, Any]:
        """accuracy and correct of each stage, per_class (share right, first and last stage), flips (images
        that turned wrong, and right), agreement (share of images of which both say the same)."""
        right = {stage: self.right(each, labels) for stage, each in stages.items()}
        correct = {stage: int(each.sum()) for stage, each in right.items()}
        last = list(stages)[-1]
        before, after = right["baseline"], right[last]
        same = stages["baseline"]["classes"] == stages[last]["classes"]
        return {
            "accuracy": {s: correct[s] / len(labels) if s in correct else None for s in STAGES},
            "correct": {s: correct.get(s) for s in STAGES},
            "classes": list(classes),
            "per_class": {
                "baseline": per_class(before, labels, classes),
                "final": per_class(after, labels, classes),
            },
            "flips": {"broken": int((before & ~after).sum()), "mended": int((~before & after).sum())},
            "agreement": float(same.mean()),
        }


def must_be_logits(outputs: Any, targets: "Tensor") -> None:
    """Raises ValueError where the network answers anything but [N, K], and where labels are missing or beyond
    the classes."""
    from torch import Tensor

    if not isinstance(outputs, Tensor) or outputs.dim() != 2:
        told = f"shape {list(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(f"a loss needs a network with outputs [images, classes]; this one gives {told}")
    lowest, highest = (int(label) for label in targets.aminmax())
    if lowest < 0:
        raise ValueError("a loss needs labels, and these images have none; give (images, labels)")
    must_be_known(highest, outputs.shape[1], "images")


def must_be_known(number: int, classes: int, of: str) -> None:
    """Raises ValueError where a label is beyond the network's classes."""
    if number >= classes:
        raise ValueError(f"there are {of} of class {number}, and the network has classes 0 to {classes - 1}")


def per_class(right: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> dict[str, float | None]:
    """Share right of each class's test images; None for a class without any."""
    return {
        str(name): float(right[labels == k].mean()) if (labels == k).any() else None
        for k, name in enumerate(classes)
    }
