"""Networks with a part that no tracer sees into: what is alive there must stay, the rest can go."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo import conv, network


class Half(nn.Module):
    """Something small that mixes no channels, so that a wrong cut would go unnoticed."""

    def forward(self, x):
        return F.relu(x) * 0.5


class Through(nn.Module):
    """stem -> before -> something hidden -> after -> head: `before` must stay, `stem` and `after` can go."""

    def __init__(self, hidden):
        super().__init__()
        self.stem, self.before, self.after, self.head = conv(3, 8), conv(8, 6), conv(6, 8), conv(8, 4)
        self.hidden = hidden

    def forward(self, x):
        x = self.hidden(self.before(F.relu(self.stem(x))))
        return self.head(F.relu(self.after(x)))


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


class OwnFunction(nn.Module):
    def forward(self, x):
        return Doubled.apply(x)


class Outside(Doubled):
    """As a compiled kernel does it: no operation of PyTorch's is seen."""

    @staticmethod
    def forward(ctx, x):
        with torch._C.DisableTorchFunction():
            return x * 2 + 1


class Summed(Doubled):
    @staticmethod
    def forward(ctx, x):
        with torch._C.DisableTorchFunction():
            return x + x.sum(1, keepdim=True)


class OwnKernel(nn.Module):
    def forward(self, x):
        return Outside.apply(x)


class OwnMixing(nn.Module):
    def forward(self, x):
        return Summed.apply(x)


class ThroughNumpy(nn.Module):
    def forward(self, x):
        return torch.from_numpy(x.numpy() * 2)


@network("scripted submodule")
def scripted():
    return Through(torch.jit.script(Half()))


@network("traced submodule")
def traced():
    return Through(torch.jit.trace(Half(), torch.randn(1, 6, 16, 16)))


@network("own autograd function")
def own_function():
    return Through(OwnFunction())


@network("own autograd function outside PyTorch")
def own_kernel():
    return Through(OwnKernel())


@network("own autograd function that mixes channels")
def own_mixing():
    return Through(OwnMixing())


@network("through NumPy")
def through_numpy():
    return Through(ThroughNumpy())
