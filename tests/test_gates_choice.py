"""Whether the loss has a say in which gates shut: norms are held while it is asked, blocks fade by their last
norm, and the choice is better than chance."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning
from pruning.data import to_tensor
from pruning.experiment import Recipe
from pruning.experiment.loading import load
from pruning.gates import GateOptimizer, Gates, train_gates
from pruning.gates.loss_pull import ByWorth
from pruning.gates.training import LEAD
from pruning.gates.training_loop import OF_MAPS, Training
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.train import evaluate


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def digits():
    """A trained network, its data and graph, made anew each time: a training changes it."""
    return load(Recipe(model="resnet20", data="digits", criterion="l1"))


def masks():
    return load(Recipe(model="deeplabv3plus_small", data="scenes_masks", criterion="l1"))


def batch(loaded, count=48):
    split = loaded.data.train
    images = to_tensor(split.images[:count], loaded.model.origin.normalization, "cpu")
    return images, torch.from_numpy(np.array(split.labels[:count]))


def signed_sums(gates, images, labels) -> np.ndarray:
    """[groups]: over the gates of each group the sum of g x dL/dg, against that of its magnitudes."""
    F.cross_entropy(gates(images), labels).backward()
    told = gates.factors * gates.gradient
    return np.array(
        [abs(told[own].sum()) / np.abs(told[own]).sum() for own in gates.placement.starts.values()]
    )


def test_a_norm_that_follows_the_batch_leaves_the_loss_no_say_in_how_many_gates_shut():
    loaded = digits()
    gates, (images, labels) = Gates(loaded.graph), batch(loaded)
    gates.set(np.random.default_rng(0).uniform(0.5, 2, len(gates)), gates.eps)
    loaded.model.train()
    free = signed_sums(gates, images, labels)
    gates.norms_held = True
    held = signed_sums(gates, images, labels)
    assert len(free) == 9 and free.max() < 1e-3  # each of these layers is followed by a norm
    assert np.median(held) > 0.05
    assert all(module.training for module in loaded.model.modules())  # their modes came back


def test_norms_are_held_until_every_gate_is_decided_and_their_statistics_stay():
    loaded = digits()
    gates, (images, labels) = Gates(loaded.graph), batch(loaded, 4)
    mover = GateOptimizer(gates, cut=0.5, steps=10)
    before = loaded.model.bn1.running_mean.clone()
    loaded.model.train()
    for step in range(10):
        assert gates.norms_held == mover.loss_is_heard == (step < 3)
        F.cross_entropy(gates(images), labels).backward()
        assert torch.equal(loaded.model.bn1.running_mean, before) == (step < 3)
        mover.move()
    fresh = Gates(
        pruning.ChannelGraph(
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3)), torch.rand(2, 3, 9, 9)
        )
    )
    GateOptimizer(fresh, cut=0.3, steps=10)
    assert fresh.norms_held and not fresh._norms  # statistics that nobody has estimated are not held


@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_weights_of_a_segmenter_learn_at_a_share_of_the_rate_while_norms_are_held(task, monkeypatch):
    seen, backward = [], Training.backward

    def watched(run, *batch):
        seen.append((run.gates.norms_held, run.optimizer.param_groups[0]["lr"]))
        return backward(run, *batch)

    monkeypatch.setattr(Training, "backward", watched)
    loaded = digits() if task == "classification" else masks()
    trained(loaded, some(loaded, 80), cut=0.5, batch_size=8)
    held, free = ([rate for norms, rate in seen if norms is kept] for kept in (True, False))
    assert len(held) == 3 and len(free) == 7
    assert max(held) == pytest.approx((OF_MAPS if task == "segmentation" else 1.0) * 0.02, rel=0.1)
    assert free[0] == pytest.approx(0.02, rel=0.3)


def test_a_worth_is_the_mean_square_over_parts_in_units_of_its_group_and_of_its_block():
    pull = ByWorth([slice(0, 2), slice(2, 5)], [np.arange(2, 5)])
    gradient = np.array([[1.0, -2, 1, 1, 1, 3], [-1, 2, 1, -1, 2, 0]])
    pull.hear(gradient, np.array([1.0, 0.5, 1, 1, 1, 1]))
    assert pull.worth[:2] == pytest.approx([1, 1])  # 1 and 1, though both mean gradients are 0
    assert pull.worth[2:] == pytest.approx([1 / 1.5, 1 / 1.5, 2.5 / 1.5, 4.5 / 4.5])
    pull.hear(0 * gradient, np.ones(6))
    assert pull.squares[:2] == pytest.approx([0.5, 0.5])


def test_a_block_fades_by_the_gate_on_its_last_norm_and_is_absorbed_exactly():
    loaded = digits()
    gates, (images, _) = Gates(loaded.graph, blocks=True), batch(loaded)
    assert gates.block_norms == [(f"layer{s}.{b}.bn2",) for s in (1, 2, 3) for b in (0, 1, 2)]
    n, number = len(gates.placement.owner), 4
    (group,) = gates.blocks[number]
    scaled = gates.scaled.copy()
    scaled[n + number] = 0.5
    gates.set(scaled, gates.eps)
    half, norm = gates.factors[n + number], loaded.model.get_submodule(gates.block_norms[number][0])
    kept = norm.weight.detach().clone(), norm.bias.detach().clone()
    with torch.no_grad():
        faded = gates(images)
        norm.weight *= half
        norm.bias *= half
        assert torch.allclose(faded, loaded.model(images), atol=1e-5)
        norm.weight.copy_(kept[0])
        norm.bias.copy_(kept[1])
    outputs = []
    for inside in (1.0, 0.0):  # its channels open, then shut too: the same
        scaled[n + number] = 0
        scaled[gates.placement.starts[group]] = inside
        gates.set(scaled, gates.eps)
        outputs.append(gates(images).detach())
    with gates.inserted() as model:
        small = cut(model, gates.plan()).eval()
    outputs.append(small(images).detach())
    assert torch.equal(outputs[0], outputs[1])
    assert torch.allclose(outputs[0], outputs[2], atol=1e-5)
    assert torch.equal(norm.weight, kept[0]) and torch.equal(norm.bias, kept[1])


def test_a_block_whose_last_layer_is_heard_elsewhere_too_has_no_gate_on_its_norm():
    class Leaking(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.one = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
            self.two, self.norm = nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8)

        def forward(self, x):
            x = self.stem(x)
            y = self.two(torch.relu(self.one(x)))
            return x + self.norm(y) + 0.1 * y

    gates = Gates(pruning.ChannelGraph(Leaking().eval(), torch.rand(1, 3, 8, 8)), blocks=True)
    assert gates.block_norms == [()] and (gates.block_of >= 0).sum() == 6


def some(loaded, count=640):
    """Fewer training images, so that an epoch is quick."""
    data = loaded.data
    return dataclasses.replace(data, train=data.train.take(np.arange(count)))


def trained(loaded, data, **how):
    given = {"epochs": 1, "lr": 0.02, "batch_size": 32, "normalization": loaded.model.origin.normalization}
    return train_gates(loaded.model, loaded.graph, data, **(given | how))


def test_most_blocks_close_and_the_network_still_answers():
    loaded = digits()
    how = {"blocks": True, "epochs": 2, "max_cut_per_group": 0.8}  # so that only blocks can reach it
    gated = trained(loaded, some(loaded, 512), cut=0.85, **how)
    assert gated.closed and gated.between == 0
    plan = gated.gates.plan(0.85)
    assert plan.achieved == pytest.approx(0.85, abs=0.02)
    gated.gates.absorb()
    found = evaluate(
        cut(loaded.model, plan), loaded.data.test, normalization=loaded.model.origin.normalization
    )
    assert found.value > 0.4, found.value  # chance is a tenth


def test_what_gates_choose_is_better_than_chance_before_any_training():
    gated_one, whole = digits(), digits()
    gated = trained(gated_one, some(gated_one, 480), cut=0.6, batch_size=12)
    random, losses = np.random.default_rng(0), []
    sizes = {g: whole.graph.structure.groups[g].size for g in gated.kept}
    drawn = [
        {g: np.sort(random.permutation(sizes[g])[: len(kept)]) for g, kept in gated.kept.items()}
        for _ in range(3)
    ]
    for kept in (gated.kept, *drawn):
        scaled = np.concatenate([np.isin(np.arange(sizes[g]), kept[g]).astype(float) for g in kept])
        gates = Gates(whole.graph)
        gates.set(scaled, gates.eps)
        small = cut(whole.model, gates.plan())
        recalibrate(small, CalibrationImages(small, whole.data, 200, 0))
        normalization = whole.model.origin.normalization
        losses.append(evaluate(small, whole.data.test, normalization=normalization).loss)
    assert losses[0] < min(losses[1:]) and losses[0] < 0.75 * np.mean(losses[1:]), losses


def test_gates_that_start_from_a_criterion_change_no_output_and_stand_by_rank():
    loaded = digits()
    gated = trained(loaded, some(loaded, 64), cut=0.5, start="l1")
    start, scores = gated.trace.scaled[0], pruning.score(digits().graph, "l1")
    for name, own in zip(gated.trace.groups, gated.gates.placement.starts.values(), strict=True):
        assert np.array_equal(np.argsort(start[own]), np.argsort(scores[name]))
    assert 1 / LEAD < start.min() < 1 < start.max() < LEAD
    fresh = digits()
    gates, (images, _) = Gates(fresh.graph, start=start), batch(fresh, 4)
    assert torch.equal(gates(images), fresh.model(images))


@pytest.mark.parametrize("pull", ["worth", "signed"])
def test_a_step_that_overflows_says_nothing_of_the_gates(pull):
    """As the first ones under a scaled loss do; the worthless half of the channels goes all the same."""

    def kept(overflowing: tuple[int, ...]) -> tuple[list[int], tuple[str, ...]]:
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        network = nn.Sequential(*layers, nn.Linear(16, 5))
        with torch.no_grad():
            network[5].weight[:, 8:] *= 1e-3
        gates = Gates(pruning.ChannelGraph(network, torch.rand(1, 3, 16, 16)))
        mover = GateOptimizer(gates, cut=0.4, steps=40, pull=pull)
        for step in range(40):
            loss = F.cross_entropy(gates(torch.randn(16, 3, 16, 16)), torch.randint(0, 5, (16,)))
            (loss * (torch.inf if step in overflowing else 1.0)).backward()
            mover.move()
        mover.finish()
        return gates.plan().kept["0"].tolist(), gates.plan().messages

    (calm, _), (once, told) = kept(()), kept((0, 1))
    assert "in 2 steps no gradient of the loss was finite" in told[-1]
    if pull == "worth":
        assert set(once) >= set(range(8)) and set(calm) >= set(range(8))
    with pytest.raises(ValueError, match="the loss has had no finite gradient in 12 steps"):
        kept(tuple(range(40)))


def test_a_move_without_a_loss_is_said():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    graph = pruning.ChannelGraph(network, torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match="before each move, call backward"):
        GateOptimizer(Gates(graph), cut=0.3, steps=10).move()
    with pytest.raises(ValueError, match="graph is a Sequential; give pruning.ChannelGraph"):
        Gates(network)
    with pytest.raises(ValueError, match="gates is a ChannelGraph; give pruning.gates.Gates"):
        GateOptimizer(graph, cut=0.3, steps=10)
