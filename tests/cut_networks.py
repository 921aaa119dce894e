"""Cut networks of the kinds that are hard to trace and to export."""

import torch
from torch import nn

import pruning
from pruning.gates import Gates


def cut_everywhere(model: nn.Module, example, cut: float = 0.5, **options) -> nn.Module:
    """By L1 norms, residual streams with the rest."""
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=cut, groups="all", **options)
    return pruning.cut(model, plan).eval()


def with_closed_blocks(model: nn.Module, example, blocks: int = 2) -> nn.Module:
    """As gates leave it: some residual branches have no channels any more. Raises ValueError without any."""
    gates = Gates(pruning.ChannelGraph(model, example), blocks=True)
    if not gates.placement.branches:
        raise ValueError("the network has no residual branch that may close")
    scaled = torch.ones(len(gates), dtype=torch.float64).numpy()
    for branch in gates.placement.branches[:blocks]:
        for group in branch:
            scaled[gates.placement.starts[group]] = 0
    gates.set(scaled, 0.01)
    return pruning.cut(model, gates.plan()).eval()
