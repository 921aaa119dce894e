"""Translation: a picture and a domain asked for give the picture in that domain; the metric is the share of
pictures that a classifier of domains, the judge, takes for what was asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from pruning.tasks.contract import Metric, Statistics, Task, misfit_of
from pruning.tasks.domain_judge import answers_and_features
from pruning.tasks.frechet import Gaussian, frechet_distance
from pruning.tasks.resampling import Difference, paired_difference
from pruning.tasks.translation_measures import measured

if TYPE_CHECKING:
    from torch import Tensor, nn

SOURCE, TARGET = 0, 1  # columns of the labels
KEPT_SIDE = 64  # pixels: of larger pictures, every so many are kept to be drawn and compared
AT_ONCE = 256  # pictures that the judge looks at


class Translation(Task):
    """Inputs are pictures [N, 3, H, W], -1 to 1, and behind them a map a domain, 1 in all of the one that is
    asked for; outputs are pictures [N, 3, H, W], -1 to 1. Labels int64 [N, 2]: the domain that a picture is
    of, and the one asked for.

    Statistics, of every picture: classes, int64 [N], the domain that the judge takes its translation for, and
    probabilities, float32 [N], of that; features, float32 [N, F], what the judge's last layer reads;
    pictures, uint8 [N, h, w, 3] (of those above 64 pixels a side, every second or third pixel and so on); and
    where the network was asked again, cycle and identity, float32 [N], mean absolute errors as shares of the
    range of pixels.

    domains: how many there are.   judge: loads a classifier of domains whose `origin` says what
    it expects; asked when it is first needed.   real:
    real pictures, uint8 [M, H, W, 3], that translated ones are compared with. What needs one of them raises
    ValueError where it is missing; what is kept of a run needs none."""

    name: ClassVar[str] = "translation"
    answers: ClassVar[str] = "a picture in another domain"
    metric: ClassVar[Metric] = Metric("domain accuracy", "higher", "share")
    counts_right: ClassVar[bool] = True
    forecast: ClassVar[bool] = True
    taught: ClassVar[bool] = True
    drawn_as: ClassVar[Literal["classes", "masks", "pictures", ""]] = "pictures"
    right_means: ClassVar[str] = "a classifier takes its translation for the domain asked for"
    of_class: ClassVar[str] = "domain accuracy"
    unit_of_loss: ClassVar[str] = "nats"
    normalize: ClassVar[str | None] = "half"  # outputs are -1 to 1, and go in again

    def __init__(
        self,
        domains: int = 0,
        judge: "Callable[[], nn.Module] | None" = None,
        real: np.ndarray | None = None,
    ):
        self.domains, self._load, self._real = domains, judge, real
        self._judge: nn.Module | None = None
        self._gaussian: Gaussian | None = None

    # ------------------------------------------------------------------------------ inputs and targets

    def outputs(self, classes: Sequence[str]) -> int:
        """Domains that a network is built for."""
        return len(classes)

    def misfit(self, answer: Any, items: int, outputs: int, size: int) -> str:
        return misfit_of(answer, (items, 3, size, size), "[images, 3, height, width]", "channels")

    def inputs(self, images: "Tensor", labels: np.ndarray) -> "Tensor":
        """[N, 3 + domains, H, W]: pictures, and behind them maps of the domain asked for."""
        import torch

        return with_domains(images, torch.from_numpy(np.array(labels[:, TARGET])), self.domains)

    def redrawn(self, labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The same pictures, each asked for in a domain drawn anew, maybe its own."""
        return np.stack([labels[:, SOURCE], random.permutation(labels[:, SOURCE])], axis=1)

    def classes_of(self, labels: np.ndarray) -> np.ndarray:
        """The domains asked for."""
        return labels[:, TARGET]

    def own_classes(self, labels: np.ndarray) -> np.ndarray:
        """The domains that pictures are of."""
        return labels[:, SOURCE]

    def described(self, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
        return [f"{classes[source]} to {classes[target]}" for source, target in labels]

    def showing(self, labels: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(labels[:, TARGET] == number)
        return rows, labels[rows]

    # ---------------------------------------------------------------------------------- what the judge says

    def judged(self, outputs: Any) -> "tuple[Tensor, Tensor]":
        """The judge's logits [N, domains] of translated pictures, and what its last layer reads [N, F].

        Raises ValueError where there is no judge, and where the network answers anything but pictures."""
        if self._load is None:
            raise ValueError(
                "domain accuracy needs a classifier of the domains, and this data has none; train one with "
                "python -m pruning train --model resnet20 --data FOLDER --out FOLDER/judge.safetensors"
            )
        must_be_pictures(outputs)
        if self._judge is None:
            import torch

            with torch.inference_mode(False):  # weights that are made inside it have no part in gradients
                self._judge = self._load().eval().requires_grad_(False)
        return answers_and_features(self._judge, outputs)

    def class_scores(self, outputs: Any) -> "Tensor":
        """[N, domains]: the judge's logits of the translated pictures."""
        return self.judged(outputs)[0]

    def true_scores(self, outputs: Any, targets: "Tensor") -> "Tensor":
        return self.class_scores(outputs).gather(1, targets[:, TARGET, None])[:, 0]

    def loss(self, outputs: Any, targets: "Tensor") -> "Tensor":
        """Mean cross-entropy, in nats, of the judge's answer and the domain asked for. It says nothing of the
        rest of a picture, so networks are not trained by it: see `taught`."""
        return self.losses(outputs, targets).mean()

    def losses(self, outputs: Any, targets: "Tensor") -> "Tensor":
        from torch.nn.functional import cross_entropy

        must_ask_for_domains(targets)
        return cross_entropy(self.judged(outputs)[0], targets[:, TARGET], reduction="none")

    def divergence(self, outputs: Any, reference: Any, temperature: float = 1.0) -> "Tensor":
        """Mean squared difference of pixels, -1 to 1, over temperature squared."""
        must_be_pictures(outputs)
        return (outputs - reference).div(temperature).square().mean()

    # ----------------------------------------------------------------------------------------- statistics

    def statistics(self, outputs: Any, targets: "Tensor") -> dict[str, np.ndarray]:
        logits, features = self.judged(outputs)
        probability, chosen = logits.detach().float().softmax(1).max(1)
        return {
            "classes": chosen.cpu().numpy(),
            "probabilities": probability.cpu().numpy(),
            "features": features.detach().float().cpu().numpy(),
            "pictures": as_pixels(outputs),
        }

    def asked_again(
        self, model: "nn.Module", inputs: "Tensor", outputs: Any, targets: "Tensor"
    ) -> dict[str, np.ndarray]:
        """cycle and identity, float32 [N]: the network is asked twice more."""
        pictures, sources = inputs[:, : -self.domains], targets[:, SOURCE].cpu()
        back = model(with_domains(outputs, sources, self.domains))
        same = model(with_domains(pictures, sources, self.domains))
        errors = {"cycle": back - pictures, "identity": same - pictures}
        return {name: gap.abs().flatten(1).mean(1).div(2).cpu().numpy() for name, gap in errors.items()}

    def value(self, statistics: Statistics, labels: np.ndarray) -> float:
        return int(self.right(statistics, labels).sum()) / len(labels)

    def per_item(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray:
        return self.right(statistics, labels).astype(float)

    def right(self, statistics: Statistics, labels: np.ndarray) -> np.ndarray:
        return statistics["classes"] == labels[:, TARGET]

    def difference(
        self, a: Sequence[Statistics], b: Sequence[Statistics], labels: np.ndarray, *, seed: int = 0
    ) -> Difference:
        own, other = ([self.right(each, labels) for each in side] for side in (a, b))
        return paired_difference(own, other, seed=seed)

    def shortfall(self, statistics: Statistics, labels: np.ndarray, loss: float) -> float:
        """The Fréchet distance: the judge's loss alone would choose pictures of nothing but the colour."""
        return self.frechet(statistics)

    def frechet(self, statistics: Statistics, rows: np.ndarray | slice = slice(None)) -> float:
        """Between the judge's features of translated pictures and of real ones. With few pictures it is too
        large: see `frechet_floor` in `details`. Raises ValueError where no real pictures are known."""
        return frechet_distance(Gaussian.of(statistics["features"][rows]), self.real())

    def real(self) -> Gaussian:
        """Of the judge's features of the real pictures."""
        if self._gaussian is None:
            self._gaussian = Gaussian.of(self.real_features())
        return self._gaussian

    def real_features(self) -> np.ndarray:
        """[M, F]: what the judge's last layer reads of the real pictures."""
        import torch

        if self._real is None:
            raise ValueError("a Fréchet distance needs real pictures, and none are known of this data")
        found = []
        for first in range(0, len(self._real), AT_ONCE):
            pixels = torch.from_numpy(np.array(self._real[first : first + AT_ONCE])).permute(0, 3, 1, 2)
            found.append(self.judged(pixels.float().div(127.5).sub(1))[1].cpu().numpy())
        return np.concatenate(found)

    # -------------------------------------------------------------------------------------- what is told

    def drawn(self, statistics: Statistics, classes: Sequence[str]) -> list[Any]:
        return list(statistics["pictures"])

    def said(self, statistics: Statistics, classes: Sequence[str]) -> list[str]:
        """The domain that the judge takes each translation for."""
        return [str(classes[number]) for number in statistics["classes"]]

    def details(
        self, stages: Mapping[str, Statistics], labels: np.ndarray, classes: Sequence[str]
    ) -> dict[str, Any]:
        """measures: {name: {unit, meaning, direction, values: {stage: number, low, high} or None}};
        frechet_floor, the distance of two halves of the real pictures, None
        of fewer than four; per_class by the domain asked for,
        flips and agreement as classification has them."""
        last = list(stages)[-1]
        right = {stage: self.right(each, labels) for stage, each in stages.items()}
        before, after = right["baseline"], right[last]
        asked = labels[:, TARGET]
        domains = {str(name): asked == k for k, name in enumerate(classes)}
        own = {
            name: {d: float(each[rows].mean()) if rows.any() else None for d, rows in domains.items()}
            for name, each in (("baseline", before), ("final", after))
        }
        real = self.real_features()
        halves = [Gaussian.of(half) for half in (real[::2], real[1::2])] if len(real) > 3 else []
        return {
            "measures": measured(stages, self.real()),
            "frechet_floor": frechet_distance(*halves) if halves else None,
            "classes": list(classes),
            "per_class": own,
            "flips": {"broken": int((before & ~after).sum()), "mended": int((~before & after).sum())},
            "agreement": float((stages["baseline"]["classes"] == stages[last]["classes"]).mean()),
        }


def with_domains(pictures: "Tensor", domains: "Tensor", number: int) -> "Tensor":
    """[N, C, H, W] and class numbers [N] -> [N, C + number, H, W]."""
    import torch
    from torch.nn.functional import one_hot

    maps = one_hot(domains.to(pictures.device), number).to(pictures.dtype)[:, :, None, None]
    return torch.cat([pictures, maps.expand(-1, -1, *pictures.shape[2:])], dim=1)


def as_pixels(outputs: "Tensor") -> np.ndarray:
    """uint8 [N, h, w, 3]: every s-th pixel, the least s that leaves at most KEPT_SIDE a side."""
    step = max(1, *(-(-side // KEPT_SIDE) for side in outputs.shape[2:]))
    few = outputs.detach()[:, :, step // 2 :: step, step // 2 :: step]
    pixels = few.float().add(1).mul(127.5).round().clamp(0, 255).permute(0, 2, 3, 1)
    import torch

    return np.ascontiguousarray(pixels.to(torch.uint8).cpu().numpy())


def must_be_pictures(outputs: Any) -> None:
    from torch import Tensor

    if not isinstance(outputs, Tensor) or outputs.dim() != 4 or outputs.shape[1] != 3:
        shape = f"shape {list(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"translation needs a network with outputs [images, 3, height, width]; this one gives {shape}"
        )


def must_ask_for_domains(targets: "Tensor") -> None:
    if targets.dim() != 2 or targets.shape[1] != 2:
        raise ValueError(
            "translation needs the domain of each picture and the one asked for; give labels [N, 2]"
        )
