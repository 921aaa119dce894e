"""What a network expects its pixels to be normalised by: (pixel / 255 - mean) / std, channel by channel."""

from dataclasses import dataclass

from pruning.error_messages import choose


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each input channel, on pixels that were divided by 255.

    channels_last: whether normalised images lie in memory as pictures do, which is faster; there are networks
    that do not run on such, as those that flatten maps by `view`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str
    channels_last: bool = True

    def __post_init__(self):
        object.__setattr__(self, "mean", tuple(map(float, self.mean)))
        object.__setattr__(self, "std", tuple(map(float, self.std)))
        if len(self.mean) != len(self.std) or not self.mean or min(self.std) <= 0:
            raise ValueError(
                f"mean {self.mean} and std {self.std} are no normalisation; "
                "give a number each for every channel, std above 0"
            )


CIFAR10 = Normalization((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), "cifar10")
IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "imagenet")
HALF = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "half")  # pixels from -1 to 1
NONE = Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "none")
NORMALIZATIONS = {known.name: known for known in (CIFAR10, IMAGENET, HALF, NONE)}


def resolve_normalization(
    normalize: str | Normalization, *, size: int, recorded: str | None
) -> Normalization:
    """The normalisation that `normalize` names; "auto" is what the checkpoint recorded, else CIFAR-10's
    for 32-pixel images and ImageNet's for every other size. Raises ValueError on an unknown name, with the
    nearest known one.
    """
    if isinstance(normalize, Normalization):
        return normalize
    if normalize == "auto":
        normalize = recorded or (CIFAR10.name if size == 32 else IMAGENET.name)
    return NORMALIZATIONS[choose(normalize, NORMALIZATIONS, "normalization")]
