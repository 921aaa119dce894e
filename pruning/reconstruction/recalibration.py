"""Norm recalibration: batch norms' statistics are those of what now comes in."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from pruning.data import images_at_once
from pruning.models.module_modes import evaluating
from pruning.progress import Watch, between_layers, silent
from pruning.statistics.calibration_images import CalibrationImages

BATCH = 128  # images at a time, at most


def recalibrate(small: nn.Module, images: CalibrationImages, *, watch: Watch = silent) -> list[str]:
    """Re-estimates the batch norms' running statistics on the calibration images; changes `small`.

    Each norm's mean and variance become the average over batches of what its inputs now are. All other
    modules stay in evaluation mode. Returns messages; cancelled in the middle, the old statistics are put
    back.
    """
    norms = [m for m in small.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    norms = [norm for norm in norms if norm.track_running_stats]
    if not norms:
        return ["the network has no batch norm: nothing was recalibrated"]
    done = 0
    with _estimating(small, norms), torch.no_grad():
        for inputs, _ in images.batches(max(2, images_at_once(images.split.images, BATCH))):
            if len(inputs) > 1 or not done:  # a single left-over image has no variance of its own
                with between_layers(small, partial(watch, "repair", done, len(images))):
                    small(inputs)
            done += len(inputs)
            watch("repair", done, len(images))
    return []


@contextmanager
def _estimating(model: nn.Module, norms: list[nn.Module]) -> Iterator[None]:
    """Inside, only the norms train, with statistics begun anew; an exception puts the old ones back."""
    saved = [(norm.state_dict(), norm.momentum) for norm in norms]
    saved = [({name: t.clone() for name, t in state.items()}, momentum) for state, momentum in saved]
    try:
        with evaluating(model):
            for norm in norms:
                norm.reset_running_stats()
                norm.train()
                norm.momentum = None  # a plain average over all batches
            yield
    except BaseException:
        for norm, (state, _) in zip(norms, saved, strict=True):
            norm.load_state_dict(state)
        raise
    finally:
        for norm, (_, momentum) in zip(norms, saved, strict=True):
            norm.momentum = momentum
