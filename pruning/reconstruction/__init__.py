"""Repair: what brings a cut network back without training on labels.

`recalibrate` re-estimates norms; `transport` and `merge` give the weights of channels that go to those that
stay, one heir each or a least-squares combination; `reconstruct` refits every layer that reads what was cut;
`match` then moves all weights until the network's blocks give what the whole network's give.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pruning.error_messages import choose
from pruning.models.fill_weights import restore
from pruning.number_checks import of_python, whole
from pruning.progress import Watch, silent
from pruning.reconstruction.recalibration import recalibrate
from pruning.terms import MERGING

if TYPE_CHECKING:
    from torch import nn

    from pruning.cost import Plan
    from pruning.reconstruction.channel_moments import ChannelMoments

__all__ = ["REPAIRS", "recalibrate", "repair"]

REPAIRS = ("recalibrate", "transport", "merge", "reconstruct", "match")


def repair(
    small: "nn.Module",
    plan: "Plan",
    model: "nn.Module",
    data,
    how: str = "recalibrate",
    *,
    calibration: int = 1000,
    seed: int = 0,
    match_steps: int = 200,
    reconstructed: bool = False,
    moments: "Mapping[str, ChannelMoments] | None" = None,
    watch: Watch = silent,
) -> list[str]:
    """Repairs a cut network in place from unlabelled training images; returns messages.

    small: what `cut(model, plan)` gave; changed.   model: the whole network, not changed.   data: a Dataset,
    its name or path, or a tuple of normalised tensors.   how: one of REPAIRS.   match_steps: of gradient
    descent, for match.   reconstructed: for match, that it was done before.   moments: for transport and
    merge, what `merging.moments_of` gives, where it is known. Cancelled by its watch, the network is as it
    was. Raises ValueError for another `how`, and where the images are none for this network.
    """
    from pruning.statistics.calibration_images import CalibrationImages
    from pruning.surgery import must_be_its_cut

    choose(how, REPAIRS, "repair")
    whole(of_python(match_steps), "match_steps", 1)
    must_be_its_cut(small, plan, model)
    images = CalibrationImages(small, data, calibration, seed)
    if how == "recalibrate":
        return recalibrate(small, images, watch=watch)
    if how in MERGING:
        from pruning.reconstruction.merging import merge

        given: dict[str, Any] = {"heirs": how == "transport", "known": moments, "watch": watch}
        return _as_it_was_unless_done(small, lambda: merge(small, plan, model, images, **given))
    asked = (how, match_steps, reconstructed, watch)
    return _as_it_was_unless_done(small, lambda: _by_blocks(small, plan, model, images, *asked))


def _by_blocks(small, plan, model, images, how: str, steps: int, done: bool, watch: Watch) -> list[str]:
    """One step after the other, and what images set aside say of each; the best is kept."""
    from pruning.reconstruction.best_step import BestStep

    best, messages = BestStep(small, model, images), []
    if not done:
        messages += _reconstruct(small, plan, model, images, best, watch)
    best.look("reconstructed", watch)
    if how == "match":
        from pruning.reconstruction.matching import match

        best.put_back()
        messages += match(small, plan, model, images, steps=steps, watch=watch)
        best.look("matched", watch)
    return [*messages, *best.put_back()]


def _reconstruct(small, plan, model, images, best, watch: Watch) -> list[str]:
    """After a look at what recalibration alone would give."""
    from pruning.reconstruction.refit import reconstruct

    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    if best.number:
        best.look("cut", watch)
        if not recalibrate(small, images, watch=watch):
            best.look("recalibrated", watch)
        restore(small, before)
    return reconstruct(small, plan, model, images, watch=watch)


def _as_it_was_unless_done(small: "nn.Module", work: Callable[[], list[str]]) -> list[str]:
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    try:
        return work()
    except BaseException:
        restore(small, before)
        raise
