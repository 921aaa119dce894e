"""What a recipe may not be: wrong values when it is made, and settings that would do nothing when it is run.
Each is a ValueError of one sentence that says what would be right."""

from collections.abc import Iterable

from pruning.allocation import must_close_blocks
from pruning.error_messages import choose
from pruning.experiment.defaults import UNMATCHED_STEPS
from pruning.experiment.dependent_defaults import idle
from pruning.experiment.recipe_fields import RecipeFields
from pruning.models.checkpoint import SIDES
from pruning.number_checks import brief, positive, share, whole
from pruning.tasks import TASKS
from pruning.terms import ALLOCATIONS, MERGING, REPAIRS

LEAST = {"min_channels": 1, "round_to": 1, "epochs": 0, "batch_size": 1, "seed": 0, "calibration": 2}
LEAST |= {"threads": 1, "search_images": 1, "search_every": 0, "bits_epochs": 0, "match_steps": 1}
# Beyond all that anybody asks for. Random numbers of torch take seeds of 64 bits; each thread has a stack.
LARGEST, MOST = 10**9, {"seed": 2**63 - 1, "threads": 1024, "batch_size": 2**20}
LETTERS = 4096  # of a name or a path
TEXTS = {"checkpoint": "a file of weights, or none", "latency": "a latency.json that run wrote"}
TEXTS |= {"code": "what run has written there"}
TRAINED = ("gates", "uniform", "global")  # allocations that run no network to find widths


def check(recipe: RecipeFields) -> None:
    """Every field by itself, and what belongs together."""
    _check_numbers(recipe)
    _check_classes_and_bits(recipe)
    _check_gates(recipe)
    _check_shares(recipe)
    must_close_blocks(recipe.allocation, recipe.blocks)
    if recipe.blocks and recipe.search_every:
        raise ValueError(
            "search_every scores the network as cut so far, where a closed block has no channels to score; "
            "give search_every=0 with blocks"
        )


def _check_numbers(recipe: RecipeFields) -> None:
    for name in ("model", "data", "device"):
        _must_be_text(getattr(recipe, name), name, "a name")
    for name in TEXTS:
        if getattr(recipe, name) is not None:
            _must_be_text(getattr(recipe, name), name, TEXTS[name])
    if recipe.task is not None:
        choose(recipe.task, TASKS, "task")
    share(recipe.cut, "cut")
    share(recipe.max_cut_per_group, "max_cut_per_group", least=0.0, most=1.0)
    for name, value in recipe.cut_group:
        share(value, f"cut_group of {name}")
    for name, least in LEAST.items():
        whole(getattr(recipe, name), name, least, MOST.get(name, LARGEST))
    if recipe.size is not None:
        whole(recipe.size, "size", *SIDES)
    positive(recipe.lr, "lr", "a learning rate", 0.05)
    positive(recipe.search_temperature, "search_temperature", "a temperature", 4, most=100)
    positive(recipe.distill_temperature, "distill_temperature", "a temperature", 4, most=100)
    for name in ("distill_logits", "distill_features"):
        share(getattr(recipe, name), name, most=1000)
    for name in ("distill", "blocks"):
        if not isinstance(getattr(recipe, name), bool):
            raise ValueError(f"{name} is {brief(getattr(recipe, name))}; give true or false")


def _must_be_text(value, name: str, right: str) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {brief(value)}; give {right}")
    if len(value) > LETTERS or "\0" in value:
        raise ValueError(f"{name} is {brief(value)}, which is no name; give {right}")


def _check_classes_and_bits(recipe: RecipeFields) -> None:
    if len(recipe.subtask) == 1:
        raise ValueError(f"subtask is one class only, {recipe.subtask[0]}; give two or more, such as 3 5 8")
    if not recipe.bit_choices or not set(recipe.bit_choices) <= set(range(1, 9)):
        raise ValueError("bit_choices are bit-widths from 1 to 8, such as 2 4 8")
    if recipe.bits is not None:
        positive(recipe.bits, "bits", "mean bits per weight", 4, most=8)


def _check_shares(recipe: RecipeFields) -> None:
    """A group's own pruning ratio: one, and of a group that may be cut at all."""
    named = [name for name, _ in recipe.cut_group]
    for name, value in recipe.cut_group:
        if named.count(name) > 1:
            raise ValueError(f"cut_group names {brief(name)} twice; give one ratio for each group")
        if name in recipe.protect:
            raise ValueError(
                f"a group that is protected has no ratio of its own, and {brief(name)} has {value:g}; leave "
                "it out of protect or of cut_group"
            )


def _check_gates(recipe: RecipeFields) -> None:
    name, gates = recipe.criterion, recipe.gate_epochs
    if not recipe.trained:
        if recipe.allocation == "gates":
            raise ValueError(
                f"{name} trains no gates, so there are no open gates to allocate by; give criterion=gdp"
            )
        if gates is not None:
            raise ValueError(f"{name} trains no gates, so gate_epochs does nothing; leave it out")
        return
    if recipe.allocation not in TRAINED:
        raise ValueError(
            f"the allocation by {ALLOCATIONS[recipe.allocation].title} measures the network before "
            f"{name} has trained it; "
            "give allocation=gates, uniform or global"
        )
    whole(gates, "gate_epochs", 1 if recipe.epochs else 0)
    if gates > recipe.epochs:
        raise ValueError(f"gate_epochs is {gates}, more than epochs, {recipe.epochs}; give fewer")


def must_mean_something(recipe: RecipeFields) -> None:
    """A setting that would do nothing is an error: the person expects something of it."""
    if recipe.distill and not recipe.tune_epochs:
        none = "all of its epochs train gates" if recipe.epochs else "epochs is 0"
        raise ValueError(f"distillation is part of fine-tuning, and {none}; give epochs={recipe.epochs + 1}")
    if recipe.bits_epochs and recipe.bits is None:
        raise ValueError("bits_epochs is quantization-aware training, and bits is not given; give bits=4")
    if recipe.latency is not None and recipe.measure != "latency":
        raise ValueError(
            f"latency names measured times, and measure is {recipe.measure}; give measure=latency"
        )
    if recipe.runtime != "torch" and recipe.measure != "latency":
        raise ValueError(
            f"runtime says where times are measured, and measure is {recipe.measure}; give measure=latency"
        )
    if recipe.repair != "match" and recipe.match_steps != UNMATCHED_STEPS:
        raise ValueError(
            f"match_steps are steps of {REPAIRS['match'].title}, and repair is {recipe.repair}; give "
            "repair=match"
        )
    if recipe.trained:
        must_train(recipe)


def must_be_heard(recipe: RecipeFields, typed: Iterable[str]) -> None:
    """Raises ValueError for a setting that somebody has typed and that has no say beside the others. On a
    page it may wait there until it has one."""
    must_mean_something(recipe)
    without_say = idle(recipe)
    for name in typed:
        if name in without_say:
            raise ValueError(f"{name} does nothing here; leave it out, or give {without_say[name]}")


def must_train(recipe: RecipeFields) -> None:
    """What training gates cannot do without, and cannot do."""
    if not recipe.epochs:
        raise ValueError(
            f"criterion {recipe.criterion} trains gates, and epochs is 0; give 1 or more, such as epochs=10"
        )
    if recipe.measure == "latency":
        raise ValueError(
            f"training gates for {recipe.criterion} needs a measure that falls with every channel, and "
            "latency does not; "
            "give measure=macs or params"
        )
    if recipe.repair in MERGING:
        raise ValueError(
            f"{REPAIRS[recipe.repair].title} hands on what channels gave before they went, and shut gates "
            "gave nothing; give repair=none, recalibrate, reconstruct or match"
        )
    if recipe.allocation == "gates" and (recipe.round_to > 1 or recipe.cut_group):
        asked = "round_to" if recipe.round_to > 1 else "cut_group"
        raise ValueError(
            f"{asked} does nothing where the open gates decide the widths; give allocation=uniform or "
            "global with it"
        )
