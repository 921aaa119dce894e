"""What things are called and how numbers are written, in every text: figures, pages, messages and the command
line. A recipe's own values (`error`, `match`, `l1`) stay as they are in files, links and flags."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Term(NamedTuple):
    """title: the name in a text or a legend.   about: a few words beside it in a list."""

    title: str
    about: str


# Criteria by group, in the order of every list: {group: (what they have in common, {criterion: its terms})}.
CRITERIA: dict[str, tuple[str, dict[str, Term]]] = {
    "The four methods": (
        "After their papers; docs/methods/ says what is the paper's and what our reading.",
        {
            "cpot": Term("CPOT", "optimal transport"),
            "catro": Term("CATRO", "class-aware trace ratio"),
            "di": Term("DI", "discriminant information"),
            "gdp": Term("GDP", "gates that polarize"),
        },
    ),
    "Weights and norms": (
        "They use the weights alone: no image, no time.",
        {
            "l1": Term("L1 norm", "sum of |weights|"),
            "l2": Term("L2 norm", "Euclidean norm"),
            "fpgm": Term("FPGM", "geometric median"),
            "slimming": Term("Slimming", "batch norm scale"),
        },
    ),
    "Attribution": (
        "They use gradients of the loss or of the true class's score.",
        {
            "taylor": Term("Taylor", "change of the loss"),
            "gradient_x_activation": Term("Gradient x activation", "class score"),
            "integrated_gradients": Term("Integrated gradients", "class score"),
            "conductance": Term("Conductance", "class score through a layer"),
        },
    ),
    "Ours": (
        "What the layers that read a channel lose without it.",
        {
            "reconstruction": Term("Reconstruction", "least-squares error"),
            "energy": Term("Energy", "variance where read"),
        },
    ),
    "Control": (
        "What every criterion has to beat.",
        {"random": Term("Random", "drawn at random")},
    ),
}
ELSEWHERE = "Others"  # the group of a criterion that the table above does not name

ALLOCATIONS = {
    "error": Term("reconstruction error", "where the least is left after repair"),
    "uniform": Term("uniform", "the same ratio in every group"),
    "global": Term("global ranking", "one ranking over all groups"),
    "greedy": Term("greedy search", "step by step, at least cost"),
    "trace-ratio": Term("trace ratio", "least separation of classes lost"),
    "gates": Term("open gates", "as many as training leaves open"),
}
REPAIRS = {
    "none": Term("no repair", "the network as it was cut"),
    "recalibrate": Term("batch norm recalibration", "batch norm statistics are estimated anew"),
    "transport": Term("transport to heirs", "one channel that stays takes over from each that goes"),
    "merge": Term("least-squares merging", "those that stay are combined in place of each that goes"),
    "reconstruct": Term("least-squares reconstruction", "every layer that reads what was cut is refitted"),
    "match": Term(
        "block-wise feature matching",
        "reconstruction, then all weights are moved until every block gives the full network's features",
    ),
}
MERGING = ("transport", "merge")  # repairs that hand the weights of what goes to what stays
MEASURE_NAMES = {"macs": "MACs", "params": "parameters", "channels": "channels", "latency": "latency"}
RUNTIMES = {
    "torch": "PyTorch",
    "compile": "torch.compile",
    "onnxruntime": "onnxruntime",
    "openvino": "OpenVINO",
}

# One sentence a term, with which it begins: the glossary's, and that of every tooltip about it.
GLOSSARY = {
    "accuracy": "Share of the images whose class the network says correctly.",
    "activation": "What a layer gives for an image: a map of numbers a channel.",
    "barycenter": "The distribution with the least summed transport cost to all channels of a layer.",
    "batch norm": "A layer that shifts and scales every channel by statistics of the images it has seen.",
    "channel": "One of the maps that a layer writes; pruning removes whole channels.",
    "channel group": "Channels of coupled layers that can only be cut together, as those of a residual sum.",
    "95 % interval": "A range made so that it holds the true value in 95 of 100 such measurements.",
    "convolution": "A layer that slides small filters over its input; each filter writes one channel.",
    "criterion": "What ranks channels: a score for each, and the lowest go first.",
    "cross-entropy": "The loss of a classifier, in nats: 0 if sure and right, large if sure and wrong.",
    "filter": "The weights that write one channel: a small kernel for every channel that the layer reads.",
    "fine-tuning": "Training a network further, with labels, after it was cut.",
    "full network": "The network before anything is cut, which everything is compared with.",
    "gate": "A number between 0 and 1 that multiplies a channel and is trained along with the network.",
    "hold-out images": "Training images set aside, on which choices are made; test images stay unseen.",
    "label": "The true class of an image.",
    "latency": "The time that a network takes for a batch of images, in milliseconds.",
    "MACs": (
        "Multiply-accumulates of convolutions and linear layers, for one image; many papers call them FLOPs."
    ),
    "mean IoU": "How well masks fit: intersection over union with the truth, averaged over classes.",
    "oracle": "The measured loss of removing a channel, by which criteria are judged.",
    "parameters": "The numbers that a network has learned: its weights and biases.",
    "plan": "Which channels stay in every group, made from scores and an allocation.",
    "pruning": "Removing channels for good, so that an ordinary, smaller network is left.",
    "quantization": "Storing weights in a few bits each, as whole numbers with a scale.",
    "recipe": "Everything that a run depends on: network, data, and every choice; a link is a recipe.",
    "residual connection": "A sum of a layer's output and an earlier one; it ties their channels together.",
    "ridge": "A penalty on large weights in a least-squares fit, so that few images do not decide too much.",
    "score": "A number a channel by a criterion; higher means keep.",
    "test images": "Images that the network has never seen, used only to report what came out.",
    "width": "How many channels a layer or a group has.",
}

_TERMS = {name: term for _, terms in CRITERIA.values() for name, term in terms.items()}


def title(criterion: str) -> str:
    """A criterion's name as it is written in a text or a legend: "L1 norm" for l1."""
    return _TERMS[criterion].title if criterion in _TERMS else criterion


def titled(criterion: str) -> str:
    """A criterion in a list to choose from: "L1 norm · sum of |weights|"."""
    return f"{title(criterion)} · {_TERMS[criterion].about}" if criterion in _TERMS else criterion


def in_common(group: str) -> str:
    """What the criteria of a group have in common, in a sentence."""
    return CRITERIA[group][0] if group in CRITERIA else "Criteria of your own."


def grouped(criteria: Iterable[str]) -> dict[str, list[str]]:
    """{group: its criteria}, both in the order of every list, of those given; empty groups are left out."""
    given = list(criteria)
    groups = {group: [name for name in terms if name in given] for group, (_, terms) in CRITERIA.items()}
    groups[ELSEWHERE] = [name for name in given if name not in _TERMS]
    return {group: names for group, names in groups.items() if names}


def listed(terms: Mapping[str, Term]) -> str:
    """As the command line has them: "uniform: the same ratio in every group; global: ..."."""
    return "; ".join(f"{value}: {term.about}" for value, term in terms.items()) + "."


def percent(share: float, digits: int = 1, *, signed: bool = False) -> str:
    """0.9441 -> 94.4 %; with digits=0 94 %; signed: +3.1 %."""
    return f"{100 * share:{'+' if signed else ''}.{digits}f} %"


def shortened(name: str, most: int = 28) -> str:
    """A layer's dotted name, its middle left out where it is longer than `most` letters: both ends say where
    the layer is, features.dense…layer12.conv1."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}…{name[len(name) - (most - 1 - head) :]}"


def sentence(text: str) -> str:
    """The text with a capital at its beginning; the rest of it as it is."""
    return text[:1].upper() + text[1:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """1 layer, 2 layers, 1,024 layers; many: where it is not the one with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
