"""DeepLabV3+: a dilated encoder, atrous spatial pyramid pooling (ASPP), and a decoder that joins its features
with finer ones. By Chen and others (2018, arXiv 1802.02611).

The large one is GDP's network: ResNet-50 with output stride 16, rates 6, 12 and 18. Its parts are
torchvision's, and its parameters have the names of the public PyTorch checkpoints of DeepLabV3Plus-ResNet50:
`backbone.layer1.0.conv1.weight`, `classifier.aspp.convs.1.0.weight`, `classifier.project.0.weight`. The small
one is for images of 32 pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.segmentation.deeplabv3 import ASPP

from pruning.models.resnet import BasicBlock

DROPOUT = 0.1  # behind ASPP, as the paper has it; torchvision's DeepLabV3 has 0.5


class Head(nn.Module):
    """ASPP on the last features, and the decoder: (last, finer) -> logits at the size of the finer ones."""

    def __init__(self, inputs: int, finer: int, rates: Sequence[int], width: int, reduced: int, classes: int):
        super().__init__()
        self.project = nn.Sequential(
            nn.Conv2d(finer, reduced, 1, bias=False), nn.BatchNorm2d(reduced), nn.ReLU()
        )
        self.aspp = ASPP(inputs, list(rates), width)
        self.aspp.project[3].p = DROPOUT
        self.classifier = nn.Sequential(
            nn.Conv2d(width + reduced, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, classes, 1),
        )

    def forward(self, last: Tensor, finer: Tensor) -> Tensor:
        finer = self.project(finer)
        last = resized(self.aspp(last), finer)
        return self.classifier(torch.cat([finer, last], 1))


class DeepLabV3Plus(nn.Module):
    """backbone: x -> (last features, finer ones).   classifier: a `Head`. Answers logits of the input's
    size, [N, classes, H, W]."""

    def __init__(self, backbone: nn.Module, classifier: nn.Module):
        super().__init__()
        self.backbone, self.classifier = backbone, classifier
        for module in classifier.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:  # the last one begins near zero
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        last, finer = self.backbone(x)
        return resized(self.classifier(last, finer), x)


def resized(maps: Tensor, like: Tensor) -> Tensor:
    """Maps at the size of others, bilinear."""
    return F.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


class ResNet50(ResNet):
    """torchvision's, without its classifier: features at stride 16, the last stage dilated, and at stride
    4."""

    def __init__(self, in_channels: int):
        super().__init__(Bottleneck, [3, 4, 6, 3], replace_stride_with_dilation=[False, False, True])
        del self.avgpool, self.fc
        if in_channels != 3:
            self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        finer = self.layer1(x)
        return self.layer4(self.layer3(self.layer2(finer))), finer


class SmallBackbone(nn.Module):
    """Six residual blocks: 32 channels at half the side, 64 at a quarter, 96 there, dilated."""

    def __init__(self, in_channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 24, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.layer1 = nn.Sequential(BasicBlock(24, 32, 2, "B"), BasicBlock(32, 32, 1, "B"))
        self.layer2 = nn.Sequential(BasicBlock(32, 64, 2, "B"), BasicBlock(64, 64, 1, "B"))
        self.layer3 = nn.Sequential(BasicBlock(64, 96, 1, "B", 2), BasicBlock(96, 96, 1, "B", 2))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        finer = self.layer1(F.relu(self.bn1(self.conv1(x))))
        return self.layer3(self.layer2(finer)), finer


def deeplabv3plus_resnet50(classes: int, in_channels: int) -> nn.Module:
    return DeepLabV3Plus(ResNet50(in_channels), Head(2048, 256, (6, 12, 18), 256, 48, classes))


def deeplabv3plus_small(classes: int, in_channels: int) -> nn.Module:
    return DeepLabV3Plus(SmallBackbone(in_channels), Head(96, 32, (1, 2, 3), 64, 16, classes))
