"""Lists the networks that translate pictures to other domains: StarGAN's generator, and a small one."""

from pruning.models.registry import model
from pruning.tasks import TRANSLATED

SMALL = {"width": 16}  # channels of the first layer


@model(
    "stargan",
    meaning="StarGAN's generator: pictures of 128 x 128 to other domains.",
    size=128,
    task=TRANSLATED,
)
def large(classes: int = 5, in_channels: int = 3):
    from pruning.models.stargan import Generator

    return Generator(classes, in_channels=in_channels)


@model(
    "stargan_small",
    meaning="A small StarGAN generator: pictures of 32 x 32 to other domains.",
    size=32,
    task=TRANSLATED,
)
def small(classes: int = 6, in_channels: int = 3):
    from pruning.models.stargan import Generator

    return Generator(classes, in_channels=in_channels, **SMALL)
