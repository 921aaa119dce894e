"""Where in an image a class's score comes from: Grad-CAM."""

from functools import partial

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

from pruning.data import images_at_once
from pruning.error_messages import choose
from pruning.statistics.collect import as_it_was
from pruning.tasks import DEFAULT, Task

BATCH = 32  # images at a time, at most


def grad_cam(
    model: nn.Module, inputs: torch.Tensor, classes=None, layer: str | None = None, *, task: Task = DEFAULT
) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): where a class's score comes from, [N, H, W] float32
    in 0 .. 1, at the inputs' size; each image's largest is 1, or it is 0 everywhere.

    inputs: float [N, C, H, W], as the network takes them.   classes: a class number, or [N] of them; unsaid:
    what the network says, of masks what most of an image is said to be but for the background.   layer:
    dotted name of the module whose maps are weighed; unsaid: the last one whose maps are larger than one
    place (the last convolution would be one branch of several where a network concatenates); where the
    answers are maps themselves, the last of those with the coarsest maps. Raises ValueError where there is
    none."""
    with as_it_was(model, freeze=True):
        modules = _with_maps(model, inputs[:1], task)
        if not modules:
            raise ValueError("Grad-CAM needs a layer with spatial maps; there is none")
        name = choose(layer, modules, "layer with maps") if layer else last_of(modules, task)
        chosen = model.get_submodule(name)
        few, maps = images_at_once(inputs, BATCH, gradients=True), []
        numbers = _classes(model, inputs, classes, task).split(few)
        for batch, part in zip(inputs.split(few), numbers, strict=True):
            method = LayerGradCam(lambda images: task.class_scores(model(images)), chosen)
            found = method.attribute(batch, target=part, relu_attributions=True)
            maps.append(LayerAttribution.interpolate(found, inputs.shape[2:], "bilinear").detach())
    found = torch.cat(maps)[:, 0]  # [N, H, W]
    largest = found.amax((1, 2), keepdim=True)
    return torch.where(largest > 0, found / largest, 0).cpu().numpy()


def last_of(modules: dict[str, int], task: Task) -> str:
    """The last module; of a network whose answers are maps, the last before its own grow again. modules:
    {name: places of its maps}, in the order they end."""
    if task.drawn_as not in ("masks", "pictures"):
        return list(modules)[-1]
    coarsest = min(modules.values())
    return [name for name, places in modules.items() if places == coarsest][-1]


def _with_maps(model: nn.Module, image: torch.Tensor, task: Task) -> dict[str, int]:
    """{name: places} of the modules that answer maps [1, C, h, w] of more than one place, in the order they
    end; those that have no part in the scores, as a head for training alone, are left out."""
    maps: dict[str, torch.Tensor] = {}

    def note(name: str, module: nn.Module, given, output):
        maps.pop(name, None)  # of its last call, which is the one that Captum sees
        if isinstance(output, torch.Tensor) and output.dim() == 4 and output.shape[2:].numel() > 1:
            maps[name] = output

    hooks = [part.register_forward_hook(partial(note, name)) for name, part in model.named_modules()]
    try:
        with torch.enable_grad():
            followed = image.clone().requires_grad_().clone()  # no leaf, which could not be changed in place
            scores = task.class_scores(model(followed))
    finally:
        for hook in hooks:
            hook.remove()
    if not maps or not scores.requires_grad:
        return {}
    slopes = torch.autograd.grad(scores.sum(), list(maps.values()), allow_unused=True)
    return {
        name: output.shape[2:].numel()
        for (name, output), slope in zip(maps.items(), slopes, strict=True)
        if slope is not None
    }


def _classes(model: nn.Module, inputs: torch.Tensor, classes, task: Task) -> torch.Tensor:
    """[N] class numbers, of one number, of N, or None: what the network says."""
    if classes is None:
        with torch.no_grad():
            parts = inputs.split(images_at_once(inputs, BATCH))
            return torch.cat([task.main_class(model(batch)) for batch in parts])
    return torch.as_tensor(classes).to(inputs.device).expand(len(inputs))
