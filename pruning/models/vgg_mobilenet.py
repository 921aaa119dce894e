"""VGG-16 and MobileNetV2 for 32 x 32 images: torchvision's, with fewer strides and one linear layer.

As usual on CIFAR-10: VGG-16 (Simonyan and Zisserman 2015) ends in one linear layer after its five pools;
MobileNetV2 (Sandler et al. 2018) halves the image three times instead of five. Parameters are named as in
torchvision.
"""

import torch
from torch import nn
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.vgg import cfgs, make_layers

# expansion, channels, blocks, stride of the first
INVERTED_RESIDUALS = [
    [1, 16, 1, 1],
    [6, 24, 2, 1],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]


class Vgg(nn.Module):
    """VGG's convolutions with one linear layer behind them.

    torchvision's own class would first make three linear layers of 120 million weights, to be thrown away."""

    def __init__(self, widths: list[int | str], classes: int):
        super().__init__()
        self.features, self.avgpool = make_layers(widths, batch_norm=True), nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(widths[-2], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg16(classes: int, in_channels: int, width: float) -> nn.Module:
    """VGG-16 with batch norm, all widths times `width`."""
    widths = [item if item == "M" else int(item * width) for item in cfgs["D"]]
    return prepared(Vgg(widths, classes), in_channels)


def mobilenet_v2(classes: int, in_channels: int, width: float) -> nn.Module:
    """MobileNetV2 with all widths but the last times `width`."""
    network = MobileNetV2(classes, width, inverted_residual_setting=INVERTED_RESIDUALS)
    network.features[0][0].stride = (1, 1)
    return prepared(network, in_channels)


def prepared(network: nn.Module, in_channels: int) -> nn.Module:
    """For images of so many channels, newly initialised (He et al. 2015)."""
    name, first = next((name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d))
    if in_channels != first.in_channels:
        bias = first.bias is not None
        other = nn.Conv2d(in_channels, first.out_channels, 3, first.stride, 1, bias=bias)
        network.set_submodule(name, other)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
