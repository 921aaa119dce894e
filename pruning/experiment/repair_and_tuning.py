"""What follows the cut: repair, fine-tuning, rounding the weights."""

from dataclasses import replace

from pruning.cost import Plan
from pruning.experiment.loading import Loaded
from pruning.experiment.shared_steps import Alone, cut_key
from pruning.experiment.uploaded_files import located
from pruning.models.fill_weights import restore
from pruning.progress import Watch
from pruning.terms import plural
from pruning.train.training_state import Saved


def repair_cut(loaded: Loaded, small, plan: Plan, stages, clock, watch: Watch) -> list[str]:
    """Repairs the cut network in place, if the recipe wants it; returns messages. The repair is toward what
    the loaded network gives, also where training gates has changed the one that was cut."""
    if loaded.recipe.repair == "none":
        return []
    with clock.stage("repair"):
        shared = stages.shared
        again = shared.shares and loaded.recipe.repair in ("reconstruct", "match")
        messages = (_repair_again if again else _repair)(loaded, small, plan, watch, shared)
    stages.evaluate("repaired", small)
    return messages


def tune(
    loaded: Loaded,
    small,
    stages,
    clock,
    messages: list[str],
    watch: Watch,
    saved: Saved | None = None,
    stopped: bool = False,
) -> list[dict]:
    """Fine-tunes the cut network in place; returns the epochs. stopped: training its gates ended before its
    time, so there is no fine-tuning."""
    history: list[dict] = []
    epochs = loaded.recipe.tune_epochs
    if stopped and epochs:
        messages.append(
            f"Nothing was fine-tuned ({plural(epochs, 'epoch')} asked for), since training the gates was "
            "stopped."
        )
    elif epochs:
        with clock.stage("tune"):
            history = _tune(loaded, small, messages, watch, saved)
        stages.evaluate("tuned", small)
        if len(history) < epochs:
            messages.append(
                f"Fine-tuning was stopped, as asked, after {len(history)} of {plural(epochs, 'epoch')}."
            )
    return history


def must_run(small, example):
    """Sizes written into the user's code show only when the cut network runs."""
    import torch

    was_training = small.training
    try:
        with torch.no_grad():
            small.eval()(*example)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ValueError(
            f"the cut network does not run, since its code has literal sizes: {reason}"
        ) from error
    finally:
        small.train(was_training)


def must_reach_bits(loaded: Loaded, small):
    """Raises ValueError where the cut network's weights can't have the recipe's mean bits."""
    from pruning.quantize.rounding import within_reach
    from pruning.quantize.weights import layers_of
    from pruning.statistics.calibration_images import CalibrationImages

    recipe = loaded.recipe
    if recipe.bits is not None:
        images = CalibrationImages(small, loaded.data, 2, recipe.seed)
        within_reach(recipe.bits, recipe.bit_choices, layers_of(small, images)[0])


def rounded(loaded: Loaded, small, plan: Plan, stages, clock, messages: list[str], watch: Watch):
    """The network with its weights rounded to few bits, the plan that says so, and the weights' codes."""
    with clock.stage("quantize"):
        found = _quantized(loaded, small, watch)
    messages += found.messages
    stages.evaluate("quantized", found.model)
    return found.model, replace(plan, changes=(*plan.changes, found.change)), found.codes


def _repair_again(loaded: Loaded, small, plan: Plan, watch: Watch, shared: Alone) -> list[str]:
    """Block matching begins with the reconstruction that other recipes may have done already."""
    recipe = loaded.recipe

    def reconstructed():
        messages = _repair(loaded, small, plan, watch, shared, how="reconstruct")
        return {name: tensor.clone() for name, tensor in small.state_dict().items()}, messages

    key = (*cut_key(recipe, plan), recipe.calibration)
    state, messages = shared("reconstruct", key, reconstructed)
    restore(small, state)
    if recipe.repair == "match":
        messages = [*messages, *_repair(loaded, small, plan, watch, shared, how="match", reconstructed=True)]
    return messages


def _repair(loaded: Loaded, small, plan: Plan, watch: Watch, shared: Alone, how="", **given) -> list[str]:
    from pruning.reconstruction import repair

    recipe = loaded.recipe
    return repair(
        small,
        plan,
        loaded.model,
        loaded.data,
        how or recipe.repair,
        **given,
        calibration=recipe.calibration,
        seed=recipe.seed,
        match_steps=recipe.match_steps,
        watch=watch,
    )


def _quantized(loaded: Loaded, small, watch: Watch):
    from pruning.quantize.rounding import quantize

    recipe = loaded.recipe
    return quantize(
        small,
        loaded.data,
        bits=recipe.bits,
        choices=recipe.bit_choices,
        by=recipe.bits_by,
        epochs=recipe.bits_epochs,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        calibration=recipe.calibration,
        normalization=loaded.model.origin.normalization,
        device=recipe.device,
        watch=watch,
    )


def _teaching(loaded: Loaded):
    """The whole network as teacher, as the recipe wants it; None where it wants none."""
    from pruning.train import Teaching

    recipe = loaded.recipe
    if not recipe.distill:
        return None
    return Teaching(
        loaded.model,
        loaded.graph,
        temperature=recipe.distill_temperature,
        logits=recipe.distill_logits,
        features=recipe.distill_features,
        calibration=recipe.calibration,
        seed=recipe.seed,
    )


def _adversary(loaded: Loaded):
    """The discriminator of a network that is trained against one, where no teacher is asked for; else
    None."""
    from pruning.models.bundled_weights import bundled_file, discriminator_file
    from pruning.train.adversarial import kept_adversary, new_adversary

    recipe, classes = loaded.recipe, len(loaded.data.classes)
    if recipe.distill or not loaded.data.task.taught:
        return None
    if recipe.checkpoint == "none":  # it has learned nothing that would have to be kept
        return new_adversary(classes, loaded.data.size)
    own = located(recipe.checkpoint, "checkpoint") if recipe.checkpoint else None
    weights = discriminator_file(own or bundled_file(recipe.model, recipe.data))
    return kept_adversary(weights, classes, loaded.data.size)


def _tune(loaded: Loaded, small, messages: list[str], watch: Watch, saved: Saved | None) -> list[dict]:
    from pruning.train import fit, in_vain

    recipe, teach = loaded.recipe, _teaching(loaded)
    rows = fit(
        small,
        loaded.data,
        epochs=recipe.tune_epochs,
        lr=recipe.lr,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        normalization=loaded.model.origin.normalization,
        device=recipe.device,
        watch=watch,
        teach=teach,
        adversary=_adversary(loaded),
        saved=saved,
    )
    messages += [*(teach.messages if teach else []), *in_vain(rows)]
    return rows
