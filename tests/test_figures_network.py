"""The drawing of a network's groups: what shares a lane, where lines and branches run, what the sentence
says."""

import itertools

import pandas as pd
import pytest
import torch
from torch import nn

from pruning import ChannelGraph, load_model
from pruning.figures import network
from pruning.figures.method_style import QUIET
from pruning.inspection.preview import layer_table
from pruning.ui.network_drawing import COLUMNS, link_table


class Residual(nn.Module):
    """A stream written by stem and end, an inner group between them, a depth-wise convolution, a head."""

    def __init__(self):
        super().__init__()
        self.stem, self.start = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 1)
        self.depth = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.end, self.head = nn.Conv2d(6, 8, 1), nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x).relu()
        x = x + self.end(self.depth(self.start(x)).relu())
        return self.head(x.mean((2, 3)))


def links_of(model: nn.Module, side: int = 16) -> pd.DataFrame:
    structure = ChannelGraph(model, torch.rand(2, 3, side, side)).structure
    return link_table(structure, layer_table(structure))


@pytest.fixture(scope="module")
def links() -> pd.DataFrame:
    return links_of(Residual())


def texts(figure) -> list[str]:
    return [text for trace in figure.data if trace.text is not None for text in trace.text]


def test_a_row_says_what_each_layer_does_with_each_group(links):
    assert list(links.columns) == COLUMNS
    assert list(zip(links["layer"], links["role"], links["group"], strict=True)) == [
        ("stem", "writes", "stem"),
        ("start", "writes", "start"),
        ("start", "reads", "stem"),
        ("depth", "passes", "start"),
        ("end", "writes", "stem"),
        ("end", "reads", "start"),
        ("head", "fixed", ""),
        ("head", "reads", "stem"),
    ]
    head = links[links["layer"] == "head"].iloc[0]
    assert (head["inputs"], head["outputs"], head["reason"]) == (8, 4, "it is the network's output")


def test_ties_are_on_one_line_readers_at_the_end_of_a_branch_and_what_stays_is_grey(links):
    nodes, branches, lines = network.drawn(links)
    lane, colour = (dict(zip(nodes["layer"], nodes[name], strict=True)) for name in ("lane", "colour"))
    assert lane["stem"] == lane["end"] == 0 and lane["start"] == lane["depth"] == 1
    assert colour["stem"] == colour["end"] != colour["start"] == colour["depth"] != QUIET == colour["head"]
    stream = lines.set_index("group").loc["stem"]
    assert (stream["x"], stream["to_x"]) == (0, 3) and colour["stem"] == stream["colour"]
    ways = branches[["group", "x", "y", "to_x", "to_y"]].to_numpy().tolist()
    assert ["stem", 0, 0, 1, 1] in ways and ["start", 2, 1, 3, 0] in ways
    assert ["stem", 3, 0, 4, lane["head"]] in ways and len(ways) == 3


def test_a_mark_tells_layer_sizes_group_ties_and_reason(links):
    told = {text[3:].partition("</b>")[0]: text for text in texts(network.network(links))}
    assert set(told) == {"stem", "start", "depth", "end", "head"}
    assert "8 inputs, 6 outputs" in told["start"] and "reads stem" in told["start"]
    assert "group stem: 8 channels<br>pruned together with end" in told["stem"]
    assert "depth-wise" in told["depth"] and "pruned together with start" in told["depth"]
    assert "coupled to no other layer" in told["start"]
    assert "cannot be cut: it is the network's output" in told["head"]
    widths = {trace.line.width for trace in network.network(links, "stem").data if trace.mode == "lines"}
    assert max(widths) > max(t.line.width for t in network.network(links).data if t.mode == "lines")


@pytest.mark.parametrize("model", ["resnet20", "mobilenet_v2_slim", "vgg16_slim"])
def test_lines_of_one_lane_never_lie_over_each_other(model):
    links = links_of(load_model(model, "digits", "none"), 32)
    spans = links.groupby(network.keys(links))["place"].agg(["min", "max"])
    spans["lane"] = network.lanes(links)
    for _, lane in spans.groupby("lane"):
        ordered = lane.sort_values(["min", "max"])[["min", "max"]].itertuples(index=False, name=None)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(ordered))


def test_labels_are_few_and_name_the_parts():
    deep = [f"block{b}.conv{c}" for b in range(4) for c in range(10)]
    assert network.blocks(["stem", *deep]) == [(1, "block0"), (11, "block1"), (21, "block2"), (31, "block3")]
    assert network.blocks(["a.x", "a.y", "b"]) == [(0, "a.x"), (1, "a.y"), (2, "b")]


def test_the_sentence_counts_groups_ties_and_what_stays(links):
    words = network.network_in_words(links, "start")
    assert "5 layers" in words and "2 channel groups" in words and "the thick one is start's" in words
    assert "stem is written by 2 coupled layers, which are pruned together" in words
    assert "head cannot be cut" in words


def test_a_network_without_layers_or_without_groups_says_so(links):
    none, stays = links[:0], links[links["role"] == "fixed"].assign(place=0)
    assert "no convolution" in network.network(none).layout.annotations[0].text
    assert "no convolution" in network.network_in_words(none)
    assert network.network_in_words(stays) == "1 layer. head cannot be cut."
    assert len(texts(network.network(stays))) == 1
