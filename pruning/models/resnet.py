"""ResNets for 32 x 32 images (He et al. 2016, arXiv 1512.03385, section 4.2), with either shortcut.

Option A pads the shortcut with zero channels and has no weights in it: the networks of CPOT's own
experiments. Option B has a 1 x 1 convolution. Parameter names are those of the public CIFAR-10 checkpoints.
No forward knows a size: modules follow their tensors, so a cut network runs as it is.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class ZeroPadShortcut(nn.Module):
    """Shortcut A: takes every `stride`-th pixel and puts zero channels before and after the image's own.

    How many is stated in `pad_before` and `pad_after`, which a cut of the residual stream follows. One
    operation with literal numbers, so that torch.fx and exporters read it as what it is.
    """

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.stride = stride
        self.pad_before, self.pad_after = before, after

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.pad_before, self.pad_after))  # [n, before + channels + after, h, w]


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; `conv1`'s outputs are the channels inside the block."""

    def __init__(self, inputs: int, outputs: int, stride: int, option: str, dilation: int = 1):
        super().__init__()
        apart: dict[str, Any] = {"padding": dilation, "dilation": dilation, "bias": False}
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, **apart)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, **apart)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if option == "A" and (stride != 1 or inputs != outputs):
            before = (outputs - inputs) // 2
            self.shortcut = ZeroPadShortcut(before, outputs - inputs - before, stride)
        elif stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class CifarResNet(nn.Module):
    """6 n + 2 layers: three stages of n blocks, 16, 32 and 64 channels, each at half the side of the last."""

    def __init__(self, depth: int, *, classes: int = 10, in_channels: int = 3, option: str = "A"):
        super().__init__()
        if depth < 8 or (depth - 2) % 6 or option not in ("A", "B"):
            raise ValueError(
                f"there is no such ResNet of depth {depth}, option {option}; depth is 6 n + 2, option A or B"
            )
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks = (depth - 2) // 6
        self.layer1 = stage(16, 16, blocks, 1, option)
        self.layer2 = stage(16, 32, blocks, 2, option)
        self.layer3 = stage(32, 64, blocks, 2, option)
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # [N, channels]
        return self.linear(x)


def stage(inputs: int, outputs: int, blocks: int, stride: int, option: str) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, option)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, option) for _ in range(blocks - 1)))
