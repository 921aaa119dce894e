"""A network with its weights: built by name, filled from a file, and told where it comes from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pruning.models.black_images import accepted_size, runs_channels_last
from pruning.models.build import default_normalization, default_size, must_be_for, new_model
from pruning.models.bundled_weights import bundled_file, find_weights
from pruning.models.checkpoint import Checkpoint, recorded_size
from pruning.models.digest import weights_digest
from pruning.models.domain_inputs import join_where_asked
from pruning.models.fill_weights import classes_in, fill, must_be_numbers
from pruning.models.normalization import NORMALIZATIONS, Normalization, resolve_normalization
from pruning.models.own_code import digest_in, is_own, parted, recorded
from pruning.models.state_dict_names import Located, located, other_names
from pruning.models.torchvision_index import TORCHVISION
from pruning.models.torchvision_inference import made_with
from pruning.terms import plural

if TYPE_CHECKING:
    from torch import nn

GUESS = 10  # classes of a network that is only built to compare names
KNOWN_CLASSES = {  # of the listed data sets, which come after the models
    "scenes": 10,
    "scenes_masks": 11,
    "scenes_colours": 6,
    "celeba": 3,
    "digits": 10,
    "cifar10": 10,
    "cifar100": 100,
    "voc2012": 21,
    "voc2012_sbd": 21,
}


class HasOutputs(Protocol):
    """What `load_model` wants to know of a loaded data set. outputs: how many a network for it has.   size:
    side of its images, in pixels."""

    @property
    def name(self) -> str: ...

    @property
    def outputs(self) -> int: ...

    @property
    def size(self) -> int: ...


@dataclass(frozen=True)
class Origin:
    """Where a network's weights come from, and what it expects. model: its name, with options where
    torchvision has built it by any.   digest: `weights_digest` when loaded.   messages: what was taken from
    the file, and how the network was built for it.   code: the file that made a network of one's own, as
    `own_code.recorded` has it.   trained_on: name of the data that the file says its weights were trained on,
    side of their images, and digest; three empty texts where it says nothing."""

    model: str
    data: str
    classes: int
    size: int  # side of the input images, pixels
    normalization: Normalization
    digest: str
    messages: tuple[str, ...] = ()
    code: str = ""
    trained_on: tuple[str, str, str] = ("", "", "")


def load_model(
    name: str,
    data: str | Path | HasOutputs = "scenes",
    checkpoint: str | Path | None = None,
    *,
    normalize: str | Normalization = "auto",
    classes: int | None = None,
    size: int | None = None,
) -> "nn.Module":
    """A network in evaluation mode, with `.origin` (Origin) saying what it is.

    name: a listed network; torchvision:NAME, with options as `torchvision_options` has them; or what makes
    one's own, package.module:factory or FILE.py:factory, which is run.   data: what it is for: a listed name,
    or loaded data (for a path the number of classes is read from the checkpoint).
    checkpoint: None is the bundled weights for exactly this network and data, "none" random ones (always the
    same), else a file; of one's own None and "none" are those that its factory gives it.   normalize: "auto"
    is what the checkpoint says, else CIFAR-10's constants at 32 pixels and ImageNet's at every other size.
    classes, size: where they are not the data's, and what the checkpoint says or else the network's own.
    Raises ValueError on an unknown name, a network for another task than the loaded data's, a pair without
    bundled weights, weights of another network, weights that are no finite numbers, and code that fails."""
    known_size = default_size(name)  # raises on an unknown name
    label = data if isinstance(data, str) else getattr(data, "name", None) or str(data)
    must_be_for(name, getattr(data, "task", None), label)
    weights = find_weights(name, label, checkpoint)
    source = Path(checkpoint or bundled_file(name, label)).name
    made = with_weights(name, data, classes or known_classes(data), weights, source)
    if is_own(name):
        join_where_asked(made.model, getattr(data, "task", None))
    asked, trained_at = size, recorded_size(weights.metadata) if weights else None
    size = size or trained_at or known_size or accepted_size(made.model, data)
    recorded = recorded_normalization(weights, source, asked=normalize)
    recorded = recorded or default_normalization(name, getattr(data, "task", None))
    normalization = resolve_normalization(normalize, size=size, recorded=recorded)
    told = (*made.messages, *size_in_words(source, None if asked else trained_at, known_size))
    origin = (made.name, label, made.classes, size, normalization, weights_digest(made.model), told)
    made.model.origin = Origin(*origin, trained_on=data_of(weights))
    if is_own(name):
        made.model.origin = with_own_code(made.model, data, kept=weights is None, scaled=asked is None)
    return made.model.eval()


def size_in_words(source: str, trained_at: int | None, own: int | None) -> tuple[str, ...]:
    """A sentence where the file's size is taken, and it is not the network's own."""
    if trained_at in (None, own):
        return ()
    return (f"{source} was trained on images of {trained_at} pixels, so that is the size here.",)


def data_of(weights: Checkpoint | None) -> tuple[str, str, str]:
    """What the weights were trained on, as `Origin.trained_on`."""
    told = weights.metadata if weights else {}
    return told.get("data", ""), told.get("size", ""), told.get("data_digest", "")


def recorded_normalization(
    weights: Checkpoint | None, source: str, *, asked: str | Normalization
) -> str | None:
    """By what a file says that pixels were normalised. Raises ValueError where nothing else is asked for, and
    it says what nobody knows."""
    normalization = weights.metadata.get("normalize") if weights else None
    if normalization and asked == "auto" and normalization not in NORMALIZATIONS:
        raise ValueError(
            f"{source} says that pixels are to be normalised by {normalization[:80]!r}, which is not known; "
            f"say by which they were: {', '.join(NORMALIZATIONS)}"
        )
    return normalization


def with_weights(
    name: str, data: str | Path | HasOutputs, classes: int | None, weights: Checkpoint | None, source: str
) -> "Filled":
    """The network with a file's weights, or with those it is made with. Raises ValueError as `load_model`."""
    if weights is not None:
        return filled(name, classes, weights, source)
    if classes is None:
        raise ValueError(
            f"how many classes {data} has is not known yet; give classes=, or data=load_data({str(data)!r})"
        )
    return Filled(new_model(name, classes), name, classes, ())


def with_own_code(model: "nn.Module", data: str | Path | HasOutputs, *, kept: bool, scaled: bool) -> Origin:
    """The origin of a network of one's own, once that was tried. kept: its weights are its factory's.
    scaled: nobody has asked for the size, so it is told where it is not the data's."""
    from pruning.models import from_own_code

    origin, own = model.origin, parted(model.origin.model)
    from_own_code.must_answer(model, origin.model, data, origin.classes, origin.size)
    if not runs_channels_last(model, data, from_own_code.ITEMS, origin.size):
        origin = replace(origin, normalization=replace(origin.normalization, channels_last=False))
    code = recorded(origin.model)
    told = [
        f"The network is what {own.told} makes (SHA-256 {digest_in(code)[:12]}); opening it needs that file."
    ]
    told += [
        f"Its weights are plain ones, with the {kind} of {plural(number, 'tensor')} worked in."
        for kind, number in model.worked_in.items()
    ]
    if kept:
        must_be_numbers(model.state_dict(), source=own.told)
        told.append(f"Its weights are those that {own.factory} gives it.")
    if scaled and (side := getattr(data, "size", origin.size)) != origin.size:
        told.append(f"It answers nothing for images of {side} pixels, so they are scaled to {origin.size}.")
    return replace(origin, code=code, messages=(*origin.messages, *told))


def known_classes(data: str | Path | HasOutputs) -> int | None:
    """Classes of loaded or listed data; None for a path."""
    return data.outputs if hasattr(data, "outputs") else KNOWN_CLASSES.get(str(data))


@dataclass(frozen=True)
class Filled:
    """A network that holds a file's weights. name: with the options it was built with.   messages: what was
    taken from the file, and what was assumed."""

    model: "nn.Module"
    name: str
    classes: int
    messages: tuple[str, ...]


def filled(name: str, classes: int | None, weights: Checkpoint, source: str) -> Filled:
    """The network that the weights are for, with them in it. classes: None is as many as they are for.

    Raises WrongWeights where they are another network's, ValueError where they are no finite numbers."""
    model, built = new_model(name, classes or GUESS), name
    told: tuple[str, ...] = ()
    found = located(model.state_dict(), weights.state)
    if name.startswith(TORCHVISION) and not other_names(model.state_dict(), found.state):
        built, told = made_with(name, model.state_dict(), found.state, weights.metadata.get("model"))
        if built != name:
            model = new_model(built, classes or GUESS)
    if classes is None:
        classes = classes_in(model.state_dict(), found.state) or GUESS
        if classes != GUESS:
            model = new_model(built, classes)
    fill(model, found, name, source=source)
    return Filled(model, built, classes, (*taken_in_words(source, weights, found), *told))


def taken_in_words(source: str, weights: Checkpoint, found: Located) -> tuple[str, ...]:
    """A sentence on what of the file the weights are, where they are not all of it by the network's names."""
    told = [f"those under {weights.taken!r}"] if weights.taken else []
    told += [f"without the {found.prefix!r} before their names"] if found.prefix else []
    told += found.joined
    left = [repr(name) for name in weights.others]
    if found.left:
        more = f" and {len(found.left) - 1} more like it" if len(found.left) > 1 else ""
        left.append(f"{found.left[0]!r}{more}")
    told += [f"not {', not '.join(left)}"] if left else []
    return (f"Weights taken from {source}: {', '.join(told)}.",) if told else ()
