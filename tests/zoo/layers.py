"""Networks with layers whose channels are easily misread: norms, recurrence, einsum, derived weights."""

import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from tests.zoo import conv, network


@network("group norm")
class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.head = conv(3, 16), nn.GroupNorm(4, 16), conv(16, 4)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.stem(x))))


@network("layer norm over channels")
class LayerNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = conv(3, 12), nn.LayerNorm(12)
        self.wide, self.narrow, self.head = nn.Linear(12, 24), nn.Linear(24, 12), nn.Linear(12, 4)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = x + self.narrow(F.gelu(self.wide(self.norm(x))))
        return self.head(x.mean((1, 2)))


@network("frozen batch norm")
class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.head = conv(3, 8), FrozenBatchNorm2d(8), conv(8, 4)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.stem(x))))


@network("functional batch norm")
class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = conv(3, 8), conv(8, 4)
        self.scale, self.shift = nn.Parameter(torch.rand(8) + 0.5), nn.Parameter(torch.randn(8))
        self.register_buffer("mean", torch.randn(8))
        self.register_buffer("variance", torch.rand(8) + 0.5)

    def forward(self, x):
        x = F.batch_norm(self.stem(x), self.mean, self.variance, self.scale, self.shift)
        return self.head(F.relu(x))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]):
        super().__init__()
        self.stem, self.middle = conv(3, 8), conv(8, 10)
        self.recurrent, self.head = kind(10, 6, batch_first=True), nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.middle(F.relu(self.stem(x))))
        steps, _ = self.recurrent(x.mean(3).transpose(1, 2))
        return self.head(steps[:, -1])


for kind in (nn.LSTM, nn.GRU):
    network(kind.__name__ + " over pooled channels")(lambda kind=kind: Recurrent(kind))


@network("einsum on channels")
class Einsum(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.middle, self.head = conv(3, 8), conv(8, 6), nn.Linear(5, 4)
        self.mix = nn.Parameter(torch.randn(6, 5))

    def forward(self, x):
        x = F.relu(self.middle(F.relu(self.stem(x))))
        return self.head(torch.einsum("nchw,cd->nd", x, self.mix))


@network("product with a matrix")
class Product(Einsum):
    def forward(self, x):
        x = F.relu(self.middle(F.relu(self.stem(x))))
        return self.head(F.relu(x.mean((2, 3)) @ self.mix))


@network("unfold")
class Unfolded(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.middle, self.head = conv(3, 8), conv(8, 6), nn.Linear(6 * 9, 4)

    def forward(self, x):
        x = F.relu(self.middle(F.relu(self.stem(x))))
        return self.head(F.unfold(x, 3).mean(2))


@network("interpolated and concatenated")
class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.deep = conv(3, 8), conv(8, 12)
        self.up, self.head = conv(20, 8), conv(8, 4, 1)

    def forward(self, x):
        skip = F.relu(self.down(x))
        deep = F.relu(self.deep(F.max_pool2d(skip, 2)))
        deep = F.interpolate(deep, size=skip.shape[2:], mode="bilinear", align_corners=False)
        return self.head(F.relu(self.up(torch.cat([skip, deep], 1))))


def old_norm(kind: str, layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, but in many networks
        return getattr(nn.utils, kind)(layer)


def parametrized(kind: str, layer: nn.Module) -> nn.Module:
    return getattr(nn.utils.parametrizations, kind)(layer)


class Derived(nn.Module):
    def __init__(self, kind: str, derive):
        super().__init__()
        self.stem, self.middle = conv(3, 8), conv(8, 6)
        self.derived, self.after, self.end = derive(kind, conv(6, 8)), conv(8, 6), conv(6, 4)

    def forward(self, x):
        x = F.relu(self.derived(F.relu(self.middle(F.relu(self.stem(x))))))
        return self.end(F.relu(self.after(x)))


for kind in ("weight_norm", "spectral_norm"):
    network(f"{kind}, old")(lambda kind=kind: Derived(kind, old_norm))
    network(f"{kind}, parametrization")(lambda kind=kind: Derived(kind, parametrized))


@network("one dimension", example=(2, 4, 40))
class Sequence(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv1d(4, 8, 5),
            nn.BatchNorm1d(8),
            nn.GELU(),
            nn.Conv1d(8, 6, 3, groups=2),
            nn.AdaptiveAvgPool1d(1),
        )
        self.extend([nn.Flatten(), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)])
