"""Lists the networks for 32 x 32 images: ResNet-20 to -110 with either shortcut."""

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
