"""Muon (Jordan et al. 2024): a weight's momentum, seen as a matrix, is made orthogonal before it is a step.

A weight [outputs, rest...] is a matrix [outputs, rest]. u = its Nesterov momentum; the step is u with all its
singular values near 1, scaled to a root mean square of the rate. So a step moves every direction alike, where
a gradient is large in a few. Five Newton-Schulz steps, s -> a s + b s^3 + c s^5 of each singular value s,
do it without a decomposition. torch.optim.Muon takes one weight after the other, and one rate for all.

Matrices of like sizes are filled up with zeros and go through as one stack: zeros change no other singular
value, and a network of a hundred layers asks for a hundred operations where it would ask for thousands.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MOMENTUM = 0.9
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # a, b, c: Jordan's, steepest at 0; singular values end in 0.7 to 1.2
ITERATIONS = 5
TINY = 1e-12  # added to sizes, so that a gradient of zeros moves nothing


def is_matrix(weight: Tensor) -> bool:
    """Whether it has several rows and columns: not a bias, a norm's scale, one row, or the kernels of a
    depth-wise layer, [C, 1, ...], each of which is a channel's own."""
    if weight.dim() < 2 or weight.dim() > 2 and weight.shape[1] == 1:
        return False
    return len(weight) > 1 and weight[0].numel() > 1


def orthogonalized(matrices: Tensor) -> Tensor:
    """[L, m, n], m <= n -> the same with singular values near 1, and those that are 0 still 0.

    All steps are taken on the small side: with A = X X', a step multiplies X by P = a + b A + c A^2, and A by
    P^2, so the products P are gathered [L, m, m] and X is multiplied once."""
    a, b, c = COEFFICIENTS
    matrices = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + _least(matrices))
    gram = matrices @ matrices.transpose(1, 2)
    product = None
    for _ in range(ITERATIONS):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    return product @ matrices


def _least(matrices: Tensor) -> float:
    return max(TINY, torch.finfo(matrices.dtype).tiny)


class Muon:
    """Steps of these weights, each a matrix. A weight without a gradient has one of zeros.

    units: of each weight's outputs, [outputs, 1, ...]: the matrix that moves is the weight in these units; 1
    where it is not given. A channel that is next to nothing then moves next to nothing, where a norm would
    make much of it."""

    def __init__(self, weights: Sequence[nn.Parameter], units: Sequence[Tensor] | None = None):
        units = [weight.new_ones(()) for weight in weights] if units is None else units
        alike: dict[tuple, list[int]] = {}
        for place, weight in enumerate(weights):
            alike.setdefault(_about(weight), []).append(place)
        self.stacks = [
            (places, _Stack.of([weights[k] for k in places], [units[k] for k in places]))
            for places in alike.values()
        ]

    @torch.no_grad()
    def step(self, rates: Sequence[float]):
        """One step by the gradients that the weights hold. rates: one a weight, the root mean square of what
        it is moved by."""
        for places, stack in self.stacks:
            stack.step([rates[place] for place in places])


def _about(weight: Tensor) -> tuple:
    """Weights of the same are stacked: sizes up to the same power of two, so at most half is filled up."""
    sizes = sorted((len(weight), weight[0].numel()))
    return (*((size - 1).bit_length() for size in sizes), weight.dtype, weight.device)


@dataclass(eq=False)
class _Stack:
    """Weights of like sizes. taken, given: each one's part of `gradient` and of `update`, in its shape."""

    weights: list[nn.Parameter]
    units: list[Tensor]
    gradient: Tensor  # [L, m, n]
    momentum: Tensor
    update: Tensor
    taken: list[Tensor]
    given: list[Tensor]
    sizes: Tensor  # [L, 1, 1]: numbers in each weight

    @classmethod
    def of(cls, weights: list[nn.Parameter], units: list[Tensor]) -> "_Stack":
        sides = [sorted((len(weight), weight[0].numel())) for weight in weights]
        shape = (len(weights), max(m for m, _ in sides), max(n for _, n in sides))
        gradient, momentum, update = (weights[0].new_zeros(shape) for _ in range(3))
        sizes = gradient.new_tensor([weight.numel() for weight in weights]).view(-1, 1, 1)
        taken, given = (list(map(_part, stack, weights)) for stack in (gradient, update))
        return cls(weights, units, gradient, momentum, update, taken, given, sizes)

    def step(self, rates: list[float]):
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.weights]
        torch._foreach_copy_(self.taken, torch._foreach_mul(gradients, self.units))
        self.momentum.lerp_(self.gradient, 1 - MOMENTUM)
        self.update.copy_(orthogonalized(self.gradient.lerp(self.momentum, MOMENTUM)))
        size = (
            self.update.square().sum((1, 2), keepdim=True).div_(self.sizes).sqrt_().add_(_least(self.update))
        )
        self.update.div_(size)
        steps = torch._foreach_mul(self.given, [-rate for rate in rates])
        torch._foreach_add_(self.weights, torch._foreach_mul(steps, self.units))


def _part(matrix: Tensor, weight: Tensor) -> Tensor:
    """The weight's part of a matrix [m, n] that it lies in, as it is or the other way round, in its shape."""
    rows, columns = len(weight), weight[0].numel()
    part = matrix[:rows, :columns] if rows <= columns else matrix[:columns, :rows].t()
    return part.unflatten(1, weight.shape[1:])
