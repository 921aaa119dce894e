"""StarGAN (Choi and others, 2018): one generator for all domains, and the discriminator that it learns from.

The generator is CPOT's: 64 to 256 channels and six residual blocks between two convolutions of stride 2 and
two transposed ones. Two things differ from the published code, and neither changes its arithmetic: the domain
that is asked for comes with the picture, as further channels of one input, and instance norms keep no running
statistics, so that one picture is translated alike whatever mode the network is in.
"""

import torch
from torch import Tensor, nn

PUBLISHED_SIZE = 128  # pixels a side
SLOPE = 0.01  # of the discriminator's leaky activations


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, each normed, added to what came in."""

    def __init__(self, channels: int):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm(channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.main(maps)


class Generator(nn.Module):
    """Pictures [N, 3, H, W] and the domain asked for, as [N, D, H, W] behind their channels or as one-hot
    [N, D] beside them -> pictures [N, 3, H, W], -1 to 1.

    width: channels of the first layer; twice and four times as many behind it.   blocks: residual blocks.
    H and W are multiples of 4."""

    def __init__(self, domains: int = 5, width: int = 64, blocks: int = 6, in_channels: int = 3):
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels + domains, width, 7, padding=3, bias=False),
            norm(width),
            nn.ReLU(inplace=True),
        ]
        for channels in (width, 2 * width):
            layers += [
                nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False),
                norm(2 * channels),
                nn.ReLU(inplace=True),
            ]
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False),
                norm(channels // 2),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.Conv2d(width, in_channels, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)
        self.input_channels = in_channels + domains

    def forward(self, pictures: Tensor, domains: Tensor | None = None) -> Tensor:
        if domains is not None:
            maps = domains[:, :, None, None].expand(-1, -1, pictures.shape[2], pictures.shape[3])
            pictures = torch.cat([pictures, maps.to(pictures)], dim=1)
        return self.main(pictures)


class Discriminator(nn.Module):
    """Pictures [N, 3, S, S] -> how real each of their patches looks [N, 1, s, s], and logits of their domains
    [N, D].

    size: S, side of the pictures in pixels, a multiple of 2 to the power of `depth`.   width: channels of the
    first layer, doubled in each of the `depth` that follow one another with stride 2."""

    def __init__(self, size: int = 128, domains: int = 5, width: int = 64, depth: int = 6):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for nth in range(depth):
            layers += [nn.Conv2d(channels, width << nth, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
            channels = width << nth
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(channels, 1, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, domains, size >> depth, bias=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.main(pictures)
        return self.conv1(maps), self.conv2(maps).flatten(1)


def discriminator_for(size: int, domains: int) -> Discriminator:
    """As published from 128 pixels on; narrower and of fewer layers for small pictures. Newly initialised,
    the same at every call."""
    narrow = size < PUBLISHED_SIZE
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Discriminator(size, domains, 24 if narrow else 64, max(2, size.bit_length() - 2))


def norm(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=False)
