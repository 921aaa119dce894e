"""Small networks, each with one thing that a channel engine may get wrong: `ZOO[name]()` -> (network,
example).

All in evaluation mode, with norms whose statistics and scales are not trivial, so that a wrong index shows.
"""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning

ZOO: dict[str, Callable[[], tuple[nn.Module, torch.Tensor]]] = {}
# of which names begin so: networks that take seconds
LARGE = (
    "resnet20_b",
    "resnet32",
    "resnet44",
    "resnet56",
    "resnet110",
    "torchvision",
    "vgg16",
    "mobilenet_v2",
)


def seeded(network: nn.Module) -> nn.Module:
    """Norms with statistics and scales of their own, weights large enough that every channel counts."""
    random = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            for tensor in (module.running_mean, module.bias):
                if tensor is not None:
                    tensor.data.normal_(0, 0.3, generator=random)
            for tensor in (module.running_var, module.weight):
                if tensor is not None:
                    tensor.data.uniform_(0.5, 1.5, generator=random)
    return drawn(network.eval())


@torch.no_grad()
def drawn(model: nn.Module) -> nn.Module:
    """Parameters that start out constant, drawn anew: torchvision's vision transformers end in a matrix of
    zeros, and ConvNeXt's blocks in a factor of 1e-6, so that no cut inside would show in their answers."""
    for parameter in model.parameters():
        if parameter.numel() < 2 or parameter.min() != parameter.max():
            continue
        if parameter.numel() > max(parameter.shape):  # a matrix, or a kernel
            parameter.normal_(0, parameter[0].numel() ** -0.5)
        elif parameter.max() == 0:  # a shift
            parameter.normal_(0, 0.3)
        else:  # a scale
            parameter.uniform_(0.5, 1.5)
    return model


def network(name: str, *, side: int = 16, example: tuple[int, ...] | None = None):
    """Decorator: lists a network class, or what makes one, under a name; the example is a random image."""

    def listed(kind: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        def make():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return seeded(kind()), torch.randn(example or (2, 3, side, side))

        ZOO[name] = make
        return kind

    return listed


def conv(inputs: int, outputs: int, kernel: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **options)


def registered(name: str):
    def make():
        from pruning.models import load_model

        return seeded(load_model(name, "digits", "none")), torch.randn(2, 3, 32, 32)

    return make


def from_torchvision(name: str):
    def make():
        from torchvision.models import get_model

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return seeded(get_model(name, num_classes=10)), torch.randn(1, 3, 64, 64)

    return make


for _name in ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110"):
    ZOO[_name], ZOO[_name + "_b"] = registered(_name), registered(_name + "_b")
for _name in ("resnet18", "vgg11_bn"):
    ZOO[f"torchvision:{_name}"] = from_torchvision(_name)


@network("plain")
class Plain(nn.Sequential):
    def __init__(self):
        super().__init__(
            conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 6), nn.Flatten(), nn.Linear(1536, 4)
        )


@network("shared convolution")
class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.shared, self.head = conv(3, 8), conv(8, 8), nn.Linear(8, 4)

    def forward(self, x):
        x = self.shared(F.relu(self.stem(x)))
        return self.head(self.shared(F.relu(x)).mean((2, 3)))


@network("concatenation of two, read depth-wise")
class Concatenated(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = conv(3, 6), conv(3, 10, bias=False)
        self.depthwise, self.head = conv(16, 32, groups=16), conv(32, 4, 1)

    def forward(self, x):
        return self.head(F.relu(self.depthwise(torch.cat([self.left(x), self.right(x)], 1))))


@network("channel shuffle by hand")
class Shuffled(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.grouped, self.head = conv(3, 12), conv(12, 12, groups=3), conv(12, 4, 1)

    def forward(self, x):
        x = self.grouped(F.relu(self.stem(x)))
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(F.relu(x))


@network("gated linear unit")
class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = conv(3, 16), conv(8, 4)

    def forward(self, x):
        value, gate = self.stem(x).chunk(2, dim=1)
        return self.head(value * gate.sigmoid())


@network("squeeze and excitation")
class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = conv(3, 12), nn.BatchNorm2d(12)
        self.squeeze, self.excite, self.head = conv(12, 4, 1), conv(4, 12, 1), conv(12, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        scale = self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()
        return self.head(x * scale)


@network("pixel shuffle")
class Enlarged(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.up, self.head = conv(3, 8), conv(8, 24), conv(6, 3)

    def forward(self, x):
        return self.head(F.relu(F.pixel_shuffle(self.up(F.relu(self.stem(x))), 2)))


@network("channels last into linear, learned scale")
class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.scale = conv(3, 8), nn.Parameter(torch.rand(8, 1, 1) + 0.5)
        self.wide, self.narrow = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        x = (self.stem(x) * self.scale).permute(0, 2, 3, 1)
        return self.narrow(F.gelu(self.wide(x))).mean((1, 2))


@network("instance norm, in-place ReLU")
class Instance(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = conv(3, 8), conv(8, 4)
        self.norm = nn.InstanceNorm2d(8, affine=True, track_running_stats=True)

    def forward(self, x):
        return self.head(F.relu_(self.norm(self.stem(x))))


@network("weight norm")
class Weighed(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = conv(3, 8), conv(8, 6)
        self.derived, self.end = nn.utils.parametrizations.weight_norm(conv(6, 8)), conv(8, 4)

    def forward(self, x):
        return self.end(F.relu(self.derived(F.relu(self.head(F.relu(self.stem(x)))))))


@network("two heads")
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.hidden = conv(3, 8), conv(8, 12)
        self.one, self.other = conv(12, 2, 1), nn.Linear(12, 5)

    def forward(self, x):
        x = F.relu(self.hidden(F.relu(self.stem(x))))
        return {"map": self.one(x), "class": self.other(x.mean((2, 3)))}


@network("transposed, grouped and plain")
class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.up = conv(3, 8), nn.ConvTranspose2d(8, 6, 2, stride=2)
        self.grouped, self.head = nn.ConvTranspose2d(6, 8, 2, groups=2), conv(8, 4)

    def forward(self, x):
        return self.head(F.relu(self.grouped(F.relu(self.up(F.relu(self.stem(x)))))))


@network("three dimensions", example=(2, 3, 6, 8, 8))
class Volume(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv3d(3, 8, 3), nn.BatchNorm3d(8), nn.PReLU(8), nn.MaxPool3d(2), nn.Conv3d(8, 4, 1)
        )


def images_and_inside():
    """A small network without norms, 110 images in 3 classes, and what its first layers write and read.

    Returns model, graph, (images, labels), the inputs and labels as statistics see them, written, read.
    """
    from pruning import ChannelGraph
    from pruning.statistics.calibration_images import CalibrationImages

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(45, 3)
    ).eval()
    data = torch.randn(110, 3, 9, 9), torch.arange(110) % 3
    graph = ChannelGraph(model, data[0][:1])
    inputs, labels = next(CalibrationImages(model, data, 1000, 0).batches(1000))
    with torch.no_grad():
        written = model[0](inputs)
        read = model[1](written)
    return model, graph, data, inputs, labels, written, read


def images_of(model, example, number=24):
    """Random images for a network of the zoo, and labels that nothing here may look at."""
    random = torch.Generator().manual_seed(3)
    shape = (number, *example.shape[1:])
    return torch.randn(shape, generator=random, dtype=example.dtype), torch.arange(number) % 2


def cut_network(name, cut=0.4, groups="all", dtype=torch.float32):
    """A network of the zoo's graph, a plan that cuts it, and images."""
    model, example = ZOO[name]()
    model, example = model.to(dtype), example.to(dtype)
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=cut, measure="channels", groups=groups)
    return graph, plan, images_of(model, example)


def cut_pictures(name):
    """The same of a network that reads pictures; any other one is skipped."""
    try:
        found = cut_network(name)
    except ValueError as error:
        pytest.skip(str(error))
    if found[-1][0].dim() != 4:
        pytest.skip("data sets hold images")
    return found


from tests.zoo import blind, layers, masks, places, sharing  # noqa: E402, F401  (imported to be listed)
