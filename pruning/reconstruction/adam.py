"""Adam (Kingma and Ba 2015, arXiv 1412.6980) with a rate of its own for each weight.

All weights move in eight operations. torch.optim.Adam takes one rate a group, and with a group a weight it
asks for some ten operations a weight, one after the other: on a GPU, where each costs as much as it takes to
ask for it, most of a step of a network of many layers. The results are the same, to the last digit.
"""

from collections.abc import Sequence

import torch
from torch import nn

BETAS = 0.9, 0.999  # of the running means of the gradient and of its square
EPS = 1e-8


class Adam:
    """The running means of these weights' gradients. Weights without a gradient stay.

    units: of each weight, what its numbers' steps are multiplied by, such as [C, 1, 1, 1]; 1 where it is not
    given."""

    def __init__(self, weights: Sequence[nn.Parameter], units: Sequence[torch.Tensor] | None = None):
        self.weights, self.steps = list(weights), 0
        self.units = list(units) if units is not None else [weight.new_ones(()) for weight in self.weights]
        self.first = [torch.zeros_like(weight) for weight in self.weights]
        self.second = [torch.zeros_like(weight) for weight in self.weights]

    @torch.no_grad()
    def step(self, rates: Sequence[float]):
        """One step by the gradients that the weights hold. rates: one a weight."""
        self.steps += 1
        beta, beta_2 = BETAS
        all_of_it = zip(self.weights, self.first, self.second, self.units, rates, strict=True)
        moving = [each for each in all_of_it if each[0].grad is not None]
        if not moving:
            return
        weights, first, second, units, rates = (list(part) for part in zip(*moving, strict=True))
        gradients = [weight.grad for weight in weights]
        torch._foreach_lerp_(first, gradients, 1 - beta)
        torch._foreach_mul_(second, beta_2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta_2)
        roots = torch._foreach_sqrt(second)
        torch._foreach_div_(roots, (1 - beta_2**self.steps) ** 0.5)
        torch._foreach_add_(roots, EPS)
        torch._foreach_div_(roots, units)
        torch._foreach_addcdiv_(weights, first, roots, [-rate / (1 - beta**self.steps) for rate in rates])
