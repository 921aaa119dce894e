"""Networks in which one tensor, weight or module stands for several things at once."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo import conv, network


@network("attention gate")
class AttentionGate(nn.Module):
    """One channel of gates, spread over many."""

    def __init__(self):
        super().__init__()
        self.stem, self.ask, self.gate, self.head = conv(3, 12), conv(12, 6, 1), conv(6, 1, 1), conv(12, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.head(x * self.gate(F.relu(self.ask(x))).sigmoid())


@network("shared head")
class SharedHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.coarse, self.fine = conv(3, 8), conv(8, 10), conv(8, 10)
        self.head = conv(10, 4, 1)

    def forward(self, x):
        x = F.relu(self.stem(x))
        coarse = F.relu(self.coarse(F.max_pool2d(x, 2)))
        return self.head(F.relu(self.fine(x))), self.head(F.interpolate(coarse, scale_factor=2))


@network("called twice, with different inputs")
class CalledTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right, self.shared, self.head = conv(3, 8), conv(3, 8), conv(8, 6), conv(6, 4)

    def forward(self, x):
        left, right = self.shared(F.relu(self.left(x))), self.shared(F.relu(self.right(x)))
        return self.head(F.relu(left) + F.relu(right))


@network("never called")
class NeverCalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.unused, self.head = conv(3, 8), conv(8, 8), conv(8, 4)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.head(F.relu(self.stem(x)))


@network("weights tied between encoder and decoder")
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.inner = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.inner(F.relu(self.encode(x))))
        x = F.relu(F.conv_transpose2d(x, self.inner.weight, padding=1))
        return F.conv_transpose2d(x, self.encode.weight, padding=1)


@network("one weight in two modules")
class TiedModules(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two, self.head = conv(3, 8), conv(8, 8), conv(8, 8), conv(8, 4)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.head(F.relu(self.two(F.relu(self.one(F.relu(self.stem(x)))))))


@network("parameters added, multiplied and concatenated")
class Parameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = conv(3, 8), conv(11, 4)
        self.shift, self.scale = (
            nn.Parameter(torch.randn(1, 8, 1, 1)),
            nn.Parameter(torch.rand(8, 1, 1) + 0.5),
        )
        self.extra = nn.Parameter(torch.randn(1, 3, 1, 1))

    def forward(self, x):
        x = F.relu(self.stem(x) * self.scale + self.shift)
        return self.head(torch.cat([x, self.extra.expand(len(x), -1, *x.shape[2:])], 1))


@network("buffers indexed by channel")
class Buffers(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = conv(3, 8), conv(8, 4)
        self.register_buffer("mean", torch.randn(8, 1, 1))
        self.register_buffer("order", torch.randperm(8))

    def forward(self, x):
        x = F.relu(self.stem(x) - self.mean)
        return self.head(x[:, self.order])


@network("two inputs of an addition with different producers")
class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.back = conv(3, 8), conv(8, 12), conv(12, 8)
        self.drop, self.head = nn.Dropout2d(0.3), nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(x + self.back(self.drop(F.relu(self.inner(x)))))
        return self.head(F.dropout(x.mean((2, 3)), 0.5, self.training))


@network("control flow on shapes")
class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.wide, self.narrow, self.head = conv(3, 8), conv(8, 12), conv(8, 6), conv(12, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        while min(x.shape[2:]) > 8:
            x = F.avg_pool2d(x, 2)
        branch = self.wide if x.shape[-1] <= 8 else self.narrow
        return self.head(F.relu(branch(x)))


@network("split into unequal parts")
class Unequal(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.split, self.head = conv(3, 8), conv(8, 10), conv(6, 4)

    def forward(self, x):
        one, other = torch.split(self.split(F.relu(self.stem(x))), [6, 4], dim=1)
        return self.head(F.relu(one)) + other


@network("linear weights tied, the other way round by a view")
class Turned(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 10), nn.Linear(10, 6)

    def forward(self, x):
        code = self.second(F.relu(self.first(x.mean((2, 3)))))
        return F.linear(F.relu(F.linear(code, self.second.weight.t())), self.first.weight.t())
