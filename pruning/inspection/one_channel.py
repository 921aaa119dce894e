"""One channel: its kernel, what it sees on hold-out images, which images excite it most, and the channels
most like it.

A group's hold-out activations are looked at once, in one pass that ends where the group is read, and kept:
per image the largest and the mean activation of each channel, and each channel's mean map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from pruning.channels.structure import ChannelGroup, LayerRecord
from pruning.data import Split, batch_of, inputs_of
from pruning.devices import for_double
from pruning.error_messages import choose
from pruning.experiment.loaded_networks import loaded, network_key
from pruning.experiment.loading import Loaded
from pruning.experiment.recipe import Recipe
from pruning.experiment.result_cache import ResultCache
from pruning.inspection.channel_removal import IMAGES
from pruning.inspection.similar_channels import Filters, similarity_distances
from pruning.progress import Watch, silent
from pruning.statistics.layer_sides import positions

PICTURES = 8  # images shown of each kind
INPUTS = 16  # kernels shown, the strongest
ATTRIBUTED = 100  # images whose classes' scores are looked at: each goes forward and backward
WIDEST = 112  # pixels of a picture's side at most: more could not be seen

By = Literal["largest", "mean"]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Hold-out images and where the channel answers in them. rows: [n], places in the hold-out.   labels:
    [n], class names.   images: uint8 [n, H, W, 3].   maps: float32 [n, h, w], 1 x 1 of a layer without
    places."""

    rows: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    maps: np.ndarray


@dataclass(frozen=True, eq=False)
class Channel:
    """What is known of one channel, without torch.

    writer: the layer whose kernel is shown, of `writers` that write the channel.   inputs: [m], of the
    `reads` input channels those that it reads most strongly, the strongest first.   kernel: [m, k, k], its
    weights for them (1 x 1 of a linear layer).   reader: the layer before which it is looked at.   activity:
    a row a hold-out image: image, label, largest, mean (over places).   typical: [h, w], mean |map| over the
    images.   chosen, strongest: eight images from `first` on, and the eight that excite it most.   similar: a
    row a channel, the nearest first: channel, distance.   distance: what that is, in words.   notes: what is
    odd, in sentences.
    """

    group: str
    channel: int
    size: int
    writer: str
    writers: int
    reads: int
    inputs: np.ndarray
    kernel: np.ndarray
    reader: str
    activity: pd.DataFrame
    typical: np.ndarray
    chosen: Pictures
    strongest: Pictures
    similar: pd.DataFrame
    distance: str
    notes: tuple[str, ...] = ()


def looked_into(
    recipe: Recipe, group: str, channel: int, first: int = 0, by: By = "largest", watch: Watch = silent
) -> Channel:
    """One channel of a group. first: the hold-out image from which eight are shown.   by: whether the largest
    or the mean activation says which images excite it most.

    Raises ValueError where there is no such group or channel.
    """
    found = replace(loaded(recipe, watch), recipe=recipe)
    number, known = group_of(found, group, channel)
    seen = _SEEN.get((network_key(recipe), group), lambda: _Seen(found, number, watch))
    filters = Filters(found, number)
    distance, distances = similarity_distances(recipe, filters, seen.mean, seen.typical, channel)
    activity = seen.activity(channel)
    order = activity.sort_values(by, ascending=False, kind="stable")["image"].to_numpy()
    start = min(first, max(0, len(seen.images) - PICTURES))
    inputs, kernel = strongest_kernels(filters.of(channel))
    return Channel(
        group=group,
        channel=channel,
        size=known.size,
        writer=known.layers[0],
        writers=len(known.layers),
        reads=len(filters.of(channel)),
        inputs=inputs,
        kernel=kernel,
        reader=seen.reader.name,
        activity=activity,
        typical=seen.typical[channel],
        chosen=seen.pictures(np.arange(start, min(start + PICTURES, len(seen.images))), channel),
        strongest=seen.pictures(order[:PICTURES], channel),
        similar=nearest(distances, channel),
        distance=distance,
        notes=notes_of(activity),
    )


def class_attribution(
    recipe: Recipe, group: str, watch: Watch = silent, *, images: int = ATTRIBUTED
) -> pd.DataFrame:
    """What each channel of a group adds to each class's score, on hold-out images of that class: channel,
    class (its name), attribution (gradient x activation, in units of the score).

    Raises ValueError where there is no such group, or the network answers no classes."""
    from pruning.attribution import channel_attribution

    found = loaded(recipe, watch)
    group_of(found, group, 0)
    few, numbers = evenly(found.data.holdout, len(found.data.classes), images)
    inputs, targets = batch_of(few, slice(None), found.model.origin.normalization, recipe.device)
    how: dict[str, Any] = {"classes": numbers, "task": few.task, "watch": watch}
    table = channel_attribution(found.graph, group, inputs, targets, **how)
    return table.assign(**{"class": [str(found.data.classes[label]) for label in table["class"]]})


def evenly(split: Split, classes: int, images: int) -> tuple[Split, np.ndarray]:
    """Images that show each class, as many of each, about so many in all, with the labels of that class
    alone; and the class of each, int64 [n]. An image that shows several may come more than once."""
    shown = {number: split.task.showing(split.labels, number) for number in range(classes)}
    shown = {number: (rows, labels) for number, (rows, labels) in shown.items() if len(rows)}
    each = max(1, images // len(shown))
    rows = np.concatenate([rows[:each] for rows, _ in shown.values()])
    labels = np.concatenate([labels[:each] for _, labels in shown.values()])
    numbers = np.repeat(list(shown), [len(rows[:each]) for rows, _ in shown.values()])
    order = np.argsort(rows, kind="stable")
    return replace(split.take(rows[order]), labels=labels[order]), numbers[order]


def shown_in(split: Split, classes: Sequence[str]) -> np.ndarray:
    """[N] object: what each image is of, or shows, in the names of classes."""
    return np.array(split.task.described(split.labels, classes), object)


def group_of(found: Loaded, group: str, channel: int) -> tuple[int, ChannelGroup]:
    """The group's number and record. Raises ValueError for a group or a channel that there is not."""
    structure = found.graph.structure
    known = structure.by_name[choose(group, structure.names, "group")]
    if not 0 <= channel < known.size:
        raise ValueError(f"{group} has no channel {channel}; give one from 0 to {known.size - 1}")
    return structure.names.index(group), known


def strongest_kernels(kernels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """kernels: [inputs, ...] of one channel. Returns the inputs with the largest norms, at most 16, the
    largest first: [m]; and their kernels [m, k, k], those without two sides as one row, three averaged to
    two."""
    flat = kernels.reshape(len(kernels), -1)
    inputs = np.argsort(-np.linalg.norm(flat, axis=1), kind="stable")[:INPUTS]
    shown = kernels[inputs].astype(np.float32)
    while shown.ndim > 3:
        shown = shown.mean(axis=1)
    while shown.ndim < 3:
        shown = shown[:, None]
    return inputs, shown


def nearest(distances: np.ndarray, channel: int) -> pd.DataFrame:
    """The other channels, the nearest first; those whose distance is no number are left out."""
    table = pd.DataFrame({"channel": np.arange(len(distances)), "distance": distances})
    table = table[(table["channel"] != channel) & np.isfinite(table["distance"])]
    return table.sort_values("distance", kind="stable", ignore_index=True)


def notes_of(activity: pd.DataFrame) -> tuple[str, ...]:
    """What is odd about a channel's activations."""
    values, images = activity[["largest", "mean"]].to_numpy(), len(activity)
    wrong = int((~np.isfinite(values)).any(axis=1).sum())
    if wrong:
        return (f"Its activation is no finite number on {wrong} of {images} images.",)
    if not values.any():
        return (f"This channel is dead: it is zero on all {images} images.",)
    if np.ptp(values[:, 1]) == 0:
        return (f"Its mean activation is the same on all {images} images.",)
    return ()


class _Enough(Exception):
    """Ends a forward pass where the group has been read."""


class _Seen:
    """The activations of a group where its first reader reads it, over the hold-out."""

    def __init__(self, found: Loaded, number: int, watch: Watch):
        import torch

        structure = found.graph.structure
        self.found, self.size = found, structure.groups[number].size
        self.reader, self.places = first_reader(found, number)
        holdout = found.data.holdout
        self.images = holdout.first(images_for(found.data.size))
        largest, mean = [], []
        total: Any = 0.0  # a tensor from the first images on
        for maps in self._maps(self.images, watch):  # [n, C, h, w]
            largest.append(maps.amax((2, 3)).cpu().numpy())
            mean.append(maps.mean((2, 3)).cpu().numpy())
            total = total + for_double(maps).abs().sum(0, dtype=torch.float64)
        self.largest, self.mean = np.concatenate(largest), np.concatenate(mean)  # [N, C]
        self.typical = (total / len(self.images)).float().cpu().numpy()  # [C, h, w]

    def activity(self, channel: int) -> pd.DataFrame:
        names = shown_in(self.images, self.found.data.classes)
        values = {"largest": self.largest[:, channel], "mean": self.mean[:, channel]}
        return pd.DataFrame({"image": np.arange(len(names)), "label": names, **values})

    def pictures(self, rows: np.ndarray, channel: int) -> Pictures:
        taken = self.images.take(rows)
        maps = [part[:, channel].cpu().numpy() for part in self._maps(taken, silent)]
        step = -(-taken.images.shape[1] // WIDEST)
        names = shown_in(taken, self.found.data.classes)
        return Pictures(rows, names, taken.images[:, ::step, ::step], np.concatenate(maps))

    def _maps(self, images: Split, watch: Watch) -> Iterator:
        """[n, C, h, w], float32, batch by batch."""
        import torch

        from pruning.statistics.collect import Observer, as_it_was

        found, now = self.found, {}

        def see(tensor: Any) -> None:
            now["maps"] = self._of_channels(tensor.detach())
            raise _Enough

        model, normalization = found.model, found.model.origin.normalization
        structure, step = found.graph.structure, max(8, 128 * 32**2 // found.data.size**2)
        for first in range(0, len(images), step):
            watch("channel", first, len(images))
            rows = slice(first, first + step)
            inputs = inputs_of(images, rows, normalization, found.recipe.device)
            try:
                with as_it_was(model), torch.no_grad():
                    with Observer(model, structure, {self.reader.weight: see}, {}):
                        model(inputs)
            except _Enough:
                yield now.pop("maps")
        watch("channel", len(images), len(images))

    def _of_channels(self, tensor: Any) -> Any:
        """What a layer reads, channel by channel, as maps: [n, C, h, w]. tensor: [n, P, ...], or of a linear
        layer [n, ..., P]."""
        if self.reader.kind == "linear":
            tensor = tensor.movedim(-1, 1)
        taken = tensor[:, self.places]  # [n, C, p, ...]
        if taken.dim() == 3:  # a flattened map: the positions of a channel are its places
            return on_grid(taken)
        taken = taken[:, :, 0]  # read more than once: the first will do
        return taken if taken.dim() == 4 else on_grid(taken) if taken.dim() == 3 else taken.mean(2)


def on_grid(values: Any) -> Any:
    """[n, C, places] as a square if it is one, else as a row: [n, C, h, w]."""
    places = values.shape[2]
    side = int(places**0.5)
    return values.unflatten(2, (side, side) if side * side == places else (1, places))


def first_reader(found: Loaded, number: int) -> tuple[LayerRecord, np.ndarray]:
    """The first layer that reads all channels of a group, and where in its input: [C, p].

    Raises ValueError where no layer reads all of them."""
    structure = found.graph.structure
    size = structure.groups[number].size
    for layer in structure.layers_of(number, "readers"):
        places, channels = positions(structure, layer, "readers").of(number)
        times = np.bincount(channels, minlength=size)
        if times.min() > 0:
            order = places[np.argsort(channels, kind="stable")]
            if times.min() == times.max():
                return layer, order.reshape(size, -1)
            return layer, order[np.cumsum(times) - times][:, None]
    raise ValueError(f"no layer reads all channels of {structure.groups[number].name}; choose another group")


def images_for(size: int) -> int:
    """How many hold-out images are looked at: 500 small ones, fewer where one takes longer."""
    return max(64, min(IMAGES, IMAGES * 64**2 // size**2))


_SEEN = ResultCache(6)
