"""A cut network repaired without labels against the same one fine-tuned with them."""

from dataclasses import dataclass

from pruning.experiment.recipe import Recipe
from pruning.experiment.run import run
from pruning.experiment.shared_steps import SharedSteps
from pruning.inspection.saved_run import of_stage
from pruning.progress import Watch, silent
from pruning.tasks import TASKS, Difference


@dataclass(frozen=True, eq=False)
class RepairAgainstTuning:
    """The task's metric on the test images of the full network, as cut, repaired and fine-tuned; and what was
    looked at for it: images of the repair, labels and gradient steps of the fine-tuning.

    lead: by how much the repaired one leads the fine-tuned one."""

    full: float
    cut: float
    repaired: float
    tuned: float
    images: int
    labels: int
    steps: int
    lead: Difference


def repaired_and_tuned(recipe: Recipe, watch: Watch = silent) -> RepairAgainstTuning:
    """Runs the recipe twice: with its repair and no epochs, and with its epochs and no repair.

    Raises ValueError for a recipe that lacks one of them."""
    if recipe.repair == "none" or not recipe.epochs:
        raise ValueError("give a recipe with a repair and at least one epoch, to compare one with the other")
    shared = SharedSteps()  # the network, its scores and its answers on the test images
    repaired = run(recipe.but(epochs=0), watch, shared=shared)
    tuned = run(recipe.but(repair="none"), watch, shared=shared)
    values, labels = repaired.report["values"], repaired.predictions["labels"]
    said = [of_stage(repaired.predictions, "repaired")], [of_stage(tuned.predictions, "tuned")]
    return RepairAgainstTuning(
        full=values["baseline"],
        cut=values["cut"],
        repaired=values["repaired"],
        tuned=tuned.report["values"]["tuned"],
        images=repaired.report["looked_at"]["images"],
        labels=tuned.report["looked_at"]["labels"],
        steps=tuned.report["looked_at"]["gradient_steps"],
        lead=TASKS[repaired.report["task"]].difference(*said, labels),
    )
