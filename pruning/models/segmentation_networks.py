"""Lists the networks that answer a class for every pixel: DeepLabV3+ as GDP has it, and a small one."""

from pruning.models.registry import model
from pruning.tasks import PIXELWISE


@model(
    "deeplabv3plus_resnet50",
    meaning="DeepLabV3+ on ResNet-50, output stride 16: masks of 513 x 513 images.",
    size=513,
    task=PIXELWISE,
)
def large(classes: int = 21, in_channels: int = 3):
    from pruning.models.deeplabv3plus import deeplabv3plus_resnet50

    return deeplabv3plus_resnet50(classes, in_channels)


@model("deeplabv3plus_small", meaning="A small DeepLabV3+: masks of 32 x 32 images.", size=32, task=PIXELWISE)
def small(classes: int = 11, in_channels: int = 3):
    from pruning.models.deeplabv3plus import deeplabv3plus_small

    return deeplabv3plus_small(classes, in_channels)
