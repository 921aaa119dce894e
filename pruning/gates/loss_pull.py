"""How the loss pulls gates: by what each is worth to it, or by its signed gradient.

A channel's worth is the mean over parts of a batch of the squared g x dL/dg: to first order, by how much the
loss of a few images changes where the channel goes. The signed mean says that of the loss of all images,
whose gradient is next to nothing in a trained network; what is left of it is noise. [Our reading.]
"""

from collections.abc import Sequence

import numpy as np

MEMORY = 0.9  # what a mean of signed gradients keeps at a step; that of squares is over all steps


def finite_parts(gradient: np.ndarray) -> np.ndarray:
    """[parts, N] without parts that overflowed, as the first ones under a scaled loss (AMP) do: one of them
    would stay in every mean."""
    return gradient[np.isfinite(gradient).all(axis=1)]


class ByWorth:
    """Each gate is pulled open, the more the more it is worth among those of its group.

    groups: where each group's gates stand.   blocks: [B] arrays, the gates of the channels that each block's
    own gate stands for; these gates come after all others.
    """

    listens = (
        0.1  # share of the steps in which it is heard before gates move: what they do first lasts longest
    )
    holds_norms = True  # over a norm that follows the batch, the sum of g x dL/dg is zero

    def __init__(self, groups: Sequence[slice], blocks: Sequence[np.ndarray]):
        self.groups, self.blocks = list(groups), list(blocks)
        self.channels = max(own.stop for own in self.groups)
        self.squares, self.heard = np.zeros(self.channels + len(self.blocks)), 0
        self.price = np.ones(len(self.squares))  # a block's worth is told per channel, and so is its price

    def hear(self, gradient: np.ndarray, factors: np.ndarray):
        """gradient: [parts, N] of the loss, by what each gate multiplies; parts that are no finite numbers
        say nothing.   factors: [N], that."""
        if not len(gradient := finite_parts(gradient)):
            return
        self.heard += 1
        found = np.square(gradient * factors).mean(axis=0)
        self.squares = self.squares + (found - self.squares) / self.heard

    @property
    def worth(self) -> np.ndarray:
        """[N], 0 or more: in units of the mean of its group; a block's in units of what its channels are
        worth one by one. 1 where all of that is nothing."""
        found = np.ones(len(self.squares))
        for own in self.groups:
            if (mean := self.squares[own].mean()) > 0:
                found[own] = self.squares[own] / mean
        for number, inside in enumerate(self.blocks, self.channels):
            if (whole := self.squares[inside].sum()) > 0:
                found[number] = self.squares[number] / whole
        return found

    def pull(self, steep: np.ndarray, alive: np.ndarray) -> np.ndarray:
        """[N]: of a typical gate as large as its slope. steep: dg / ds.   alive: gates that can move."""
        return self.worth * steep

    def arrays(self) -> dict[str, np.ndarray]:
        return {"squares": self.squares, "heard": np.array(self.heard)}

    def go_on(self, arrays: dict[str, np.ndarray]):
        self.squares, self.heard = arrays["squares"].copy(), int(arrays["heard"])


class BySign:
    """Each gate is pulled where the mean gradient points, in units of the root mean square over all."""

    listens = 0.0
    holds_norms = False

    def __init__(self, groups: Sequence[slice], blocks: Sequence[np.ndarray]):
        channels = max(own.stop for own in groups)
        self.mean = np.zeros(channels + len(blocks))
        # a block's gate feels the loss of all its channels, and the price of all
        self.price = np.array([1.0] * channels + [float(len(inside)) for inside in blocks])

    def hear(self, gradient: np.ndarray, factors: np.ndarray):
        if len(gradient := finite_parts(gradient)):
            self.mean = MEMORY * self.mean + (1 - MEMORY) * gradient.mean(axis=0)

    def pull(self, steep: np.ndarray, alive: np.ndarray) -> np.ndarray:
        pull = -self.mean * steep
        size = np.sqrt(np.mean(np.square(pull[alive]))) if alive.any() else 0.0
        return pull / size if size > 0 else 0 * pull

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean}

    def go_on(self, arrays: dict[str, np.ndarray]):
        self.mean = arrays["mean"].copy()


PULLS: dict[str, type[ByWorth] | type[BySign]] = {"worth": ByWorth, "signed": BySign}
