"""Which optimizer trains a network: stochastic gradient descent, or Adam for one that makes pictures."""

from typing import TYPE_CHECKING

from pruning.tasks import Task

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Adam, Optimizer

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
BETAS = (0.5, 0.999)  # as StarGAN's paper has them


def optimizer_for(model: "nn.Module", lr: float, task: Task) -> "Optimizer":
    import torch

    if task.taught:
        return adam(model, lr)
    return torch.optim.SGD(
        model.parameters(), lr=lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )


def adam(model: "nn.Module", lr: float) -> "Adam":
    import torch

    return torch.optim.Adam(model.parameters(), lr=lr, betas=BETAS)
