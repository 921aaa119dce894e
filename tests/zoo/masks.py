"""Networks that answer a class for every pixel: a U, and one with an auxiliary head that answers a dict."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo import conv, network


class Twice(nn.Sequential):
    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            conv(inputs, outputs, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            conv(outputs, outputs),
            nn.ReLU(),
        )


@network("a U: skips, one way up learned and one bilinear")
class U(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.bottom = Twice(3, 6), Twice(6, 8), Twice(8, 12)
        self.up = nn.ConvTranspose2d(12, 8, 2, stride=2)
        self.back, self.last = Twice(16, 8), Twice(14, 6)
        self.head = conv(6, 4, 1)

    def forward(self, x):
        one = self.one(x)
        two = self.two(F.max_pool2d(one, 2))
        x = self.back(torch.cat([two, self.up(self.bottom(F.max_pool2d(two, 2)))], 1))
        x = F.interpolate(x, size=one.shape[2:], mode="bilinear", align_corners=False)
        return self.head(self.last(torch.cat([one, x], 1)))


@network("masks and those of an auxiliary head, in a dict")
class Auxiliary(nn.Module):
    """As torchvision's segmenters answer; rates, and a branch that pools, are read by one layer."""

    def __init__(self):
        super().__init__()
        self.stem, self.features = Twice(3, 8), Twice(8, 12)
        self.near, self.far = conv(12, 6, 1), nn.Conv2d(12, 6, 3, padding=2, dilation=2)
        self.pooled, self.project = conv(12, 4, 1), conv(16, 8, 1)
        self.head = conv(8, 4, 1)
        self.auxiliary = nn.Sequential(conv(8, 5), nn.ReLU(), conv(5, 4, 1))

    def forward(self, x):
        middle = self.stem(F.avg_pool2d(x, 2))
        last, size = self.features(middle), x.shape[2:]
        pooled = self.pooled(last.mean((2, 3), keepdim=True)).expand(-1, -1, *last.shape[2:])
        joined = torch.cat([F.relu(self.near(last)), F.relu(self.far(last)), F.relu(pooled)], 1)
        found = {"out": self.head(F.relu(self.project(joined))), "aux": self.auxiliary(middle)}
        return {
            name: F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
            for name, maps in found.items()
        }
