"""What things are called and how numbers are written, in every text: figures, pages, messages and the command
line. A recipe's own values (`error`, `match`, `l1`) stay as they are in files, links and flags."""

from collections.abc import Collection, Iterable, Mapping
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
        "They use the weights alone: no images, and hardly any time.",
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
    "error": Term("reconstruction error", "where the error after repair rises least"),
    "uniform": Term("uniform", "one ratio for every group"),
    "global": Term("global ranking", "one ranking over all groups"),
    "greedy": Term("greedy search", "step by step, where it costs least"),
    "trace-ratio": Term("trace ratio", "least separation of classes lost"),
    "gates": Term("open gates", "as many as training leaves open"),
}
REPAIRS = {
    "none": Term("no repair", "the network as it was cut"),
    "recalibrate": Term("batch norm recalibration", "batch norm statistics are estimated anew"),
    "transport": Term("transport to heirs", "each cut channel is replaced by one that stays, its heir"),
    "merge": Term(
        "least-squares merging", "each cut channel is replaced by a weighted sum of those that stay"
    ),
    "reconstruct": Term("least-squares reconstruction", "every layer that reads what was cut is refitted"),
    "match": Term(
        "block-wise feature matching",
        "reconstruction, then gradient steps on all weights until blocks give the full network's features",
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
    "95 % interval": "A range made so that it contains the true value in 95 of 100 such measurements.",
    "accuracy": "Share of the images whose class the network predicts correctly.",
    "activation": "What a layer computes for an image: a map of numbers for each channel.",
    "Adam": "A gradient method that scales the step of every weight by how large its gradients have been.",
    "barycenter": "The distribution with the smallest summed transport cost to all channels of a layer.",
    "batch": "The images that a network computes together in one step.",
    "batch norm": "A layer that shifts and scales every channel by statistics of the images it has seen.",
    "between-class scatter": "Squared distances of the class means from the mean of all images, by channel.",
    "block": "A few layers in a row that form a unit of the network, such as a residual block.",
    "channel": "One of the maps that a layer writes; pruning removes whole channels.",
    "channel group": "Channels of coupled layers that can only be cut together, as those of a residual sum.",
    "checkpoint": "A file with a network's weights.",
    "control": "A run that differs from a method in one point alone, to see what that point does.",
    "convolution": "A layer that slides small filters over its input; each filter writes one channel.",
    "criterion": "A rule that gives every channel a score; the lowest are cut first.",
    "cross-entropy": "The loss of a classifier, in nats: 0 if sure and right, large if sure and wrong.",
    "cut": "Which share of the network is removed; also, to remove it.",
    "discriminant information": (
        "How well a linear classifier predicts the class from the channels of a layer; 0 if not at all."
    ),
    "distribution": "Numbers of at least 0 that sum to 1, each at a place.",
    "eps": "What makes the gates' curve steep or gentle; it falls in training, so gates end near 0 or 1.",
    "feature map": "The values of one channel for one image, one at each place.",
    "filter": "The weights that write one channel: a small kernel for every channel that the layer reads.",
    "fine-tuning": "Training a network further, with labels, after it was cut.",
    "full network": "The network before anything is cut, which everything is compared with.",
    "gate": "A number between 0 and 1 that multiplies a channel and is trained along with the network.",
    "heir": "The channel that stays and takes over the weights of one that is cut.",
    "hold-out images": "Training images set aside, on which choices are made; test images stay unseen.",
    "kernel": "The small array of weights, often 3 x 3, by which a filter reads one channel.",
    "KL divergence": (
        "How far the predictions of one network are from those of another, in nats; 0 if they are equal."
    ),
    "label": "The true class of an image.",
    "latency": "The time that a network takes for a batch of images, in milliseconds.",
    "least squares": "Choosing weights so that the sum of squared errors is as small as it can be.",
    "MACs": (
        "Multiply-accumulates of convolutions and linear layers, for one image; many papers call them FLOPs."
    ),
    "matching": (
        "Gradient steps on all weights of a block, until it gives what the full network's block gives."
    ),
    "mean IoU": "How well masks fit: intersection over union with the true masks, averaged over classes.",
    "Muon": "A gradient method for matrices, whose steps change all directions equally.",
    "oracle": "The measured loss of removing a channel, by which criteria are judged.",
    "parameters": "The numbers that a network has learned: its weights and biases.",
    "plan": "Which channels stay in every group, made from scores and an allocation.",
    "polarization": "The parting of gates in training: some end at 0, the others near 1.",
    "pruning": "Removing channels for good, so that an ordinary, smaller network is left.",
    "quantization": "Storing weights in a few bits each, as whole numbers with a scale.",
    "recipe": "Everything that a run depends on: network, data, and every choice; a link is a recipe.",
    "reconstruction error": (
        "The share of a layer's output variance that is lost after a cut, even when its weights are refitted."
    ),
    "residual connection": "A sum of a layer's output and an earlier one; it ties their channels together.",
    "ridge": "A penalty on large weights in a least-squares fit, so that few images do not decide too much.",
    "score": "The number that a criterion gives a channel; the higher, the more worth keeping.",
    "teacher": "In distillation, the full network, whose predictions the pruned one learns.",
    "test images": "Images that the network has never seen, used only to report what came out.",
    "trace ratio": "Summed between-class scatter over summed within-class scatter of a set of channels.",
    "transport distance": "The least cost of moving the mass of one distribution until it equals another.",
    "width": "How many channels a layer or a group has.",
    "within-class scatter": "Squared distances of images from the mean of their own class, by channel.",
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
    """As the command line has them: "uniform: one ratio for every group; global: ..."."""
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


def told_apart(names: Collection[str], most: int = 28) -> dict[str, str]:
    """{name: shortened}, all of them a little longer where two would be the same."""
    while len({shortened(name, most) for name in names}) < len(set(names)):
        most += 2
    return {name: shortened(name, most) for name in names}


def sentence(text: str) -> str:
    """The text with a capital at its beginning; the rest of it as it is."""
    return text[:1].upper() + text[1:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """1 layer, 2 layers, 1,024 layers; many: where it is not the one with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
