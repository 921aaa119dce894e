"""A network's layers as a graph: who reads whom, and which channels pass. Sums and concatenations are nodes
too; norms and activations are told with the layer that they follow."""

from dataclasses import dataclass

import numpy as np

from pruning.channels.structure import Structure

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True, eq=False)
class Node:
    """A layer, or what joins the answers of several.

    name: the module's.   kind: a LayerRecord's, or input, output, sum, product, concatenation ...   sources:
    positions of the nodes that it reads.   channels: [C], of its answer, each as its place among all channels
    of the structure's groups, -1 where it can't be cut.   reads: the same of what a layer is given, else
    None. shape: of its answer, without the batch.   axis: which of its dimensions the channels lie along,
    None where they have none of their own.   weight: of a layer.   share: of the weight's MACs that this call
    makes.   again: the layer has run before.   after: norms, activations and pooling that follow. tensors:
    parameters that it takes."""

    name: str
    kind: str
    sources: tuple[int, ...]
    channels: np.ndarray
    reads: np.ndarray | None = None
    shape: tuple[int, ...] = ()
    axis: int | None = None
    weight: str = ""
    share: float = 0.0
    again: bool = False
    after: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """nodes: in the order in which they run.   structure: of the same network."""

    structure: Structure
    nodes: tuple[Node, ...]

    def groups_of(self, node: Node) -> tuple[str, ...]:
        """The channel groups of a node's answer, the one that most of its channels are of first."""
        places = node.channels[node.channels >= 0]
        numbers, counts = np.unique(
            np.searchsorted(self.structure.starts, places, side="right") - 1, return_counts=True
        )
        return tuple(self.structure.names[number] for number in numbers[np.argsort(-counts, kind="stable")])
