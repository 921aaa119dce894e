"""Networks drawn at random: graphs of convolutions, norms, sums, concatenations, chunks and pools."""

import torch
import torch.nn.functional as F
from hypothesis import strategies
from torch import nn

KINDS = (
    "conv",
    "conv",
    "depthwise",
    "grouped",
    "norm",
    "add",
    "cat",
    "chunk",
    "pool",
    "scale",
    "gate",
    "relu",
    "stack",
    "attend",
    "shift",
    "view",
    "blur",
    "extreme",
)
step = strategies.tuples(
    strategies.sampled_from(KINDS), strategies.integers(0, 99), strategies.integers(0, 99)
)
programs = strategies.lists(step, min_size=1, max_size=30)


class Generated(nn.Module):
    """Runs a program. A step is (kind, number, number): what is done, to which earlier result, how wide."""

    def __init__(self, program: list[tuple[str, int, int]]):
        super().__init__()
        self.steps, self.parts = [], nn.ModuleList()
        widths = [self._part(nn.Conv2d(3, 8, 3, padding=1), 8, "conv", (-1,))]
        for kind, which, wide in program:
            self._plan(kind, which % len(widths), wide, widths)
        self._part(nn.Conv2d(widths[-1], 4, 1), 4, "conv", (len(widths) - 1,))

    def _part(self, part: nn.Module, width: int, kind: str, sources: tuple[int, ...]) -> int:
        self.parts.append(part)
        self.steps.append((kind, sources))
        return width

    def _plan(self, kind: str, source: int, wide: int, widths: list[int]):
        """Adds one step where it fits the widths that there are; else a convolution that makes it fit."""
        width, outputs = widths[source], 2 + 2 * (wide % 7)
        last = len(widths) - 1
        if kind in ("add", "stack") and widths[last] != width:
            kind, outputs, source = "conv", width, last
        if kind == "grouped" and width % 2 or kind == "chunk" and (width % 2 or width < 4):
            kind = "conv"
        make = {
            "conv": lambda: (
                nn.Conv2d(width if source != last else widths[last], outputs, 3, padding=1),
                outputs,
            ),
            "depthwise": lambda: (nn.Conv2d(width, width, 3, padding=1, groups=width), width),
            "grouped": lambda: (nn.Conv2d(width, outputs, 3, padding=1, groups=2), outputs),
            "norm": lambda: (nn.BatchNorm2d(width), width),
            "scale": lambda: (Scale(width), width),
            "gate": lambda: (Gate(width), width),
            "relu": lambda: (nn.ReLU(), width),
            "pool": lambda: (nn.AvgPool2d(3, 1, 1), width),
            "blur": lambda: (Blur(width), width),
            **dict.fromkeys(("add", "stack", *OVER_PLACES), lambda: (nn.Identity(), width)),
            "cat": lambda: (nn.Identity(), width + widths[last]),
            "chunk": lambda: (nn.Identity(), width // 2),
        }
        part, result = make[kind]()
        sources = (source, last) if kind in ("add", "cat", "stack") else (source,)
        widths.append(self._part(part, result, kind, sources))

    def forward(self, x):
        results = []
        for (kind, sources), part in zip(self.steps, self.parts, strict=True):
            inputs = [x if source < 0 else results[source] for source in sources]
            if kind == "cat":
                results.append(torch.cat(inputs, 1))
            elif kind == "add":
                results.append(inputs[0] + inputs[1])
            elif kind == "stack":
                both = torch.stack(inputs, 1)
                results.append((both * both.mean((3, 4), keepdim=True).softmax(1)).sum(1))
            elif kind in OVER_PLACES:
                results.append(OVER_PLACES[kind](inputs[0]))
            elif kind == "chunk":
                one, other = inputs[0].chunk(2, 1)
                results.append(one * torch.sigmoid(other))
            else:
                results.append(part(inputs[0]))
        return results[-1]


def _shifted(x):
    """Moved down by one place, into an allocated map, and blank at its border."""
    moved = x.new_zeros(x.shape)
    moved[:, :, 1:] = x[:, :, :-1]
    moved[..., 0] = 0.5
    return moved


def _viewed(x):
    x = x.clone()
    x.flatten(2)[..., ::3].mul_(2)
    x.select(3, 1).zero_()
    return x


OVER_PLACES = {
    "attend": lambda x: x * x.flatten(2).softmax(2).view_as(x),
    "shift": _shifted,
    "view": _viewed,
    "extreme": lambda x: torch.logaddexp(x, x.amax(3, keepdim=True)) - x.max(2, keepdim=True)[0],
}


class Blur(nn.Module):
    """A fixed kernel for every channel, held by a buffer."""

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("kernel", torch.rand(width, 1, 3, 3))

    def forward(self, x):
        return F.conv2d(x, self.kernel, padding=1, groups=len(self.kernel))


class Scale(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(width, 1, 1) + 0.5)

    def forward(self, x):
        return x * self.scale


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, width: int):
        super().__init__()
        self.ask, self.answer = nn.Conv2d(width, 2, 1), nn.Conv2d(2, width, 1)

    def forward(self, x):
        return x * self.answer(F.relu(self.ask(x.mean((2, 3), keepdim=True)))).sigmoid()
