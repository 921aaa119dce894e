"""Training with gates: paused, stopped, broken and gone on with; its controls; any optimizer."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning
from pruning.figures import gates as figures
from pruning.gates import Gates, train_gates
from pruning.gates.gate_optimizer import GateOptimizer
from pruning.jobs import Event
from pruning.models import Normalization
from pruning.progress import Paused
from pruning.train import Saved
from pruning.ui.gates.training_events import trace_of
from tests.zoo import conv

PLAIN = Normalization((0.0,) * 3, (1.0,) * 3, "none")
EPOCHS, BATCH = 3, 32


class Small(nn.Module):
    """Two stages, one with a block that may close, dropout and norms."""

    def __init__(self):
        super().__init__()
        self.stem, self.inside, self.back = conv(3, 12), conv(12, 16), conv(16, 12)
        self.norms = nn.ModuleList([nn.BatchNorm2d(12), nn.BatchNorm2d(16), nn.BatchNorm2d(12)])
        self.down, self.head = nn.Conv2d(12, 20, 3, stride=2), nn.Linear(20, 10)

    def forward(self, x):
        x = F.relu(self.norms[0](self.stem(F.avg_pool2d(x, 4))))
        x = F.relu(x + self.norms[2](self.back(F.relu(self.norms[1](self.inside(x))))))
        return self.head(F.dropout(F.relu(self.down(x)).mean((2, 3)), 0.1, self.training))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def few():
    """Some of the digits, so that an epoch has eight steps."""
    data = pruning.load_data("digits")
    return dataclasses.replace(
        data, train=data.train.take(np.arange(257)), holdout=data.holdout.take(np.arange(32))
    )


def trained(few, *, cut=0.4, **more):
    torch.manual_seed(1)
    model = Small()
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, few.size, few.size))
    where = {"lr": 0.02, "batch_size": BATCH, "normalization": PLAIN, "groups": "all"}
    return train_gates(model, graph, few, cut=cut, epochs=EPOCHS, **(where | more))


@pytest.fixture(scope="module")
def whole(few):
    return trained(few)


def weights(gated):
    return torch.cat([tensor.flatten().float() for tensor in gated.gates.model.state_dict().values()])


def left(gated) -> float:
    placement = gated.gates.placement
    widths = placement.limits.sizes.copy()
    for g, channels in gated.kept.items():
        widths[g] = len(channels)
    return placement.left(widths)


def test_the_target_is_reached_and_told_step_by_step(whole):
    assert left(whole) == pytest.approx(0.6, abs=0.03)  # one channel of so small a network is 5 %
    assert whole.between == 0 and len(whole.history) == EPOCHS and not whole.stopped
    rows = whole.trace.rows
    assert rows["step"].tolist() == list(range(25)) and rows["eps"].is_monotonic_decreasing
    missed = rows["left"] - rows["target"].shift(1, fill_value=1)
    assert (missed[rows["step"] < 8] < 1e-6).all()  # while the loss has a say, a target is never missed,
    assert (missed < 0.03).all()  # and then by less than half a channel
    assert whole.trace.scaled.shape == (25, 48)
    shut = whole.trace.scaled[-1] == 0
    told = np.concatenate([whole.scores[name] for name in whole.trace.groups])
    assert (told[shut] < 0).all() and (told[~shut] > 0.5).all()
    first = (whole.trace.scaled == 0).argmax(axis=0)[shut]
    order = np.argsort(told[shut], kind="stable")
    assert (np.diff(first[order]) >= 0).all()  # of shut gates the later is the higher


def test_paused_in_the_middle_of_an_epoch_and_gone_on_with_it_ends_the_same(few, whole, tmp_path):
    saved = Saved(tmp_path / "state")

    def pausing(stage, done, total, **values):
        if done == 12:
            saved.ask("pause")

    with pytest.raises(Paused):
        trained(few, saved=saved, watch=pausing)
    saved.ask(None)
    again = trained(few, saved=saved)
    assert torch.equal(weights(again), weights(whole))
    assert np.array_equal(again.gates.scaled, whole.gates.scaled)
    assert again.history[0]["loss"] == whole.history[0]["loss"]
    assert again.trace.rows.equals(whole.trace.rows)


def test_what_is_told_as_it_trains_is_its_trace_and_unmoved_gates_are_where_their_line_is(few):
    events = []

    def heard(stage, done, total, **values):
        events.append(Event(stage, done, total, values, 0.0))

    gated = trained(few, watch=heard, control="frozen")
    told = trace_of(events)
    assert told.rows["step"].tolist() == gated.trace.rows["step"].tolist() == list(range(25))
    assert np.allclose(told.rows, gated.trace.rows, equal_nan=True)
    assert told.rows["epoch"].tolist() == [1, *np.repeat([1, 2, 3], 8)]
    for trace in (told, gated.trace):
        assert np.allclose(trace.scaled, figures.frozen(trace.rows)[:, None], rtol=2e-3)
        assert "All start at 0.5;" in figures.paths_in_words(figures.paths(trace), 48)


def test_stopped_it_keeps_what_is_shut_by_then(few, tmp_path):
    saved = Saved(tmp_path / "state")

    def stopping(stage, done, total, **values):
        if done == 10:
            saved.ask("stop")

    gated = trained(few, saved=saved, watch=stopping)
    assert gated.stopped and "Stopped after 10 of 24 steps" in " ".join(gated.messages)
    assert left(gated) > 0.6


def test_a_loss_that_is_no_number_leaves_the_last_good_epoch(few, tmp_path):
    models = []

    def breaking(stage, done, total, **values):
        if done == 12:
            with torch.no_grad():
                models[0].head.weight.fill_(math.nan)

    torch.manual_seed(1)
    models.append(Small())
    graph = pruning.ChannelGraph(models[0], torch.zeros(1, 3, few.size, few.size))
    how = {"cut": 0.4, "epochs": EPOCHS, "lr": 0.02, "batch_size": BATCH, "normalization": PLAIN}
    gated = train_gates(models[0], graph, few, **how, watch=breaking, saved=Saved(tmp_path / "state"))
    assert gated.stopped and "The state after epoch 1 is kept" in " ".join(gated.messages)
    assert torch.isfinite(weights(gated)).all()
    with pytest.raises(ValueError, match="not finite after .* give a smaller lr"):
        trained(few, lr=1e9)


def test_controls_shut_as_many_at_random_or_none(few, whole):
    drawn = trained(few, control="random")
    assert {g: len(kept) for g, kept in drawn.kept.items()} == {g: len(k) for g, k in whole.kept.items()}
    assert any(not np.array_equal(drawn.kept[g], whole.kept[g]) for g in whole.kept)
    frozen = trained(few, control="frozen")
    assert left(frozen) == 1 and "never moves" in " ".join(frozen.messages)
    assert frozen.trace.values[0] == pytest.approx(0.5) and frozen.trace.values[-1] == pytest.approx(
        0.999, abs=1e-3
    )


def test_a_loss_that_would_shut_everything_is_held_at_the_target_and_says_so(few):
    gated = trained(few, gate_rate=1e6, cut=0.3, pull="signed")
    assert left(gated) == pytest.approx(0.7, abs=0.03)
    placement = gated.gates.placement
    assert all(
        len(kept) >= placement.floors[g] or g in placement.branches[0] for g, kept in gated.kept.items()
    )


def test_gates_train_with_any_optimizer_in_a_loop_of_ones_own():
    torch.manual_seed(0)
    model, images, labels = Small(), torch.randn(16, 3, 32, 32), torch.arange(16) % 10
    gates = Gates(pruning.ChannelGraph(model, images[:1]))
    mover = GateOptimizer(gates, cut=0.3, steps=20)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(gates(images), labels).backward()
        optimizer.step()
        mover.move()
    mover.finish()
    assert type(model) is Small and "gate" not in " ".join(model.state_dict())
    plan, gated = gates.plan(), gates(images[:2])
    assert plan.achieved == pytest.approx(0.3, abs=0.03) and not plan.messages
    gates.absorb()
    assert torch.allclose(pruning.cut(model.eval(), plan)(images[:2]), model(images[:2]), atol=1e-5)
    assert gated.shape == (2, 10)
