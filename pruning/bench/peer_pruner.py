"""Torch-Pruning at a budget: its pruner and criteria as its documentation has them, stopped at our count."""

import copy
import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from pruning.bench.accuracy import NEAR, WAYS
from pruning.experiment.loading import Loaded
from pruning.statistics.calibration_images import CalibrationImages
from pruning.terms import percent

BATCH = 64  # images a gradient of its Taylor criterion is averaged over, as in its benchmark of criteria
HALVINGS = 20  # of the ratio, at most
ONE_STEP = 0.02  # of the MACs, which no small step takes: so long nothing has to be counted
GRADIENTS_EVERY = 24  # small steps: 6 % of the channels, as in that benchmark


class Peer:
    """One criterion of Torch-Pruning on one network.

    looks: whether it looks at images, so that a cut depends on the seed.   macs_cut: the share of MACs that a
    network has lost; raises where it does not run."""

    def __init__(self, loaded: Loaded, criterion: str, macs_cut: Callable[[nn.Module], float]):
        self.loaded, self.criterion, self.macs_cut = loaded, criterion, macs_cut
        self.looks = criterion in ("taylor", "hessian")
        self.whole = copy.deepcopy(loaded.model)
        if self.looks:
            self.differentiate(self.whole)

    def cut(self, share: float, way: str, scope: str) -> nn.Module:
        """The network with `share` of its MACs gone, as near as its pruner comes. Raises what it raises."""
        settings = dict(WAYS[way])
        if "iterative_steps" in settings:
            return self.in_steps(share, settings, scope)
        return self.at_once(share, settings, scope)

    def at_once(self, share: float, settings: dict, scope: str) -> nn.Module:
        """One step; the ratio is bisected. One at which the network breaks counts as too high."""
        low, high, nearest, best, broken = 0.0, 1.0, math.inf, None, None
        for _ in range(HALVINGS):
            ratio, network = (low + high) / 2, self.copied()
            try:
                self.pruner(network, scope, pruning_ratio=ratio, **settings).step()
                miss = self.macs_cut(network) - share
            except Exception as error:
                broken, high = error, ratio
                continue
            if abs(miss) < nearest:
                nearest, best = abs(miss), network
            if nearest <= NEAR:
                return best
            low, high = (ratio, high) if miss < 0 else (low, ratio)
        if broken is not None:
            raise broken
        return best  # channels are few: its nearest, and the table says how near

    def in_steps(self, share: float, settings: dict, scope: str) -> nn.Module:
        """Small steps towards ratio 1 until the budget is met; of the last two networks the nearer one."""
        network = self.copied()
        pruner, lost, counted = self.pruner(network, scope, pruning_ratio=1.0, **settings), 0.0, 0
        for step in range(1, settings["iterative_steps"] + 1):
            if self.looks and step % GRADIENTS_EVERY == 0:
                self.differentiate(network)
            if step - counted < (share - lost) / ONE_STEP:
                pruner.step()
                continue
            before, lost_before = copy.deepcopy(network), lost
            pruner.step()
            counted, lost = step, self.macs_cut(network)
            if lost >= share:
                return network if lost - share < share - lost_before else before
        raise ValueError(f"all its steps take {percent(lost)} of the MACs")

    def pruner(self, network: nn.Module, scope: str, **settings):
        import torch_pruning

        known = torch_pruning.importance
        importance = {
            "l1": lambda: known.MagnitudeImportance(p=1),
            "l2": lambda: known.MagnitudeImportance(p=2),
            "lamp": known.LAMPImportance,
            "taylor": known.TaylorImportance,
            "hessian": known.HessianImportance,
        }[self.criterion]()
        return torch_pruning.pruner.BasePruner(
            network,
            tuple(self.loaded.graph.example),
            importance,
            ignored_layers=self.ignored(network, scope),
            # its defaults are dicts that all pruners of a process share, and keep every network seen alive
            in_channel_groups={},
            out_channel_groups={},
            num_heads={},
            **settings,
        )

    def ignored(self, network: nn.Module, scope: str) -> list[nn.Module]:
        """The classifier, as its README asks; inside blocks only: the layers that write residual streams."""
        classes, modules = len(self.loaded.data.classes), dict(network.named_modules())
        outputs = [m for m in modules.values() if getattr(m, "out_features", None) == classes]
        groups = self.loaded.graph.structure.groups if scope == "inner" else ()
        return outputs + [modules[name] for g in groups if not g.inner for name in g.layers]

    def copied(self) -> nn.Module:
        """A copy of the whole network, with its gradients."""
        network = copy.deepcopy(self.whole)
        for new, old in zip(network.parameters(), self.whole.parameters(), strict=True):
            new.requires_grad_(True)
            new.grad = None if old.grad is None else old.grad.clone()
        return network

    def differentiate(self, network: nn.Module):
        """Leaves in each parameter's grad what the criterion reads there, over the calibration images.

        taylor: the sum of the batches' gradients.   hessian: the mean squared gradient of single images. Its
        own accumulate_grad (1.6.1) looks for names among parameters and so keeps the last image alone."""
        recipe, parameters = self.loaded.recipe, [p.requires_grad_(True) for p in network.parameters()]
        images = CalibrationImages(network, self.loaded.data, recipe.calibration, recipe.seed)
        sums = [torch.zeros_like(p) for p in parameters]
        power, size = (2, 1) if self.criterion == "hessian" else (1, BATCH)
        for inputs, labels in images.batches(size):
            loss = F.cross_entropy(network(inputs), labels)
            found = torch.autograd.grad(loss, parameters, allow_unused=True)
            for total, gradient in zip(sums, found, strict=True):
                if gradient is not None:
                    total += gradient**power
        for parameter, total in zip(parameters, sums, strict=True):
            parameter.grad = total / len(images) if power == 2 else total
