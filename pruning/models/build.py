"""Networks by name, without weights: which there are, what size of image they take, and a new one."""

import re
from typing import TYPE_CHECKING

from pruning.error_messages import choose
from pruning.models import own_code
from pruning.models.registry import MODELS
from pruning.models.torchvision_index import FINGERPRINTS, SEGMENTERS, TORCHVISION
from pruning.models.torchvision_options import parted
from pruning.tasks import DEFAULT, PIXELWISE, TASKS, Task

if TYPE_CHECKING:
    from torch import nn


def names() -> tuple[str, ...]:
    """The listed networks, as people count: 20 before 110."""
    return tuple(MODELS)


def torchvision_names() -> tuple[str, ...]:
    """Torchvision's classifiers and segmenters, as people count; none of their weights come along."""
    return tuple(TORCHVISION + name for name in sorted(FINGERPRINTS, key=as_counted))


def task_of(name: str) -> Task | None:
    """What a network is for: a listed one, or one of torchvision's; None: of one's own, which only trying it
    tells."""
    if own_code.is_own(name):
        return None
    if name.startswith(TORCHVISION):
        return PIXELWISE if parted(name)[0] in SEGMENTERS else DEFAULT
    return MODELS[choose(name, MODELS, "model")].task


def asked_task(name: str, task: str | None) -> Task | None:
    """What data are read for: the task that is named, else what the network is for."""
    return TASKS[task] if task else task_of(name)


def must_be_for(name: str, task: Task | None, data: str) -> None:
    """Raises ValueError, naming some that are right, where a network is for something else than data ask.
    None, as a task that no listed network names: not judged by names, and neither is a network of one's
    own."""
    own = task_of(name)
    if task is None or own is None or own.name == task.name:
        return
    every = (*names(), *torchvision_names())
    fitting = [other for other in every if (its := task_of(other)) and its.name == task.name]
    if not fitting:
        return
    kinds = {n.startswith(TORCHVISION): n for n in reversed(fitting)}  # the first of each
    raise ValueError(
        f"{name} answers {own.answers}, and {data} asks for {task.answers}; "
        f"give a network such as {' or '.join(kinds[side] for side in sorted(kinds))}"
    )


def as_counted(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]


def default_size(name: str) -> int | None:
    """Side in pixels of the images a network is meant for; None for torchvision's and one's own, which take
    the data's own size if all images share one, else 224."""
    if own_code.is_own(name):
        own_code.parted(name)
        return None
    if name.startswith(TORCHVISION):
        parted(name)
        return None
    return MODELS[choose(name, MODELS, "model")].size


def default_normalization(name: str, asked: Task | None) -> str | None:
    """What a network's images are normalised by, where that follows from its task rather than from their
    size. asked: by the data, for a network of one's own."""
    task = task_of(name) or asked
    return task.normalize if task else None


def new_model(name: str, classes: int) -> "nn.Module":
    """A newly initialised network, the same at every call; the caller's random state is left alone. One's own
    is what its factory makes."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if own_code.is_own(name):
            from pruning.models.from_own_code import build

            return build(name, classes)
        if name.startswith(TORCHVISION):
            from pruning.models import from_torchvision

            return from_torchvision.build(name, classes)
        return MODELS[name].build(classes=classes)
