"""Torchvision's own networks: cut equals masked, cost equals the counter. All of them: docs/engine.md."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model

import pruning
from pruning.channels.ids import flat
from pruning.train import evaluate
from tests.front_door import forked
from tests.mask_data import write_voc
from tests.zoo import seeded

# name -> side of the images
NETWORKS = {
    **dict.fromkeys(("mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x1_0"), 64),
    **dict.fromkeys(("squeezenet1_1", "googlenet", "densenet121", "regnet_y_400mf", "mnasnet1_0"), 64),
    **dict.fromkeys(("resnext50_32x4d", "lraspp_mobilenet_v3_large", "convnext_tiny", "swin_t"), 64),
}
# what leaves at most so much of the MACs when half of the inner channels go
LEAST = dict.fromkeys(NETWORKS, 0.6) | {"swin_t": 0.96}


def made(name):
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    options |= {"weights_backbone": None} if name.startswith("lraspp") else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = seeded(get_model(name, weights=None, **options))
        return model, torch.randn(1, 3, NETWORKS[name], NETWORKS[name])


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_cut_equals_masked_and_cost_the_counter(name):
    torch.set_num_threads(1)
    model, example = made(name)
    graph = pruning.ChannelGraph(model, example)
    assert graph.verified
    under_norms = [group.name for group in graph.groups if group.renormalised]
    scores = pruning.score(graph, "random")
    for groups in ("inner", "all"):
        options = {"cut": 0.5, "measure": "channels", "groups": groups}
        plan = pruning.plan(graph, scores, protect=under_norms, **options)
        with pruning.masked(model, plan):
            masked = flat(model(example))
        small = pruning.cut(model, plan)
        for a, b in zip(masked, flat(small(example)), strict=True):
            assert (a - b).abs().max() <= 1e-5 * a.abs().max()
        plan = pruning.plan(graph, scores, **options)
        small = pruning.cut(model, plan)
        with FlopCounterMode(display=False) as counter:
            small(example)
        attention = sum(
            flops for kind, flops in counter.get_flop_counts()["Global"].items() if "bmm" in str(kind)
        )
        assert 2 * plan.macs == counter.get_total_flops() - attention
        assert plan.parameters == sum(p.numel() for p in small.parameters())
        assert groups == "all" or plan.macs / plan.macs_before <= LEAST[name]


def test_a_segmenter_with_weights_from_a_file_is_pruned_on_a_folder(tmp_path):
    name, folder = "lraspp_mobilenet_v3_large", write_voc(tmp_path / "voc", 10)
    whole = seeded(get_model(name, weights=None, weights_backbone=None, num_classes=21))
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    words = ("--model", f"torchvision:{name}", "--checkpoint", tmp_path / "w.pth", "--data", folder)
    how = ("--size", 33, "--cut", 0.4, "--repair", "recalibrate", "--threads", 1, "--out", tmp_path / "out")
    done = forked("run", *words, *how)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "under 'out'" in " ".join(report["messages"])
    assert report["macs"]["final"] / report["macs"]["baseline"] == pytest.approx(0.6, abs=0.01)
    small, data = pruning.load(tmp_path / "out"), pruning.load_data(folder, size=33)
    found = evaluate(small, data.test, normalization=small.origin.normalization)
    assert found.value == report["values"]["repaired"] and report["metric"]["name"] == data.task.metric.name
