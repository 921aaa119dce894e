"""Networks in which something runs over places, over a stack of maps, or in place: never over channels."""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo import conv, network


class Between(nn.Module):
    """stem -> something over places -> middle -> head: `stem` and `middle` can go."""

    def __init__(self):
        super().__init__()
        self.stem, self.middle, self.head = conv(3, 8), conv(8, 6), conv(6, 4)

    def forward(self, x):
        return self.head(F.relu(self.middle(self.between(F.relu(self.stem(x))))))


@network("written by index over places")
class Written(Between):
    def between(self, x):
        shifted = x.new_zeros(x.shape)
        shifted[:, :, 1:] = x[:, :, :-1]
        shifted[..., 0] = 0
        x[x > 1] = 1
        return shifted.copy_(shifted + x)


@network("written to some channels")
class Partly(Between):
    def between(self, x):
        x[:, 0] = 0
        return x


@network("written through views")
class Through(Between):
    def between(self, x):
        whole = torch.empty(2, *x.shape)
        whole[0], whole[1] = x, 1 - x
        x[:, :, 0].mul_(2)
        x.flatten(2)[..., -3:].fill_(0.5)
        whole.view(2, len(x), x.shape[1], -1)[:, :, :, 5].zero_()
        return x + whole.sum(0) * whole.amax(0)


@network("maxima, orders and norms over places")
class Reduced(Between):
    def between(self, x):
        flat = x.flatten(2)
        weights = flat.softmax(2) * flat.cumsum(2) / flat.norm(dim=2, keepdim=True).clamp_min(1e-3)
        top = flat.sort(2, descending=True)[0] + flat.median(2, keepdim=True)[0]
        weights = weights + F.normalize(top, dim=2) + flat.std(2, keepdim=True)
        x = torch.addcmul(x, weights.view_as(x), x.max(3, keepdim=True)[0])
        return torch.einsum("nchw->nchw", x[torch.arange(len(x)).flip(0)]).masked_fill(x < 0.1, 0.0)


@network("operations in no table")
class Tried(Between):
    def between(self, x):
        x = torch.logaddexp(x, torch.hypot(x, x.roll(1, 3))) + torch.special.expit(x)
        grid = F.affine_grid(torch.eye(2, 3).expand(len(x), 2, 3), list(x.shape), align_corners=False)
        return F.grid_sample(x.float(), grid.float(), align_corners=False).to(x)


@network("softmax over a stack")
class Selected(Between):
    """Selective kernels: one weight a channel and branch, which sum to one over the branches."""

    def __init__(self):
        super().__init__()
        self.one, self.two = conv(8, 6), conv(8, 6, 1)
        self.ask, self.answer, self.middle = nn.Linear(6, 5), nn.Linear(5, 12), conv(6, 6)
        self.shares = nn.Parameter(torch.rand(2))

    def between(self, x):
        both = torch.stack([self.one(x), self.two(x)], 1)
        weights = self.answer(F.relu(self.ask(both.sum(1).mean((2, 3))))).view(len(x), 2, -1).softmax(1)
        both = torch.stack(list((both * weights[..., None, None]).unbind(1)), -1)
        return (both * self.shares / self.shares.sum()).sum(-1)


@network("a linear layer over places")
class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.places = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(16), nn.Linear(16, 16)
        self.position, self.scale = nn.Parameter(torch.randn(1, 16, 8)), nn.Parameter(torch.rand(1, 1, 8))
        self.wide, self.head = nn.Linear(8, 12), nn.Linear(12, 4)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2) * self.scale + self.position
        x = x + self.places(self.norm(x.transpose(1, 2))).transpose(1, 2)
        return self.head(F.gelu(self.wide(x))).mean(1)


@network("blurred by buffers")
class Blurred(Between):
    def __init__(self):
        super().__init__()
        kernel = torch.tensor([1.0, 2, 1])
        self.register_buffer("kernel", (kernel[:, None] * kernel / 16)[None, None])
        self.register_buffer("kernels", self.kernel.repeat(8, 1, 1, 1))
        self.register_buffer("bank", torch.randn(2, 6, 3, 3))
        self.after = conv(6, 6)
        self.head = conv(8, 4)

    def between(self, x):
        x = F.conv2d(x, self.kernels, padding=1, groups=len(self.kernels))
        x = F.conv2d(x, self.kernel.repeat(x.shape[1], 1, 1, 1), padding=1, groups=x.shape[1])
        each = F.conv2d(x.reshape(-1, 1, *x.shape[2:]), self.kernel, padding=1)
        return each.view(len(x), -1, *each.shape[2:])

    def forward(self, x):
        x = self.after(F.relu(self.middle(self.between(F.relu(self.stem(x))))))
        return self.head(torch.cat([x, F.conv2d(x, self.bank, padding=1)], 1))


@network("one norm group a channel, a norm that is synchronised")
class OneEach(Between):
    def __init__(self):
        super().__init__()
        self.norm, self.other = nn.GroupNorm(8, 8), nn.SyncBatchNorm(8)

    def between(self, x):
        return self.other(self.norm(x))


@network("an object as answer")
class Answering(Between):
    def forward(self, x):
        x = F.relu(self.stem(x))
        maps = self.head(F.relu(self.middle(x)))
        return SimpleNamespace(maps=maps, places=(maps.amax(1),))


@network("cosine classifier")
class Cosine(Between):
    def __init__(self):
        super().__init__()
        self.classes = nn.Parameter(torch.randn(5, 6))

    def forward(self, x):
        x = F.normalize(F.relu(self.middle(F.relu(self.stem(x)))).mean((2, 3)), dim=1)
        return x @ F.normalize(self.classes, dim=1).T


@network("features made maps")
class Decoded(nn.Module):
    """As a decoder or a generator begins: every map is many of a linear layer's outputs."""

    def __init__(self):
        super().__init__()
        self.squeeze, self.wide = nn.Linear(3, 6), nn.Linear(6, 192)
        self.up, self.head = nn.ConvTranspose2d(12, 8, 4, 2, 1), conv(8, 3)

    def forward(self, x):
        x = F.relu(self.wide(F.relu(self.squeeze(x.mean((2, 3))))))
        return self.head(F.relu(self.up(x.view(len(x), -1, 4, 4))))
