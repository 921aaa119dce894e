"""A run's network as what is exported: with test images of its data, and what its files say of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.allocation import MEASURE_NAMES
from pruning.experiment.loading import Loaded
from pruning.export.formats import FORMATS, Format
from pruning.progress import Watch, silent
from pruning.tasks import TRANSLATED
from pruning.terms import percent, title

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruning.export.checked_files import Exported
    from pruning.export.subject import Subject

IMAGES, PIXELS = 500, 500 * 64**2  # test images that files are compared on: fewer of large ones
LEAST = 8
CALIBRATED = 50  # images at once, fewer of large ones
OUTPUTS = {"classes": "logits", "masks": "logits", "pictures": "picture"}


def exported(
    loaded: Loaded,
    small: "nn.Module",
    name: str,
    path: Path,
    watch: Watch = silent,
    subjects: "tuple[Subject, Subject] | None" = None,
) -> "Exported":
    """The network of a run in one format, checked on test images and timed beside the whole network.

    subjects: `subject_of_run`'s, where several formats are made of them, which share what takes long."""
    from pruning.export.checked_files import write_checked

    form, (subject, whole) = FORMATS[name], subjects or subject_of_run(loaded, small)
    if not form.exact and loaded.data.task.drawn_as == "pictures":
        raise ValueError(f"{form.title} rounds pictures visibly; give another format, such as onnx")
    made = write_checked(name, subject, path, whole=whole, watch=watch)
    return made if form.exact else replace(made, values=_values(loaded, small, form, made, watch))


def _values(loaded: Loaded, small: "nn.Module", form: Format, made: "Exported", watch: Watch) -> dict:
    """The task's metric and its value of the network and of its file, on the images of the check."""
    from pruning.export.subject import AsNetwork, ready
    from pruning.train import evaluate

    split = loaded.data.test.first(made.check.images)
    run = import_module(f"pruning.export.{form.module}").opened(made.paths[0])
    how = {"normalization": loaded.model.origin.normalization, "watch": watch}
    both = {"unrounded": ready(small), "final": AsNetwork(run)}
    values = {name: evaluate(network, split, **how).value for name, network in both.items()}
    return {"metric": loaded.data.task.metric.name} | values


def subject_of_run(loaded: Loaded, small: "nn.Module") -> "tuple[Subject, Subject]":
    """The network with test images, and the whole network to be weighed beside it; both are copies."""
    from pruning.export.subject import Subject, ready
    from pruning.models.domain_inputs import separated

    network, whole, task = ready(small), ready(loaded.model), loaded.data.task
    inputs = {"image": images_of(loaded)}
    if task.name == TRANSLATED.name and separated(network) and separated(whole):
        pictures = len(loaded.model.origin.normalization.mean)
        joint = inputs["image"]
        inputs = {"image": joint[:, :pictures].contiguous(), "domain": joint[:, pictures:, 0, 0].contiguous()}
    answers, names = task.drawn_as, {OUTPUTS[task.drawn_as]} if task.drawn_as else ()
    seen = partial(calibration_of, loaded, small)
    subject = Subject(network, inputs, False, answers, tuple(names), told_of(loaded, inputs), seen)
    return subject, replace(subject, network=whole)


def calibration_of(loaded: Loaded, small: "nn.Module") -> "Iterator[tuple[Tensor]]":
    """The images that a repair looks at, batch by batch, as the network takes them."""
    from pruning.data import images_at_once
    from pruning.statistics.calibration_images import CalibrationImages

    images = CalibrationImages(small, loaded.data, loaded.recipe.calibration, loaded.recipe.seed)
    for inputs, _ in images.batches(images_at_once(loaded.data.train.images, CALIBRATED)):
        yield (inputs.contiguous(),)


def images_of(loaded: Loaded) -> "Tensor":
    """[N, C, H, W]: the first test images as the network takes them."""
    from pruning.data import inputs_of

    test = loaded.data.test
    most = max(LEAST, min(IMAGES, PIXELS // loaded.data.size**2))
    rows = slice(min(most, len(test)))
    return inputs_of(test, rows, loaded.model.origin.normalization).contiguous()


def told_of(loaded: Loaded, inputs: "dict[str, Tensor]") -> dict[str, str]:
    """What stands in the files: title, recipe, normalization, classes, input, made_by."""
    recipe, normalization = loaded.recipe, loaded.model.origin.normalization
    share = (
        f"{percent(recipe.cut, 0)} of the {MEASURE_NAMES[recipe.measure]} cut by {title(recipe.criterion)}"
    )
    shapes = {name: ["N", *each.shape[1:]] for name, each in inputs.items()}
    shown = ", ".join(f"{name} {shape}".replace("'", "") for name, shape in shapes.items())
    return {
        "title": f"{recipe.model}, {share}",
        "input": f"Input: float32 {shown}; pixels as (pixel / 255 - mean) / std.",
        "normalization": json.dumps({"mean": normalization.mean, "std": normalization.std}),
        "classes": json.dumps(list(loaded.data.classes)),
        "recipe": recipe.to_json(),
        "made_by": f"Pruning Explorer, torch {version('torch')}",
    }
