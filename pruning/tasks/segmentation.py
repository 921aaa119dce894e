"""Segmentation: one class a pixel; the metric is the mean over classes of intersection over union, from one
confusion matrix of all images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pruning.tasks.contract import Metric, SampledPixels, Statistics, Task, misfit_of
from pruning.tasks.mask_colours import coloured
from pruning.tasks.resampling import Difference, interval

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = 255  # in a mask: a pixel that does not count, as Pascal VOC has it
MOST_CLASSES = 255  # 0 to 254
FOUND = 0.5  # mean IoU of one image from which it counts as right, as where objects are detected
KEPT_SIDE = 160  # pixels: of larger masks, every so many are kept to be drawn; all of them are counted
COUNTS = ("intersections", "said", "true")


class Segmentation(Task):
    """Outputs are logits [N, K, H, W], or a mapping that has them under `out`; labels uint8 [N, H, W], class
    numbers, 255 where a pixel does not count.

    Statistics, of every image: intersections, said and true, int32 [N, K], how many counted pixels of each
    class are rightly said to be of it, said to be, and are; and masks, uint8 [N, h, w], the classes said (of
    images above 160 pixels a side, of every second or third pixel and so on)."""

    name: ClassVar[str] = "segmentation"
    answers: ClassVar[str] = "a class for every pixel"
    metric: ClassVar[Metric] = Metric("mean IoU", "higher", "share")
    forecast: ClassVar[bool] = True
    unit_of_loss: ClassVar[str] = "nats a pixel"
    drawn_as: ClassVar[Literal["classes", "masks", "pictures", ""]] = "masks"
    of_class: ClassVar[str] = "IoU"
    right_means: ClassVar[str] = f"its own mean IoU is at least {100 * FOUND:.0f} %"

    def outputs(self, classes: Sequence[str]) -> int:
        return len(classes)

    def misfit(self, answer: Any, items: int, outputs: int, size: int) -> str:
        maps = answer.get("out") if isinstance(answer, Mapping) else answer
        return misfit_of(maps, (items, outputs, size, size), "[images, classes, height, width]")

    def targets(self, labels: np.ndarray, device: Any = "cpu") -> "Tensor":
        return super().targets(labels, device).long()

    def loss(self, outputs: Any, targets: "Tensor") -> "Tensor":
        """Mean cross-entropy of the pixels that count, in nats; 0 where none does.   targets: int64 [N, H,
        W].

        Raises ValueError where the network answers anything else, or maps of another size, and where masks
        have classes beyond the network's."""
        from torch.nn.functional import cross_entropy

        logits = logits_of(outputs)
        must_agree(logits, targets)
        total = cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
        return total / (targets != IGNORED).sum().clamp_min(1)

    def losses(self, outputs: Any, targets: "Tensor") -> "Tensor":
        """The same of each image, over its own pixels: [N]."""
        from torch.nn.functional import cross_entropy

        logits = logits_of(outputs)
        must_agree(logits, targets)
        pixels = cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")  # [N, H, W]
        return pixels.flatten(1).sum(1) / (targets != IGNORED).flatten(1).sum(1).clamp_min(1)

    def divergence(self, outputs: Any, reference: Any, temperature: float = 1.0) -> "Tensor":
        """KL(reference || outputs) of the softened answers, mean over images and pixels, nats; not yet times
        T^2."""
        from torch.nn.functional import kl_div

        own, other = (logits_of(each).div(temperature).log_softmax(1) for each in (outputs, reference))
        pixels = own[:, 0].numel()
        return kl_div(own, other, reduction="sum", log_target=True) / pixels

    def class_scores(self, outputs: Any) -> "Tensor":
        """[N, K]: the logit of each class, mean over the pixels that are said to be of it; 0 where none
        is."""
        logits = logits_of(outputs)
        said = of_classes(logits.argmax(1), logits.shape[1])
        return (logits * said).flatten(2).sum(2) / said.flatten(2).sum(2).clamp_min(1)

    def true_scores(self, outputs: Any, targets: "Tensor") -> "Tensor":
        """[N]: the logit of every pixel's own class, mean over the pixels that count; 0 where none does."""
        logits = logits_of(outputs)
        must_agree(logits, targets)
        counted = targets != IGNORED
        own = logits.gather(1, targets.where(counted, 0)[:, None])[:, 0]  # [N, H, W]
        return (own * counted).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp_min(1)

    def main_class(self, outputs: Any) -> "Tensor":
        """[N] int64: the class that most pixels are said to be of, the first one, mostly the background, only
        where there is no other."""
        logits = logits_of(outputs)
        sizes = of_classes(logits.argmax(1), logits.shape[1]).flatten(2).sum(2)  # [N, K]
        others = sizes[:, 1:]
        return (others.argmax(1) + 1).where(others.sum(1) > 0, 0)

    def described(self, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
        """The classes that each mask shows, the first one, mostly the background, only where it is alone."""
        shown = [[k for k in np.unique(mask).tolist() if k != IGNORED] for mask in labels]
        return [
            ", ".join(str(classes[k]) for k in (some[1:] if some[:1] == [0] else some) or some)
            for some in shown
        ]

    def showing(self, labels: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        sizes = (labels == number).sum((1, 2))
        rows = np.argsort(-sizes, kind="stable")[: int((sizes > 0).sum())]
        return rows, np.where(labels[rows] == number, labels[rows], IGNORED).astype(labels.dtype)

    def statistics(self, outputs: Any, targets: "Tensor") -> dict[str, np.ndarray]:
        import torch

        logits = logits_of(outputs).detach()
        said, classes = logits.argmax(1), logits.shape[1]
        counted = targets != IGNORED
        found: dict[str, list[Tensor]] = {name: [] for name in COUNTS}
        for own, right, where in zip(said, targets, counted, strict=True):
            pairs = {"intersections": right[where & (own == right)], "said": own[where], "true": right[where]}
            for name, numbers in pairs.items():
                found[name].append(torch.bincount(numbers, minlength=classes))
        counts = {name: torch.stack(each).int().cpu().numpy() for name, each in found.items()}
        return counts | {"masks": thinned(said.to(torch.uint8).cpu().numpy())}

    def value(self, statistics: Statistics, labels: np.ndarray) -> float:
        """Mean over the classes that occur, in the masks or in what is said. Raises ValueError where no pixel
        counts."""
        found = mean_iou(*(statistics[name].sum(0, dtype=np.int64) for name in COUNTS))
        if np.isnan(found):
            raise ValueError(f"no pixel of these images counts: all of their masks is {IGNORED}")
        return float(found)

    def scores(self, statistics: Statistics) -> np.ndarray:
        """[N] mean IoU of every image alone, over the classes that occur in it; 1 where no pixel counts."""
        return np.nan_to_num(mean_iou(*(statistics[name] for name in COUNTS)), nan=1.0)

    def right(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray:
        """[N] bool: the images whose own mean IoU is at least 0.5."""
        return self.scores(statistics) >= FOUND

    def difference(
        self, a: Sequence[Statistics], b: Sequence[Statistics], labels: np.ndarray, *, seed: int = 0
    ) -> Difference:
        """As the contract has it: images and seeds are drawn anew, and the confusion matrix is added up
        again for each resample."""
        own, other = (np.stack([counts_of(each) for each in side]) for side in (a, b))  # [seeds, N, 3, K]
        gaps = [mean_iou(*x.sum(0)) - mean_iou(*y.sum(0)) for x, y in zip(own, other, strict=True)]

        def drawn(weights: np.ndarray) -> np.ndarray:
            def scores(counts: np.ndarray) -> np.ndarray:
                return mean_iou(*np.moveaxis(np.tensordot(weights, counts, 1), 1, 0))

            return np.stack([scores(x) - scores(y) for x, y in zip(own, other, strict=True)], axis=1)

        low, high = interval(drawn, *own.shape[:2], seed=seed)
        return Difference(float(np.mean(gaps)), low, high)

    def sampled_pixels(self, labels: np.ndarray, number: int) -> SampledPixels:
        """Of every image at most so many of the pixels that count, of every class in it as many; a class that
        has fewer gives what it has and the others more. The same pixels for the same mask."""
        parts = [chosen_pixels(mask, number) for mask in labels]
        picked = np.concatenate([*parts, np.zeros(0, int)]).astype(int)
        image = np.repeat(np.arange(len(labels)), [len(part) for part in parts])
        height, width = labels.shape[1:]
        down, across = np.divmod(picked, width)
        classes = labels[image, down, across].astype(np.int64)
        # their middles: 15 / 22 * 22 is a little less than 15, and so would be the pixel before
        return SampledPixels(image, (down + 0.5) / height, (across + 0.5) / width, classes)

    def moved(self, labels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return labels[np.arange(len(labels))[:, None, None], rows[:, :, None], columns[:, None, :]]

    def drawn(self, statistics: Statistics, classes: Sequence[str]) -> list[Any]:
        return [coloured(mask) for mask in statistics["masks"]]

    def details(
        self, stages: Mapping[str, Statistics], labels: np.ndarray, classes: Sequence[str]
    ) -> dict[str, Any]:
        """pixel_accuracy of each stage; per_class, IoU before and after, None of a class that does not occur;
        flips: images that were right (a mean IoU of their own of 0.5) and are not, and the other way round;
        agreement: the share of the pixels that count of which both say the same."""
        last = list(stages)[-1]
        before, after = (self.right(stages[name], labels) for name in ("baseline", last))
        same = (stages["baseline"]["masks"] == stages[last]["masks"])[thinned(labels) != IGNORED]
        return {
            "pixel_accuracy": {name: pixel_accuracy(each) for name, each in stages.items()},
            "classes": list(classes),
            "per_class": {
                "baseline": self.per_class(stages["baseline"], classes),
                "final": self.per_class(stages[last], classes),
            },
            "flips": {"broken": int((before & ~after).sum()), "mended": int((~before & after).sum())},
            "agreement": float(same.mean()) if same.size else 1.0,
        }

    def per_class(self, statistics: Statistics, classes: Sequence[str]) -> dict[str, float | None]:
        """IoU of each class over all images; None where it does not occur."""
        found = ious(*(statistics[name].sum(0, dtype=np.int64) for name in COUNTS))
        names = [str(name) for name in classes]
        # outputs that the data has no name for
        names += [f"class {k}" for k in range(len(names), len(found))]
        named = zip(names, found.tolist(), strict=False)
        return {name: None if np.isnan(value) else value for name, value in named}

    def kept(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """The masks as they are drawn, beside the masks said."""
        return {"labels": thinned(labels)}


def chosen_pixels(mask: np.ndarray, number: int) -> np.ndarray:
    """Places in a flattened mask, ascending."""
    flat, random, left = mask.ravel(), np.random.default_rng(0), number
    of_class = [np.flatnonzero(flat == k) for k in np.unique(flat) if k != IGNORED]
    chosen = [np.zeros(0, int)]
    for after, places in zip(range(len(of_class), 0, -1), sorted(of_class, key=len), strict=True):
        chosen.append(random.permutation(places)[: -(-left // after)])
        left -= len(chosen[-1])
    return np.sort(np.concatenate(chosen))


def of_classes(masks: "Tensor", classes: int) -> "Tensor":
    """[N, K, H, W] bool: which pixels are of which class."""
    import torch

    return masks[:, None] == torch.arange(classes, device=masks.device).view(1, -1, 1, 1)


def counts_of(statistics: Statistics) -> np.ndarray:
    """[N, 3, K] float64: intersections, said and true."""
    return np.stack([statistics[name] for name in COUNTS], axis=1).astype(float)


def ious(intersections: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """[..., K] intersection over union of every class; NaN where it does not occur. All [..., K] counts."""
    union = said + true - intersections
    with np.errstate(invalid="ignore"):
        return np.where(union > 0, intersections / np.maximum(union, 1), np.nan)


def mean_iou(intersections: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """[...]: the mean over the classes that occur; NaN where none does. All [..., K] counts."""
    found = ious(intersections, said, true)
    occur = ~np.isnan(found)
    number = occur.sum(-1)
    return np.where(number > 0, np.nansum(found, -1) / np.maximum(number, 1), np.nan)


def pixel_accuracy(statistics: Statistics) -> float:
    """The share of the pixels that count whose class is right."""
    return int(statistics["intersections"].sum()) / max(1, int(statistics["true"].sum()))


def thinned(masks: np.ndarray) -> np.ndarray:
    """[N, H, W] -> [N, h, w]: every s-th pixel, the least s that leaves at most 160 a side."""
    step = max(1, *(-(-side // KEPT_SIDE) for side in masks.shape[1:]))
    return np.ascontiguousarray(masks[:, step // 2 :: step, step // 2 :: step])


def logits_of(outputs: Any) -> "Tensor":
    """[N, K, H, W] of a network's answer: the answer itself, or what a mapping has under `out`."""
    from torch import Tensor

    found = outputs.get("out") if isinstance(outputs, Mapping) else outputs
    if not isinstance(found, Tensor) or found.dim() != 4:
        told = f"shape {list(found.shape)}" if isinstance(found, Tensor) else type(outputs).__name__
        raise ValueError(
            f"masks need a network with outputs [images, classes, height, width]; this one gives {told}"
        )
    return found


def must_agree(logits: "Tensor", targets: "Tensor") -> None:
    """Raises ValueError where masks are missing, of another size, or of classes that the network lacks."""
    if targets.dim() != 3:
        raise ValueError("a loss needs masks, and these images have none; give (images, masks)")
    if logits.shape[2:] != targets.shape[1:]:
        asked, given = (" x ".join(map(str, shape)) for shape in (targets.shape[1:], logits.shape[2:]))
        raise ValueError(f"the masks have {asked} pixels, and the network's answers {given}")
    counted = targets[targets != IGNORED]
    if len(counted) and int(counted.max()) >= logits.shape[1]:
        raise ValueError(
            f"there are pixels of class {int(counted.max())}, and the network has classes 0 to "
            f"{logits.shape[1] - 1} ({IGNORED}: does not count)"
        )
    if len(counted) and int(counted.min()) < 0:
        raise ValueError("masks need class numbers from 0 on, and these have negative ones")
