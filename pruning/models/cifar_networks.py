"""Lists the networks for 32 x 32 images: ResNet-20 to -110 with either shortcut, VGG-16 and MobileNetV2, and
these two narrow."""

from pruning.models.registry import Build, model

DEPTHS = (20, 32, 44, 56, 110)
SHORTCUTS = {"A": "zero-padding shortcuts", "B": "1 x 1 convolution shortcuts"}


def cifar_resnet(depth: int, option: str) -> Build:
    def build(classes: int = 10, in_channels: int = 3):
        from pruning.models.resnet import CifarResNet

        return CifarResNet(depth, classes=classes, in_channels=in_channels, option=option)

    return build


for option, shortcut in SHORTCUTS.items():
    for depth in DEPTHS:
        model(
            f"resnet{depth}" + ("" if option == "A" else "_b"),
            meaning=f"ResNet-{depth} for 32 x 32 images with {shortcut}.",
            size=32,
        )(cifar_resnet(depth, option))


def plain(width: float) -> Build:
    def build(classes: int = 10, in_channels: int = 3):
        from pruning.models.vgg_mobilenet import vgg16

        return vgg16(classes, in_channels, width)

    return build


def inverted(width: float) -> Build:
    def build(classes: int = 10, in_channels: int = 3):
        from pruning.models.vgg_mobilenet import mobilenet_v2

        return mobilenet_v2(classes, in_channels, width)

    return build


for name, title, build, slim in (
    ("vgg16", "VGG-16 with batch norm", plain, 0.25),
    ("mobilenet_v2", "MobileNetV2", inverted, 0.5),
):
    model(name, meaning=f"{title} for 32 x 32 images.", size=32)(build(1.0))
    narrow = f"{title} for 32 x 32 images, {slim:g} of its width."
    model(f"{name}_slim", meaning=narrow, size=32)(build(slim))
