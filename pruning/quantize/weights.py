"""Which weights of a network are rounded, how they look row by row, and how much each channel matters."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pruning.criteria.di import RHO
from pruning.data import images_at_once
from pruning.progress import Watch
from pruning.statistics.accumulators import BATCH, DualDiscriminantOf
from pruning.statistics.calibration_images import CalibrationImages
from pruning.statistics.class_labels import ClassLabels
from pruning.statistics.collect import as_it_was, channels_second
from pruning.statistics.specifications import DualDiscriminant

Transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *Transposed)
LAYERS = (*Convolution, nn.Linear)
ENDS = 8  # bits of the first convolution and of the classifier


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution or linear layer whose weights are rounded. name: of its weight in the state dict.
    end: whether it is the first convolution or the last layer, which keep 8 bits."""

    name: str
    module: nn.Module
    end: bool = False

    @property
    def rows(self) -> np.ndarray:
        """[C, n] float32: the weights that write each output channel."""
        return as_rows(self.module.weight.detach(), self.module).float().cpu().numpy()

    @property
    def channels(self) -> int:
        weight, groups = self.module.weight, getattr(self.module, "groups", 1)
        return weight.shape[1] * groups if isinstance(self.module, Transposed) else weight.shape[0]

    @property
    def weights(self) -> int:
        """How many there are."""
        return self.module.weight.numel()

    def shaped(self, rows: np.ndarray) -> torch.Tensor:
        """[C, n] values as the weight has them."""
        return from_rows(torch.from_numpy(rows), self.module, self.module.weight.shape)

    def fill(self, rows: np.ndarray):
        """Puts [C, n] values in place of the weights."""
        with torch.no_grad():
            self.module.weight.copy_(self.shaped(rows))


def layer_of(model: nn.Module, weight: str) -> Layer:
    """The layer that owns a weight. Raises ValueError where the network has no such layer."""
    module = dict(model.named_modules()).get(weight.removesuffix(".weight"))
    if not weight.endswith(".weight") or not isinstance(module, LAYERS):
        raise ValueError(f"{weight} is no weight of a convolution or linear layer of this network")
    return Layer(weight, module)


def as_rows(weight: torch.Tensor, module: nn.Module) -> torch.Tensor:
    """[C, n]: one row an output channel; a transposed convolution's weight has its inputs first."""
    if isinstance(module, Transposed):
        split = weight.unflatten(0, (module.groups, -1))  # [groups, in, out, ...]
        return split.transpose(1, 2).flatten(0, 1).flatten(1)
    return weight.flatten(1)


def from_rows(rows: torch.Tensor, module: nn.Module, shape: torch.Size) -> torch.Tensor:
    """The weight in its own shape again."""
    if isinstance(module, Transposed):
        inputs, outputs = shape[0] // module.groups, shape[1]
        split = rows.reshape(module.groups, outputs, inputs, *shape[2:])
        return split.transpose(1, 2).reshape(shape)
    return rows.reshape(shape)


def layers_of(model: nn.Module, images: CalibrationImages) -> tuple[list[Layer], list[str]]:
    """The layers whose weights are rounded, in the order they run, and messages on those left out.

    A weight that is computed from other tensors (weight norm), that a layer shares with an earlier one, or
    that is used outside its layer stays as it is; the first of these is said, the second needs no word. A
    layer of a closed block has no weights.
    """
    ran: dict[nn.Module, None] = {}
    with _watched(model, lambda module, *_: ran.setdefault(module)), as_it_was(model), torch.no_grad():
        inputs, _ = next(iter(images.batches(2)))
        model(inputs)
    ran = {module: None for module in ran if module.weight.numel()}
    names = {id(parameter): name for name, parameter in model.named_parameters()}  # a shared one once
    found = {names[id(m.weight)]: m for m in reversed(ran) if id(m.weight) in names}
    if not found:
        raise ValueError("the network has no convolution or linear layer whose weights could be rounded")
    order = list(found)[::-1]
    first = next((n for n in order if isinstance(found[n], Convolution)), order[0])
    layers = [Layer(name, found[name], name in (first, order[-1])) for name in order]
    rest = sum(isinstance(m, LAYERS) and m not in ran and m.weight.numel() > 0 for m in model.modules())
    rest += sum(id(m.weight) not in {id(p) for p in model.parameters()} for m in ran)
    words = f"{rest} layers keep their weights in float32: computed from other tensors, or not run as a layer"
    return layers, [words] if rest else []


def discriminant_importance(
    model: nn.Module, layers: list[Layer], images: CalibrationImages, watch: Watch
) -> dict[str, np.ndarray]:
    """How much the class can be told by each output channel: {weight name: [C]}, mean 1 in every layer.

    Discriminant information's first-order form on the layer's outputs before norm and activation, 2 ||V_c||^2
    with V = Xb'(Xb Xb' + rho I)^-1 Yb: by the square of V an error in a channel's output changes what is
    predicted of the labels. Raises ValueError where the images are of one class.

    That every layer's mean is 1 (importance moves bits within a layer, the errors themselves between layers)
    is a reading of ours, chosen on hold-outs. Rise of cross-entropy there, in nats, mean of 3 and 4 bits from
    2 4 8, of ResNet-20 on scenes and digits, VGG-16 slim and MobileNetV2 slim on scenes: 0.033; without that
    norm 0.125; the exact one-shot losses in its place 0.045, without the norm 0.129. No importance at all
    (`error`) has 0.035, so DI adds little to the error itself; `uniform` has 0.320.
    """
    if images.class_numbers is None or len(np.unique(images.class_numbers)) < 2:
        raise ValueError("discriminant information needs images of two classes; give by='error'")
    statistic = DualDiscriminant(rho=RHO["taylor"])
    seen = {layer.module: DualDiscriminantOf(statistic, images.classes) for layer in layers}
    batch = images_at_once(images.split.images, BATCH)
    for each in seen.values():
        each.fed_by(batch)
    now = ClassLabels(images.task)

    def see(module: nn.Module, _, output: torch.Tensor):
        if module in seen:
            kind = "linear" if isinstance(module, nn.Linear) else "convolution"
            seen[module].add(now.features(channels_second(output.detach(), kind)), now.labels)

    done = 0
    with _watched(model, see), as_it_was(model), torch.no_grad():
        for inputs, targets in images.batches(batch):
            now.take(targets)
            model(inputs)
            done += len(inputs)
            watch("statistics", done, len(images))
    found = {layer.name: seen[layer.module].finish() for layer in layers}
    return {name: told / (told.mean() or 1.0) for name, told in found.items()}


@contextmanager
def _watched(model: nn.Module, see: Callable) -> Iterator[None]:
    """Inside, `see(layer, inputs, output)` is called whenever a convolution or linear layer has run."""
    hooks = [m.register_forward_hook(see) for m in model.modules() if isinstance(m, LAYERS)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
