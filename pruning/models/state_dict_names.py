"""Which of a file's tensors are a network's, and by which of the network's names: prefixes that training
libraries put before every name are taken off, and names of older versions are renewed."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.models.torchvision_index import COUNTER
from pruning.models.weights_in_parts import whole

if TYPE_CHECKING:
    from torch import Tensor

CLASSIFIERS = ("linear", "fc")  # two names for the same layer in public checkpoints
UNUSED = ("aux1.", "aux2.", "AuxLogits.", "aux_classifier.")  # torchvision's heads for training only
# counts that profilers leave in the state dict of a network they looked at: thop's, then torchstat's
COUNTS = frozenset(
    "total_ops total_params "
    "input_shape output_shape parameter_quantity inference_memory MAdd duration Flops Memory".split()
)
AVERAGED = ("ema", "teacher", "target", "momentum", "swa", "average")  # in a prefix: rather the other one
WRAPPERS = ("_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod")
PARTS = 3  # of a network, at most, that have a prefix each: backbone, neck and head
DEPTH = 6  # parts of a prefix: module._orig_mod.model.backbone.
# torchvision's official files still have these names: DenseNet's, and those of its vision transformers
RENEWED = (
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$"), r"\1\2"),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\.(\w+)$"), r"\1.0.\2"),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\.(\w+)$"), r"\1.3.\2"),
)


@dataclass(frozen=True)
class Located:
    """state: by the network's own names.   given: by the file's, renewed.   prefix: what was taken off them.
    left: the file's names that are no part of the network.   joined: weights that were there in parts, in
    words."""

    state: "Mapping[str, Tensor]"
    given: "Mapping[str, Tensor]"
    prefix: str = ""
    left: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()


def located(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> Located:
    """The tensors that have the network's names, whatever their shapes, below some common prefix.

    wanted: the network's own. Where there are several such, one whose shapes fit too comes first, then one
    that is no moving average, then the shortest prefix. Where there is none, what is below the prefix that
    all names have in common, so that what differs can be told."""
    state, joined = whole(wanted, renewed(state))
    needed = sum(not name.endswith(COUNTER) for name in wanted)
    found = []
    for prefix in ("", *prefixes(state, needed)):
        mine = as_named_in(wanted, below(state, prefix))
        if not other_names(wanted, mine):
            found.append(Located(mine, state, prefix, left_by(wanted, state, prefix), joined))
            if not prefix:
                break
    if not found:
        found = [one for one in [in_parts(wanted, state, joined)] if one]
    if found:
        return min(found, key=lambda one: (len(resized(wanted, one.state)), averaged(one.prefix)))
    most = sum(not name.endswith(COUNTER) for name in state) - 1  # all but a number of steps, say
    prefix = max(prefixes(state, most) if most > 1 else [], key=len, default="")
    return Located(as_named_in(wanted, below(state, prefix)), state, prefix)


def in_parts(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]", joined) -> Located | None:
    """The tensors of a network that a file has in parts, as a backbone and a head with a prefix each."""
    for common in ("", *prefixes(state, sum(not name.endswith(COUNTER) for name in state))):
        own = below(state, common)
        parts = list(dict.fromkeys(f"{name.partition('.')[0]}." for name in own if "." in name))
        bare = [name.partition(".")[2] for name in own if "." in name]
        if not 2 <= len(parts) <= PARTS or len(set(bare)) < len(bare):
            continue
        mine = as_named_in(wanted, {name.partition(".")[2]: t for name, t in own.items() if "." in name})
        if not other_names(wanted, mine):
            return Located(mine, state, " and ".join(common + part for part in parts), (), joined)
    return None


def renewed(state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The state with the names of older versions made today's, and without wrappers inside of names."""
    found, inner = {}, wrappers_inside(state)
    for name, tensor in state.items():
        for old, new in RENEWED:
            name = old.sub(new, name)
        for wrapper in inner:
            name = name.replace(f".{wrapper}.", ".").removeprefix(f"{wrapper}.")
        found[name] = tensor
    return found


def wrappers_inside(state: "Mapping[str, Tensor]") -> list[str]:
    """Wrappers round some of a network's layers, which stand in the middle of names; what wraps all of it is
    a prefix."""
    found = []
    for wrapper in WRAPPERS:
        places = {name.partition(f".{wrapper}.")[0] for name in state if f".{wrapper}." in name}
        if len(places) > 1 or (places and not all(f".{wrapper}." in name for name in state)):
            found.append(wrapper)
    return found


def prefixes(state: "Mapping[str, Tensor]", least: int) -> list[str]:
    """What at least so many names begin with (counters aside), up to a dot; the shortest first."""
    counts: Counter[str] = Counter()
    for name in state:
        parts = () if name.endswith(COUNTER) else name.split(".")[:-1]
        counts.update(".".join(parts[: depth + 1]) + "." for depth in range(min(len(parts), DEPTH)))
    return sorted((prefix for prefix, count in counts.items() if count >= least), key=len)


def below(state: "Mapping[str, Tensor]", prefix: str) -> "dict[str, Tensor]":
    return {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}


def averaged(prefix: str) -> bool:
    return any(word in prefix.lower() for word in AVERAGED)


def left_by(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]", prefix: str) -> tuple[str, ...]:
    """The names that are not taken: outside the prefix, or of classifiers for training only. A number of
    steps beside them (`n_averaged`) is none."""
    outside = [name for name, t in state.items() if not name.startswith(prefix) and t.numel() > 1]
    unused = [
        name
        for name in state
        if (own := name.removeprefix(prefix)) not in wanted
        and name.startswith(prefix)
        and own.startswith(UNUSED)
    ]
    return (*unused, *outside)


def as_named_in(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The state with its classifier named as the network names it, without what the network never uses."""
    state = with_classifier_of(wanted, state)
    return {key: tensor for key, tensor in state.items() if key in wanted or not unused(key, tensor)}


def unused(key: str, tensor: "Tensor") -> bool:
    """Whether a name is of a head for training only, of a profiler's count, or of a number beside the
    weights, as of epochs: no weight to prune."""
    beside = tensor.dim() == 0 and "." not in key
    return beside or key.startswith(UNUSED) or key.rpartition(".")[2] in COUNTS


def with_classifier_of(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The state with its classifier named as the network names it: fc or linear."""
    for own, other in (CLASSIFIERS, CLASSIFIERS[::-1]):
        if f"{own}.weight" in wanted and f"{own}.weight" not in state:
            return {
                own + key.removeprefix(other) if key.split(".")[0] == other else key: t
                for key, t in state.items()
            }
    return dict(state)


def other_names(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> str:
    """The first name that is missing, with the likest there is, or unknown, in words; empty if there is
    none."""
    missing = [key for key in wanted if key not in state and not key.endswith(COUNTER)]
    unknown = [key for key in state if key not in wanted and not key.endswith(COUNTER)]
    if missing:
        instead = f" (it has {likest(missing[0], wanted, unknown, state)!r})" if unknown else ""
        return f"it lacks {missing[0]!r}{instead}"
    return f"it also has {unknown[0]!r}" if unknown else ""


def likest(key: str, wanted, unknown: list[str], state) -> str:
    """Of unknown names the one that most likely stands for the missing one: by shape, then by its end."""

    def alike(other: str) -> tuple:
        same_end = other.rpartition(".")[2] == key.rpartition(".")[2]
        return state[other].shape == wanted[key].shape, same_end

    best = max(map(alike, unknown))
    nearest = [other for other in unknown if alike(other) == best]
    return (difflib.get_close_matches(key, nearest, n=1, cutoff=0.0) or nearest)[0]


def resized(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> list[str]:
    """The names that both have, with tensors of different shapes."""
    return [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
