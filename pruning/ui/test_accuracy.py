"""The task's metric of the full network on the test images: what every page puts in its headline.

Of bundled weights it was measured when they were trained; of others the preview worker counts it once. No
choice is made by it, so counting it is no peeking."""

from collections.abc import Callable
from functools import lru_cache, partial

import streamlit as st
from safetensors import safe_open

from pruning import models
from pruning.experiment import Recipe
from pruning.inspection import FullAccuracy, full_accuracy
from pruning.metric_words import in_full
from pruning.models.bundled_weights import bundled_file
from pruning.tasks import DEFAULT, TASKS
from pruning.terms import sentence
from pruning.ui import preview_cache

PLAIN = {"normalize": "auto", "size": None, "subtask": ()}  # what the figure in the weights' file is of
LEARNED = (
    "Memorised images: these weights were made elsewhere, so they may have been trained on the hold-out "
    "images. Accuracies on them are too high; the test images say more."
)


@lru_cache
def of_bundled(model: str, data: str) -> FullAccuracy:
    """As measured when the bundled weights were trained."""
    with safe_open(bundled_file(model, data), framework="np") as file:
        told = file.metadata()
    images = int(told["test_images"])
    for task in TASKS.values():
        if (value := told.get(f"test_{task.metric.name}")) is not None:
            return FullAccuracy(task.name, float(value), images, images)
    return FullAccuracy(DEFAULT.name, int(told["test_correct"]) / images, images, images)  # an earlier file


def known(recipe: Recipe) -> FullAccuracy | None:
    """Where it needs no counting."""
    bundled = recipe.checkpoint is None and (recipe.model, recipe.data) in models.bundled()
    plain = preview_cache.same_network(recipe.but(**PLAIN), recipe)
    return of_bundled(recipe.model, recipe.data) if bundled and plain else None


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """FullAccuracy of the full network; does not wait."""
    if (found := known(recipe)) is not None:
        return preview_cache.Answer(found)
    key = preview_cache.digest(recipe, preview_cache.NETWORK)
    return preview_cache.ask(full_accuracy, recipe, key=key, title="Test accuracy of the full network", **how)


def follow(recipe: Recipe, draw: Callable[[FullAccuracy], None]):
    """Draws it, now or when it comes."""
    preview_cache.follow(partial(ask, recipe), draw)


def in_words(found: FullAccuracy) -> str:
    """ "94.4 % (1,888 of 2,000 test images)"."""
    of = f"{found.images:,} test images"
    if found.images < found.of:
        of = f"the first {found.images:,} of {found.of:,} test images"
    return in_full(found.of_task, found.value, of, found.images)


def named(found: FullAccuracy) -> str:
    """ "Accuracy: 94.4 % (1,888 of 2,000 test images)"."""
    return f"{sentence(found.of_task.metric.name)}: {in_words(found)}"


def memorised(learned: bool):
    """Says in the open that the hold-out is no measure here."""
    if learned:
        st.warning(LEARNED, icon=":material/psychology_alt:")
