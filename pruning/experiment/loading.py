"""From a recipe's names to what they stand for: data, network, graph."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruning.data import Dataset, inputs_of, load_data, must_ask
from pruning.data.registry import DATA
from pruning.devices import usable, wait_for
from pruning.experiment.recipe import Recipe
from pruning.experiment.uploaded_files import located, place_of
from pruning.latency import LatencyTable
from pruning.models import asked_task, default_size, header_of, load_model, recorded_size
from pruning.models.own_code import absolute, digest_in, is_own
from pruning.progress import Watch, silent

if TYPE_CHECKING:
    from torch import nn

    from pruning.channels.graph import ChannelGraph


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a recipe stands for. recipe: with every field resolved; nobody else holds `model`.

    changes: what makes the network and what was done to it before it was traced, as a plan notes it (code of
    one's own, a subtask's classes).
    table: of measured times, where the cut is one of latency.   changed: that the code which makes the
    network, or the data that its weights were trained on, are other than they were then."""

    recipe: Recipe
    data: Dataset
    model: "nn.Module"
    graph: "ChannelGraph"
    changes: tuple[dict, ...] = ()
    table: LatencyTable | None = None
    changed: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """What is to be known of the weights and of the data."""
        return (*self.model.origin.messages, *self.changed, *self.data.messages)


def load(recipe: Recipe, watch: Watch = silent) -> Loaded:
    """Loads the data and the network of a recipe and traces the network. Raises ValueError in one
    sentence."""
    from pruning.channels.graph import ChannelGraph

    device = usable(recipe.device)
    watch("trace", 0, 3, message="data")
    task = asked_task(recipe.model, recipe.task)
    where: dict[str, Any] = {"task": task, "watch": watch}  # parts are the same under every seed
    data = load_data(located(recipe.data, "data"), **where, size=image_size(recipe))
    must_ask(data, recipe.task)
    watch("trace", 1, 3, message="network")
    model = load_model(
        recipe.model,
        data,
        located(recipe.checkpoint, "checkpoint") if recipe.checkpoint else None,
        normalize=recipe.normalize,
        size=recipe.size,
    )
    if data.size != model.origin.size:
        data = load_data(located(recipe.data, "data"), **where, size=model.origin.size)
    model.to(device)
    watch("trace", 2, 3, message="channel groups")
    example = inputs_of(data.train, slice(1), model.origin.normalization, device)
    changes: tuple[dict, ...] = made_by(model)
    whole = data
    if recipe.subtask:
        data = data.narrowed(recipe.subtask)
        model, change = _narrowed(model, recipe.subtask, example)
        changes = (*changes, change)
    graph = ChannelGraph(model, example)
    wait_for(device)
    watch("trace", 3, 3)
    told = (*changed_code(recipe, model.origin.code), *other_parts(model, whole))
    return Loaded(resolved(recipe, model), data, model, graph, changes, changed=told)


def image_size(recipe: Recipe) -> int | None:
    """Side of the images in pixels: as the recipe says, else its weights' file, else as the network has it;
    None is the data's own."""
    file = None if recipe.checkpoint in (None, "none") else place_of(recipe.checkpoint)
    trained_at = recorded_size(header_of(file)) if file is not None and file.is_file() else None
    return recipe.size or trained_at or default_size(recipe.model)


def made_by(model: "nn.Module") -> tuple[dict, ...]:
    """The code of one's own that a network comes from, as a plan notes it."""
    code = model.origin.code
    told = {
        "kind": "code",
        "model": model.origin.model,
        "file": code.partition("#")[2],
        "sha256": digest_in(code),
    }
    return (told,) if code else ()


def changed_code(recipe: Recipe, now: str) -> tuple[str, ...]:
    """Whether the file that makes the network is another one than the recipe was run with, in a sentence."""
    if recipe.code is None or digest_in(recipe.code) == digest_in(now):
        return ()
    (before, name), after = (digest_in(recipe.code)[:12], recipe.code.partition("#")[2]), digest_in(now)[:12]
    return (
        f"{name} has changed since this recipe was run (SHA-256 {before} then, {after} now), so its numbers "
        "may be others.",
    )


def other_parts(model: "nn.Module", data: Dataset) -> tuple[str, ...]:
    """Whether the weights were trained on data of this name that held, or dealt out, other images."""
    name, size, digest = model.origin.trained_on
    if not digest or (name, size) != (data.name, str(data.size)) or digest == data.digest:
        return ()
    return (
        f"{name} is not as it was when these weights were trained on it: other images, or otherwise dealt "
        "out, so images that are tested here may be among those that were trained on.",
    )


def _narrowed(model: "nn.Module", classes: tuple[int, ...], example) -> tuple["nn.Module", dict]:
    from pruning.models.digest import weights_digest
    from pruning.surgery import narrowed

    found, change = narrowed(model, classes, example)
    found.origin = replace(model.origin, classes=len(classes), digest=weights_digest(found))
    return found, change


def resolved(recipe: Recipe, model: "nn.Module") -> Recipe:
    """The recipe with what was left open filled in, and its paths made absolute."""
    found = {"size": model.origin.size, "normalize": model.origin.normalization.name}
    if is_own(recipe.model):
        found |= {"model": absolute(recipe.model), "code": model.origin.code}
    if recipe.data not in DATA and not recipe.data.startswith("sha256:"):
        found["data"] = str(Path(recipe.data).resolve())
    if recipe.checkpoint not in (None, "none") and not recipe.checkpoint.startswith("sha256:"):
        found["checkpoint"] = str(Path(recipe.checkpoint).resolve())
    return recipe.but(**found)


def use_threads(recipe: Recipe):
    """Sets torch's and the linear algebra library's threads for this process: part of "the same numbers"; and
    has freed memory kept, which changes none of them."""
    import torch
    from threadpoolctl import threadpool_limits

    from pruning.latency.freed_memory import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(recipe.threads)
    threadpool_limits(recipe.threads, user_api="blas")
