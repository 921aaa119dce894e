"""`quantize`: a network's weights rounded to few bits, channel by channel. Imports torch."""

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from pruning.data import Dataset, load_data
from pruning.error_messages import choose
from pruning.progress import Watch, silent
from pruning.quantize.allocation import allocate, spread_evenly
from pruning.quantize.quantized import Quantized
from pruning.quantize.quantizer import best_tops, encoded
from pruning.quantize.tuning import tuned
from pruning.quantize.weights import ENDS, Layer, discriminant_importance, layer_of, layers_of
from pruning.statistics.calibration_images import CalibrationImages

if TYPE_CHECKING:
    from torch import nn

    from pruning.models import Normalization

By = Literal["di", "error", "uniform"]
LEARNING_RATE = 0.01  # of quantization-aware fine-tuning: the network is a trained one


def quantize(
    model: "nn.Module",
    data,
    *,
    bits: float,
    choices: Sequence[int] = (2, 4, 8),
    by: By = "di",
    epochs: int = 0,
    lr: float = LEARNING_RATE,
    batch_size: int = 64,
    seed: int = 0,
    calibration: int = 1000,
    normalization: "Normalization | None" = None,
    device: str = "cpu",
    watch: Watch = silent,
) -> Quantized:
    """A copy of a network whose convolutions and linear layers have rounded weights; `model` is not changed.

    data: a Dataset, its name or path, or a tuple of normalised tensors.   bits: of a weight on average, at
    most; the first convolution and the last layer (the classifier) have 8 and are counted.   choices: the
    widths a channel may have, 1 to 8.   by: who gets more bits, as `Rounding.widths` says.   epochs: of
    quantization-aware fine-tuning, at the highest rate `lr`.
    Activations, biases and norms stay float32: this makes a smaller file, not a faster network.
    Raises ValueError for a mean out of reach, widths that are none, and, by di, images of one class.
    Source: after Hou and Kung 2020, whose abstract says that the channels of one layer get different widths;
    allocation, quantizer and weighting are our reading [R].
    """
    choices = checked(bits, choices, by)
    dataset = data if isinstance(data, Dataset) else load_data(data)
    images = CalibrationImages(model, dataset, calibration, seed)
    found = Rounding(model, images, choices, watch).at(bits, by, watch)
    if not epochs:
        return found
    options = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "seed": seed, "device": device}
    return tuned(found, model, dataset, normalization or images.normalization, options, watch)


def checked(bits: float, choices: Sequence[int], by: str) -> tuple[int, ...]:
    """The widths, each once, ascending."""
    choose(by, get_args(By), "way to allocate bits")
    widths = tuple(sorted(set(choices)))
    if not widths or not set(widths) <= set(range(1, 9)):
        raise ValueError(f"choices are {list(choices)}; give bit-widths from 1 to 8, such as 2 4 8")
    if not isinstance(bits, (int, float)) or not math.isfinite(bits):
        raise ValueError(f"bits is {bits!r}; give mean bits per weight, such as 4")
    return widths


def within_reach(bits: float, choices: Sequence[int], layers: Sequence[Layer]):
    """Raises ValueError that says which means can be had, where this one cannot."""
    weights = sum(layer.weights for layer in layers)
    ends = sum(layer.weights for layer in layers if layer.end)
    least, most = (((weights - ends) * width + ends * ENDS) / weights for width in (choices[0], choices[-1]))
    if not least <= bits <= max(most, choices[-1]):
        listed = ", ".join(map(str, choices))
        raise ValueError(
            f"a mean of {bits:g} bits is out of reach: of the widths {listed}, with {ENDS} for the first "
            f"convolution and the classifier, a mean from {math.ceil(least * 100) / 100:g} to "
            f"{math.floor(max(most, choices[-1]) * 100) / 100:g} can be had"
        )


class Rounding:
    """A network made ready to be rounded to any mean: what every width would lose of every channel, searched
    once, and what each channel tells about the class, looked at when it is first asked for.

    model: not changed.   Raises ValueError where a weight is no number.
    """

    def __init__(
        self, model: "nn.Module", images: CalibrationImages, choices: tuple[int, ...], watch: Watch = silent
    ):
        self.model, self.images, self.choices = model, images, choices
        self.told: dict[str, np.ndarray] | None = None  # importance, where it was asked for
        self.layers, self.messages = layers_of(model, images)
        self.tops: dict[str, np.ndarray] = {}  # [C, widths]
        self.errors: dict[str, np.ndarray] = {}  # [C, widths]
        for done, layer in enumerate(self.layers):
            watch("quantize", done, len(self.layers))
            rows = layer.rows
            if not np.isfinite(rows).all():
                raise ValueError(f"{layer.name} holds weights that are not finite; give another checkpoint")
            tops, errors = zip(*(best_tops(rows, width) for width in self.of(layer)), strict=True)
            self.tops[layer.name], self.errors[layer.name] = np.stack(tops, 1), np.stack(errors, 1)
        watch("quantize", len(self.layers), len(self.layers))

    def importance(self, by: By, watch: Watch = silent) -> dict[str, np.ndarray]:
        """{weight: [C]}, what an error of each channel is multiplied by."""
        if by != "di":
            return {layer.name: np.ones(layer.channels) for layer in self.layers}
        if self.told is None:
            self.told = discriminant_importance(self.model, self.layers, self.images, watch)
        return self.told

    def of(self, layer: Layer) -> tuple[int, ...]:
        """The widths that a layer's channels may have."""
        return (ENDS,) if layer.end else self.choices

    def at(self, bits: float, by: By, watch: Watch = silent) -> Quantized:
        """A copy of the network rounded to a mean of `bits`. Raises ValueError where that is out of reach."""
        within_reach(bits, self.choices, self.layers)
        importance = self.importance(by, watch)
        given = self.widths(bits, by, importance)
        rounded, codes, errors = copy.deepcopy(self.model), {}, {}
        for layer in self.layers:
            name, mine = layer.name, given[layer.name]
            at = np.arange(len(mine)), np.searchsorted(self.of(layer), mine)
            codes[name], errors[name] = encoded(layer.rows, mine, self.tops[name][at]), self.errors[name][at]
            layer_of(rounded, name).fill(codes[name].values)
        return Quantized(
            model=rounded,
            codes=codes,
            errors=errors,
            importance=importance,
            others=other_bytes(rounded, self.layers),
            choices=self.choices,
            by=by,
            messages=tuple([*self.images.messages, *self.messages]),
        )

    def widths(self, bits: float, by: By, importance: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The width of every channel, [C] a layer, under the budget of mean bits over all of them.

        di: the squared rounding error of a channel times its importance, summed over all, is least.
        error: the same without the importance.   uniform: one width for all, or, where the mean is none of
        `choices`, the two around it, the wider one given to channels evenly spread by their number.
        """
        free = [layer for layer in self.layers if not layer.end]
        found = {layer.name: np.full(layer.channels, ENDS) for layer in self.layers}
        if not free:
            return found
        sizes = np.concatenate([np.full(x.channels, x.weights // x.channels) for x in free])
        ends = sum(x.weights for x in self.layers if x.end)
        budget = bits * (sizes.sum() + ends) - ENDS * ends
        if by == "uniform":
            given = spread_evenly(sizes, self.choices, budget)
        else:
            errors = [self.errors[x.name] * importance[x.name][:, None] for x in free]
            given = allocate(np.concatenate(errors), sizes, self.choices, budget)
        parts = np.split(given, np.cumsum([x.channels for x in free])[:-1])
        return found | {x.name: part for x, part in zip(free, parts, strict=True)}


def other_bytes(model: "nn.Module", layers: Sequence[Layer]) -> int:
    """Bytes of every tensor that is saved as it is."""
    rounded = {layer.name for layer in layers}
    state = model.state_dict()
    return sum(t.numel() * t.element_size() for name, t in state.items() if name not in rounded)
