"""What else the same epochs, or the same computation, would have bought: the controls beside a recipe."""

from typing import Any

from pruning.cost import Plan
from pruning.experiment.duration import Pace, images_of, steps_of
from pruning.experiment.planning import planned, scores_of
from pruning.experiment.recipe import Recipe
from pruning.experiment.report import report_of
from pruning.experiment.run import Result, loaded_by
from pruning.experiment.shared_steps import Alone, scores_key
from pruning.experiment.stages import Clock, Stages
from pruning.progress import Watch, silent
from pruning.runs.product import NARROW, SAME_COMPUTE
from pruning.train.from_scratch import rate_of_new_weights
from pruning.train.schedule import batches_of

MEASURING = ("time", "evaluate", "latency")  # steps of a run that make no network better


def narrower(recipe: Recipe) -> Recipe:
    """The recipe whose widths the uniformly narrower network has: the same share of every group."""
    return recipe.but(
        criterion="l1", allocation="uniform", repair="none", cut_group=(), epochs=0, distill=False
    )


def epochs_of(recipe: Recipe, control: str, dataset) -> int:
    """How long a control is trained: as many epochs as the recipe, or as much computation as all of its steps
    took, counted in passes of the network."""
    if SAME_COMPUTE not in control:
        return max(1, recipe.epochs)
    pace = Pace(1.0, None, images_of(dataset))
    steps = steps_of(recipe, pace)
    spent = sum(passes for step, passes in steps.items() if not step.startswith(MEASURING))
    return max(1, round(spent / steps_of(narrower(recipe).but(epochs=1), pace)["tune"]))


def run_control(
    recipe: Recipe,
    control: str,
    plan: Plan | None = None,
    watch: Watch = silent,
    shared: Alone = Alone(),  # noqa: B008 (without state)
) -> Result:
    """Trains a network from new weights, of the widths that the recipe's `plan` has, or narrowed evenly to
    the same budget.

    The report is that of a run: `cut` is the untrained network, `tuned` the trained one. plan: of the
    recipe's own run; not needed for the narrower network. Raises ValueError where the recipe can't be
    loaded."""
    from pruning.surgery import cut
    from pruning.train import fit

    clock = Clock(watch)
    told = clock.left
    own = narrower(recipe) if control.startswith(NARROW) else recipe.but(bits=None, bits_epochs=0)
    loaded, messages = loaded_by(own, clock, None, told, shared)
    stages = Stages(loaded, told, shared)
    if control.startswith(NARROW) or plan is None:
        scores = shared("scores", scores_key(loaded.recipe), lambda: scores_of(loaded, told))
        plan = planned(loaded.recipe, loaded.graph, scores, loaded.data, told, table=loaded.table)
    stages.evaluate("baseline", loaded.model)
    small = new_weights(cut(loaded.model, plan), recipe.seed)
    stages.evaluate("cut", small)
    epochs = epochs_of(recipe, control, loaded.data)
    with clock.stage("tune"):
        history = fit(small, loaded.data, **training_of(loaded, recipe, epochs), watch=told)
    stages.evaluate("tuned", small)
    told.begin("time")
    report = report_of(loaded, small, plan, stages, clock, None, messages, told)
    report["looked_at"] = trained_on(loaded, epochs)
    report |= {"control": {"kind": control, "epochs": epochs}, "history": [*history], "gate_history": []}
    return Result(loaded.recipe, small, plan, report, stages.predictions(), tuple(history))


def training_of(loaded, recipe: Recipe, epochs: int) -> dict[str, Any]:
    """How new weights are trained, as `fit` takes it: as `train` does."""
    how: dict[str, Any] = {"epochs": epochs, "normalization": loaded.model.origin.normalization}
    how |= {"batch_size": recipe.batch_size, "seed": recipe.seed, "device": recipe.device}
    if loaded.data.task.taught:
        from pruning.train.adversarial import new_adversary

        how["adversary"] = new_adversary(len(loaded.data.classes), loaded.data.size)
    return how | {"lr": rate_of_new_weights(loaded.data), "schedule": "one-cycle"}


def trained_on(loaded, epochs: int) -> dict[str, int]:
    images = len(loaded.data.train)
    steps = epochs * batches_of(images, loaded.recipe.batch_size)
    return {"images": images, "labels": images, "gradient_steps": steps}


def new_weights(model, seed: int):
    """The network with its weights as PyTorch initialises them, in place; the caller's random state stays."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if hasattr(module, "reset_parameters") and all(p.numel() for p in module.parameters()):
                module.reset_parameters()
    return model
