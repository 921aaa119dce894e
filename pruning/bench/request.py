"""What both sides are asked for, and what they may use: the same for both. No torch."""

import platform
from importlib import metadata

import pruning

# torchvision's, with random weights: residual, dense, plain, gated, grouped, and norms over channels
NETWORKS = (
    *("resnet50", "densenet121", "vgg16_bn", "mobilenet_v3_large"),
    *("efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "swin_t"),
)
SHAPE = (1, 3, 224, 224)  # of the example
RATIO = 0.3  # share of the channels of every group that goes; output layers stay whole
AGAIN = 0.4  # the share of the second plan over the same network
THREADS = 1
SIDES = ("ours", "peer")
PEER = "torch-pruning"  # the distribution's name

# beyond these a side's row says so instead of a figure: a user would have given up, or the machine
SECONDS = 60.0
GIGABYTES = 8.0  # 10^9 bytes resident, torch and the network included


def peer_version() -> str | None:
    """The installed version of Torch-Pruning (what it says of itself is behind), None where there is none."""
    try:
        return metadata.version(PEER)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Versions of all that the figures depend on."""
    found = {name: metadata.version(name) for name in ("torch", "torchvision", "numpy", "scipy")}
    return {
        "pruning": pruning.__version__,
        PEER: peer_version(),
        "python": platform.python_version(),
        **found,
    }
