"""Gates on a network: multiplied into the weights that read each channel, taken out again, or absorbed.

The network itself is never touched while it is trained: it runs with other weights in the place of its own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from pruning.allocation import made
from pruning.allocation.limits import cost_of
from pruning.channels.graph import ChannelGraph
from pruning.cost import Plan
from pruning.devices import of_network
from pruning.gates.held_norms import SettledNorms, held, norms_with_statistics
from pruning.gates.last_norms import PARTS, last_norms
from pruning.gates.placement import Placement, place
from pruning.models.module_modes import evaluating
from pruning.number_checks import positive
from pruning.terms import plural

SHUT = 1e-3  # a gate below it is set to exact zero, and stays there


class Gates:
    """A gate a channel, g = t^2 / (t^2 + eps), on every dense layer that reads it; depth-wise ones have none.

    graph: a ChannelGraph; its network is what is gated.   placement: options as `place` has them.   blocks: a
    gate for each residual branch as a whole, besides: on the scale and shift of the norm that ends it, where
    one does.   start: [channels] t / sqrt(eps) of each gate at first; 1 unless given.
    What multiplies a weight is g divided by what the gate would be had it never moved, so that neither
    putting gates in nor the falling eps alone changes an output.
    """

    def __init__(
        self,
        graph,
        *,
        blocks: bool = False,
        eps: float = 0.1,
        placement: Placement | None = None,
        start: np.ndarray | None = None,
        **where,
    ):
        if not isinstance(graph, ChannelGraph):
            raise ValueError(f"graph is a {type(graph).__name__}; give pruning.ChannelGraph(model, example)")
        self.model, self.graph = graph.model, graph
        self.placement = placement or place(graph, **where)
        device, _ = of_network(self.model)
        channels = len(self.placement.owner)
        self.blocks = self.placement.branches if blocks else ()
        positive(eps, "eps", "a number", 0.1)
        self.eps_start = self.eps = float(eps)
        self.start = np.ones(channels + len(self.blocks))  # t / sqrt(eps); t starts where g is a half
        if start is not None and np.shape(start) != (channels,):
            raise ValueError(
                f"start is {list(np.shape(start))}; give one number for each of {channels} gates"
            )
        self.start[:channels] = 1.0 if start is None else start
        self.scaled = self.start.copy()
        self.block_norms = [last_norms(graph, self._last(branch)) for branch in self.blocks]
        self.open = torch.ones(channels + len(self.blocks), device=device, requires_grad=True)
        self.block_of = self._block_of()
        self._block_at = torch.from_numpy(np.where(self.block_of < 0, 0, self.block_of) + channels).to(device)
        self._in_block = torch.from_numpy(self.block_of >= 0).to(device)
        self._readers = list(self._read_by(device))
        self._norms = norms_with_statistics(self.model)
        self.unheard = 0  # steps whose gradients were no finite numbers
        self.norms_held = False  # whether norms take their statistics as they are, in training too
        self._show()

    def __len__(self) -> int:
        """Gates, those of whole blocks included."""
        return len(self.scaled)

    # ------------------------------------------------------------------------------------ where they stand

    def _block_of(self) -> np.ndarray:
        """[channels]: which block's gate stands on a channel too, -1: none. It stands on the last group of
        its block, which is all that leaves it, unless on the norm behind it."""
        found = np.full(len(self.placement.owner), -1)
        for number, branch in enumerate(self.blocks):
            if not self.block_norms[number]:
                found[self.placement.starts[self._last(branch)]] = number
        return found

    def _last(self, branch: frozenset[int]) -> int:
        """The last group of a block: with it alone the whole block closes."""
        return max(g for g in branch if self.placement.closing([g]) == branch)

    @property
    def stands_for(self) -> list[np.ndarray]:
        """[blocks]: the gates of the channels that each block's own gate stands for."""
        starts = [self.placement.starts[self._last(branch)] for branch in self.blocks]
        return [np.arange(own.start, own.stop) for own in starts]

    @cached_property
    def fading(self) -> frozenset[int]:
        """Groups of the blocks that fade by the gate on their last norm, and close in no other way."""
        found = (b for b, norms in zip(self.blocks, self.block_norms, strict=True) if norms)
        return frozenset().union(*found)

    def _read_by(self, device) -> Iterator[tuple[str, int, torch.Tensor]]:
        """(weight, its dimension that reads, for each index there the gate; the last place is a gate of one
        that belongs to no channel)."""
        structure = self.placement.structure
        gate = np.full(int(structure.starts[-1]) + 1, len(self.placement.owner))
        for g, own in self.placement.starts.items():
            gate[structure.starts[g] : structure.starts[g + 1]] = np.arange(own.start, own.stop)
        for layer in structure.layers:
            places = structure.places.get(layer.weight, {}).get(layer.input) if layer.dense else None
            if places is not None and (gate[places] < len(self.placement.owner)).any():
                yield layer.weight, layer.input, torch.from_numpy(gate[places]).to(device)

    # ----------------------------------------------------------------------------------------- their values

    @property
    def frozen(self) -> np.ndarray:
        """[N + blocks]: t / sqrt(eps) of each gate had its t never moved."""
        return self.unmoved(self.eps)

    def unmoved(self, eps: float) -> np.ndarray:
        """The same at another eps."""
        return self.start * np.sqrt(self.eps_start / eps)

    @property
    def factors(self) -> np.ndarray:
        """[N + blocks]: what each gate multiplies, g over what it would be had it never moved; 0 where
        shut."""
        return _opened(self.scaled) / _opened(self.frozen)

    def set(self, scaled: np.ndarray, eps: float):
        """Moves the gates. scaled: t / sqrt(eps) of each."""
        self.scaled, self.eps = np.asarray(scaled, float), float(eps)
        self._show()

    @property
    def gradient(self) -> np.ndarray:
        """[N + blocks]: of the loss, by what each gate multiplies, as the last backward pass left it."""
        if self.open.grad is None:
            raise ValueError(
                "no loss has been passed back since the gates moved last; before each move, call backward() "
                "on the loss of what gates(images) gives"
            )
        return self.open.grad.cpu().double().numpy()

    def _show(self):
        with torch.no_grad():
            factors = torch.from_numpy(self.factors).to(self.open.dtype)  # a device may have no float64
            self.open.copy_(factors)
        self.open.grad = None

    def _effective(self) -> torch.Tensor:
        """[channels + 1]: a channel's own gate times its block's; the last is one."""
        channels = self.open[: len(self.placement.owner)]
        if self.blocks:
            channels = channels * torch.where(self._in_block, self.open[self._block_at], 1.0)
        return torch.cat([channels, channels.new_ones(1)])

    # -------------------------------------------------------------------------------- the network with them

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Every weight that reads gated channels, and every norm with a block's gate, with their gates;
        gradients flow to both."""
        own, effective = dict(self.model.named_parameters()), self._effective()
        found = {}
        for name, gate in self._normed():
            found[name] = own[name] * self.open[gate].to(own[name].dtype)
        for name, dimension, gate in self._readers:
            weight = found.get(name, own[name])
            shape = [1] * weight.dim()
            shape[dimension] = -1
            found[name] = weight * effective.to(weight.dtype)[gate].view(shape)
        return found

    def _normed(self) -> Iterator[tuple[str, int]]:
        """(scale or shift of a norm that ends a block, that block's gate)."""
        for gate, norms in enumerate(self.block_norms, len(self.placement.owner)):
            yield from ((f"{name}.{part}", gate) for name in norms for part in PARTS)

    def __call__(self, *inputs, **named):
        """The gated network's outputs."""
        with held(self._norms if self.norms_held else ()):
            return functional_call(self.model, dict(self.weights()), inputs, named)

    @contextmanager
    def inserted(self) -> Iterator[nn.Module]:
        """Inside, the network itself computes with its gates; every weight comes back bit by bit."""
        own = dict(self.model.named_parameters())
        changed = [name for name, *_ in (*self._readers, *self._normed())]
        saved = {name: own[name].detach().clone() for name in changed}
        try:
            self.absorb()
            yield self.model
        finally:
            with torch.no_grad():
                for name, values in saved.items():
                    own[name].copy_(values)

    def absorb(self):
        """Multiplies the gates into the weights for good."""
        own = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, values in self.weights().items():
                own[name].copy_(values)

    # -------------------------------------------------------------------------------------- closing, ending

    def settle_norms(self, images: torch.Tensor):
        """Norms that now hear a constant, since their block is closed, take it as their mean, and no spread.

        Their statistics would only slowly come to that, and until then a closed block would say something
        else in evaluation than in training. images: two or more, [N, C, H, W].
        """
        with self.inserted(), evaluating(self.model), torch.no_grad(), SettledNorms():
            self.model(images)

    def plan(self, cut: float | None = None) -> Plan:
        """The plan that cuts every channel whose gate is shut. cut: share of the measure that was asked
        for."""
        placement = self.placement
        structure, limits, kept = placement.structure, placement.limits, self.kept()
        cost = cost_of(structure, placement.measure, limits)
        lost = np.zeros_like(limits.sizes)
        for g, channels in kept.items():
            lost[g] = limits.sizes[g] - len(channels)
        share = 1 - cost.of(lost) / cost.whole if cut is None else cut
        found = made(structure, kept, placement.measure, share, cost, limits)
        if not self.unheard:
            return found
        steps = plural(self.unheard, "step")
        told = f"in {steps} no gradient of the loss was finite, so these said nothing of the gates"
        return replace(found, messages=(*found.messages, told))

    def kept(self) -> dict[int, np.ndarray]:
        """{group: channels whose gate is open}, ascending; of the gated groups."""
        return {g: np.flatnonzero(self.scaled[own] > 0) for g, own in self.placement.starts.items()}


def _opened(scaled):
    squared = np.square(scaled)
    return squared / (squared + 1)
