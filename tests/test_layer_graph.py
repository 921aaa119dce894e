"""A network's layers as a graph, whole and cut: its numbers are the cost counter's and the cut network's."""

import numpy as np
import pytest
import torch
from torch import nn

import pruning
from pruning.figures.layered_layout import Edge, layout
from pruning.inspection.layer_graph_trace import layer_graph_of
from pruning.inspection.whole_and_cut import CLOSED, CUT, REST, WHOLE, whole_and_cut
from tests.zoo import ZOO

SMALL = (  # a name a kind of join, and what the cost counter counts in its own way
    *(
        "resnet20",
        "concatenation of two, read depth-wise",
        "channel shuffle by hand",
        "squeeze and excitation",
    ),
    *("channels last into linear, learned scale", "called twice, with different inputs"),
    *("own autograd function that mixes channels", "a U: skips, one way up learned and one bilinear"),
)


def graph_of(name: str) -> pruning.ChannelGraph:
    return pruning.ChannelGraph(*ZOO[name]())


@pytest.mark.parametrize("name", SMALL)
def test_the_numbers_are_the_plan_s_and_the_widths_those_of_the_network_really_cut(name):
    graph = graph_of(name)
    plan = pruning.plan(graph, pruning.score(graph, "random"), cut=0.4, measure="channels", groups="all")
    drawn = layer_graph_of(graph)
    table = whole_and_cut(drawn, plan.kept)
    assert (table["macs"].sum(), table["macs_cut"].sum()) == (plan.macs_before, plan.macs)
    assert table["parameters"].sum() == plan.parameters_before
    assert table["parameters_cut"].sum() == plan.parameters
    small = layer_graph_of(pruning.ChannelGraph(pruning.cut(graph.model, plan), graph.example))
    assert [node.name for node in small.nodes] == [node.name for node in drawn.nodes]
    assert [node.sources for node in small.nodes] == [node.sources for node in drawn.nodes]
    assert [len(node.channels) for node in small.nodes] == table.query("node >= 0")["channels_cut"].tolist()
    shapes = [" x ".join(map(str, node.shape)) for node in small.nodes]
    assert shapes == table.query("node >= 0")["shape_cut"].tolist()
    assert all(table["channels_cut"] <= table["channels"]) and (table["state"] == CUT).any()


def test_sums_and_concatenations_are_nodes_and_norms_are_told_with_what_they_follow():
    class Joins(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.three = (nn.Conv2d(3, 4, 3, padding=1) for _ in range(3))
            self.norm, self.last = nn.BatchNorm2d(4), nn.Linear(8, 2)
            self.scale = nn.Parameter(torch.ones(2))

        def forward(self, x):
            added = torch.relu(self.norm(self.one(x))) + self.two(x)
            joined = torch.cat([added, self.three(x)], 1)
            return self.last(joined.mean((2, 3))) * self.scale.exp()

    graph = layer_graph_of(pruning.ChannelGraph(Joins().eval(), torch.rand(2, 3, 6, 6)))
    names = [(node.name, node.kind, node.sources) for node in graph.nodes]
    assert names == [
        ("input", "input", ()),
        ("one", "convolution", (0,)),
        ("two", "convolution", (0,)),
        ("", "sum", (1, 2)),
        ("three", "convolution", (0,)),
        ("", "concatenation", (3, 4)),
        ("last", "linear", (5,)),
        ("output", "output", (6,)),
    ]
    assert graph.nodes[1].after == ("batch norm", "ReLU") and graph.nodes[5].after == ("average pooling",)
    assert graph.groups_of(graph.nodes[5]) == ("one", "three")
    table = whole_and_cut(graph, {})
    assert table.set_index("layer")["parameters"][["one", REST]].tolist() == [3 * 4 * 9 + 4 + 8, 2]
    assert set(table["state"]) == {WHOLE}


def test_a_branch_without_channels_is_closed_and_what_stays_is_not():
    graph = layer_graph_of(graph_of("resnet20"))
    table = whole_and_cut(graph, {"layer2.1.conv1": np.array([], int)}).set_index("layer")
    branch = ["layer2.1.conv1", "layer2.1.conv2"]
    assert (table.loc[branch, "state"] == CLOSED).all() and (table.loc[branch, "macs_cut"] == 0).all()
    assert set(table.drop(branch)["state"]) == {WHOLE}
    assert table.loc["layer2.1", "channels_cut"] == 32


def test_the_trace_leaves_the_network_as_it_was():
    model, example = ZOO["squeeze and excitation"]()
    graph, before = (
        pruning.ChannelGraph(model, example),
        {k: v.clone() for k, v in model.state_dict().items()},
    )
    model.train()
    layer_graph_of(graph)
    assert model.training and not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_layers_stand_in_rows_and_what_skips_others_has_a_track():
    residual = layout([(), (0,), (1,), (0, 2), (3,), (3, 4)])
    assert residual.rows == (0, 1, 2, 3, 4, 5) and set(residual.lanes) == {0} and residual.tracks == 1
    assert [edge for edge in residual.edges if edge.way == "track"] == [
        Edge(0, 3, "track", 0),
        Edge(3, 5, "track", 0),
    ]
    branches = layout([(), (0,), (0,), (2,), (0,), (1, 3, 4)])
    assert branches.rows == (0, 1, 1, 2, 1, 3) and branches.lanes == (0, 0, 1, 1, 2, 0)
    assert {edge.way for edge in branches.edges} == {"straight", "across"} and branches.tracks == 0


def test_no_line_of_a_layout_goes_through_a_node():
    for name in ("a U: skips, one way up learned and one bilinear", "squeeze and excitation", "two heads"):
        sources = [node.sources for node in layer_graph_of(graph_of(name)).nodes]
        placed = layout(sources)
        taken = set(zip(placed.rows, placed.lanes, strict=True))
        assert len(taken) == len(sources), "two nodes in one place"
        for edge in placed.edges:
            lane = placed.lanes[edge.source if edge.way == "down" else edge.target]
            between = range(placed.rows[edge.source] + 1, placed.rows[edge.target])
            assert edge.way == "track" or not any((row, lane) in taken for row in between)
