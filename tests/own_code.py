"""Code of one's own that makes networks, as people have it: a file with a U-Net, and files with mistakes."""

from pathlib import Path

UNET = """
import torch
from torch import nn
from torch.nn import functional as F


def convs(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, classes=3, width=8):
        super().__init__()
        self.down1, self.down2 = convs(3, width), convs(width, 2 * width)
        self.bottom = convs(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.join2, self.join1 = convs(4 * width, 2 * width), convs(2 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images):
        first = self.down1(images)
        second = self.down2(F.max_pool2d(first, 2))
        low = self.bottom(F.max_pool2d(second, 2))
        middle = self.join2(torch.cat([self.up2(low), second], 1))
        return self.head(self.join1(torch.cat([self.up1(middle), first], 1)))


def unet(num_classes):
    return UNet(num_classes)
"""
CLASSIFIER = """
from torch import nn


def small(classes, width={width}):
    parts = nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
"""
LEAVES_A_TRACE = """
from pathlib import Path
Path({trace!r}).write_text("ran")
"""
MISTAKES = """
from torch import nn


def raises(classes):
    raise RuntimeError("no weights here")


def nothing():
    return {}


def needs(width, classes):
    return nn.Identity()


def five():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))


def twelve():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 12))


def maps(classes):
    return nn.Conv2d(3, classes, 1)


class Two(nn.Module):
    def forward(self, images, domain):
        return images
"""


def write_unet(folder: Path) -> Path:
    """unet.py, whose factory is unet."""
    (folder / "unet.py").write_text(UNET)
    return folder / "unet.py"


def write_small(folder: Path, width: int = 8, name: str = "small.py") -> Path:
    """small.py, whose factory is small: a classifier."""
    (folder / name).write_text(CLASSIFIER.format(width=width))
    return folder / name
