"""What `list groups` tells: groups as ChannelGroup names their parts, and why other layers stay whole."""

import torch
from torch import nn

from pruning import ChannelGraph, listing, terms
from pruning.criteria import CRITERIA
from pruning.experiment import Recipe


def test_groups_first_then_what_stays_each_with_its_reason():
    rows = listing.groups(Recipe(model="torchvision:resnet50", data="digits"))
    groups, stays = [row for row in rows if row["fixed"] is None], [row for row in rows if row["fixed"]]
    assert len(groups) == 37 and len(groups) + len(stays) == len(rows)
    (stream,) = [row for row in groups if row["name"] == "layer4.0.conv3"]
    assert (stream["size"], stream["kind"], stream["positions"]) == (2048, "stream", 1)
    assert stream["layers"] == [stream["name"], *stream["tied_to"]]
    assert stream["tied_to"] == ["layer4.0.downsample.0", "layer4.1.conv3", "layer4.2.conv3"]
    assert stream["readers"] == ["layer4.1.conv1", "layer4.2.conv1", "fc"]
    assert [(row["name"], row["fixed"]) for row in stays] == [("fc", "it is the network's output")]
    text = listing.as_table(rows)
    assert text.endswith("cannot be cut:\n  fc: it is the network's output")
    assert max(map(len, text.splitlines())) < 160


def test_a_depth_wise_layer_whose_channels_stay_has_a_reason_too():
    net = nn.Sequential(nn.Conv2d(3, 3, 3, groups=3), nn.Conv2d(3, 4, 3))
    rows = listing.group_rows(ChannelGraph(net, torch.rand(2, 3, 9, 9)).structure)
    assert [(row["name"], row["kind"]) for row in rows] == [("0", "fixed"), ("1", "fixed")]
    assert "those stay" in rows[0]["fixed"] and rows[1]["fixed"] == "it is the network's output"
    assert listing.as_table(rows).startswith("no channel group can be cut")


def test_criteria_stand_in_groups_and_each_in_one():
    rows = listing.criteria()
    assert sorted(row["name"] for row in rows) == sorted(CRITERIA)
    assert list(dict.fromkeys(row["group"] for row in rows)) == list(
        terms.CRITERIA
    )  # none by itself elsewhere
    assert [row["name"] for row in rows if row["group"] == "The four methods"] == [
        "cpot",
        "catro",
        "di",
        "gdp",
    ]
    text = listing.as_table(rows)
    assert all(f"{group}: {terms.in_common(group)}" in text for group in terms.CRITERIA)
    assert terms.grouped(["l1", "mine"]) == {"Weights and norms": ["l1"], terms.ELSEWHERE: ["mine"]}


def test_torchvisions_networks_stand_under_what_they_answer():
    one, every = listing.torchvisions().split("\n\n")
    assert "one class for an image:" in one and "resnet50," in one and "fcn_" not in one
    assert "a class for every pixel:" in every and every.count(",") == 6
    assert max(map(len, [*one.splitlines(), *every.splitlines()])) <= 100
    tasks = {row["name"]: row["task"] for row in listing.models()}
    assert tasks["resnet20"] != tasks["deeplabv3plus_small"]
