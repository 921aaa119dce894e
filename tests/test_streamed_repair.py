"""A reconstruction that streams: any batches and any budget give the same weights; the best step is kept."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

import pruning
from pruning.reconstruction import activation_store, best_step, paused_passes
from pruning.reconstruction import refit as refit_module
from pruning.reconstruction.activation_store import BUDGET, ActivationStore, Scratch
from pruning.reconstruction.least_squares import RunningSums, solved
from pruning.statistics.calibration_images import CalibrationImages
from tests.zoo import cut_network

IMAGES = 24


class Stashing(nn.Module):
    """Keeps what it will need later in an attribute, as some published networks do."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        self.early = self.first(x).relu()
        later = self.second(self.early).relu()
        return self.head(later + self.early).mean((2, 3))


def stashing():
    torch.manual_seed(0)
    model = Stashing().eval()
    images = torch.randn(IMAGES, 3, 8, 8)
    graph = pruning.ChannelGraph(model, images[:2])
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, measure="channels", groups="all")
    return graph, plan, (images, torch.zeros(IMAGES, dtype=torch.int64))


NETWORKS = {
    "resnet20": lambda: cut_network("resnet20"),
    "read depth-wise": lambda: cut_network("concatenation of two, read depth-wise"),
    "keeps maps in attributes": stashing,
}


def reconstructed(given, calibration=IMAGES):
    graph, plan, data = given
    small = pruning.cut(graph.model, plan)
    pruning.repair(small, plan, graph.model, data, "reconstruct", calibration=calibration)
    return small.state_dict()


def must_agree(one, other, **tolerance):
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], **tolerance, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_by_batch_is_all_at_once(name, monkeypatch):
    given = NETWORKS[name]()
    at_once = reconstructed(given)
    monkeypatch.setattr(paused_passes, "BYTES", 0)  # one image at a time
    must_agree(reconstructed(given), at_once, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_lies_on_disk_meanwhile_changes_nothing(name, monkeypatch):
    given = NETWORKS[name]()
    monkeypatch.setattr(paused_passes, "BYTES", 2**20)
    monkeypatch.setenv(BUDGET, "4096")
    in_memory = reconstructed(given)
    monkeypatch.setenv(BUDGET, "0")
    monkeypatch.setattr(activation_store, "SMALL", 1)
    written = []
    write = Scratch.write
    monkeypatch.setattr(Scratch, "write", lambda self, parts: write(self, written.extend(p := [*parts]) or p))
    graph, plan, data = given
    small = pruning.cut(graph.model, plan)
    told = pruning.repair(small, plan, graph.model, data, "reconstruct", calibration=IMAGES)
    must_agree(small.state_dict(), in_memory, rtol=0, atol=0)
    assert written and any("lay in temporary files" in message for message in told)


def test_views_and_shared_memory_come_back_as_they_were():
    whole = torch.arange(12.0)
    view, before = whole.view(3, 4)[1:], whole.clone()
    store, file = ActivationStore(0, []), Scratch()
    activation_store_small, activation_store.SMALL = activation_store.SMALL, 1
    try:
        parked = store.park([whole, view], file)
        assert whole.untyped_storage().nbytes() == 0 and store.written == 48
        store.fetch(parked, file)
    finally:
        activation_store.SMALL = activation_store_small
        file.close()
    assert torch.equal(whole, before) and torch.equal(view, before.view(3, 4)[1:]) and store.written == 0


def test_the_network_itself_is_never_written_away():
    own = torch.ones(4096)
    parked = ActivationStore(0, [own]).park([own.view(64, 64)], Scratch())
    assert parked.bytes == 0 and own.untyped_storage().nbytes() == 4 * 4096


@pytest.mark.parametrize("columns", [6, 50])  # fewer and more than rows: the primal form, the dual one
@pytest.mark.parametrize("intercept", [True, False])
def test_rows_some_at_a_time_are_all_rows(columns, intercept):
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 40, columns, generator=random, dtype=torch.float64) + 3
    lacks = torch.randn(2, 40, 3, generator=random, dtype=torch.float64) - 2
    sums = RunningSums(30, intercept=intercept, ridges=(0.1,))
    for first in (0, 7, 21):
        part = slice(first, {0: 7, 7: 21, 21: 40}[first])
        sums.add(rows[:, part], lacks[:, part], torch.arange(40)[part] >= 30)
    found, wanted = sums.solved(), solved(rows[:, :30], lacks[:, :30], intercept=intercept, ridge=0.1)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
    primal = RunningSums(10**6, intercept=intercept, ridges=(0.1,))
    primal.add(rows[:, :30], lacks[:, :30], torch.zeros(30, dtype=torch.bool))
    torch.testing.assert_close(primal.solved()[0], found[0], rtol=1e-8, atol=1e-10)


def test_an_error_on_the_way_ends_all_passes_and_leaves_the_network(monkeypatch):
    graph, plan, data = cut_network("resnet20")
    small = pruning.cut(graph.model, plan)
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    monkeypatch.setenv(BUDGET, "0")
    monkeypatch.setattr(activation_store, "SMALL", 1)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(activation_store.tempfile, "TemporaryFile", full)
    threads = threading.active_count()
    with pytest.raises(ValueError, match="use fewer images, or more memory by PRUNING_ACTIVATION_MIB"):
        pruning.repair(small, plan, graph.model, data, "reconstruct", calibration=IMAGES)
    assert threading.active_count() == threads
    must_agree(small.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("told", ["much", "-", "-5", "inf", "nan"])
def test_a_budget_that_is_no_number_says_what_would_be(told, monkeypatch):
    monkeypatch.setenv(BUDGET, told)
    with pytest.raises(ValueError, match="give a number of MiB, such as 512"):
        activation_store.budget()


def test_a_worker_of_the_app_keeps_within_what_it_may_use(monkeypatch):
    monkeypatch.delenv(BUDGET, raising=False)
    monkeypatch.setattr(activation_store, "free_memory", lambda device: 100 * 2**30)
    assert activation_store.budget() == 10 * 2**30
    monkeypatch.setenv(activation_store.LIMIT, "2")
    assert activation_store.budget() == 2**29
    monkeypatch.setattr(activation_store, "free_memory", lambda device: 0)
    assert activation_store.budget() == activation_store.LEAST


def test_where_refitting_does_harm_the_recalibrated_network_is_kept(monkeypatch):
    graph, plan, data = cut_network("resnet20")
    recalibrated, small = pruning.cut(graph.model, plan), pruning.cut(graph.model, plan)
    pruning.repair(recalibrated, plan, graph.model, data, "recalibrate", calibration=IMAGES)

    def harmful(small, *_, **__):
        with torch.no_grad():
            next(small.parameters()).mul_(-3)
        return []

    monkeypatch.setattr(refit_module, "reconstruct", harmful)
    told = pruning.repair(small, plan, graph.model, data, "reconstruct", calibration=IMAGES)
    assert told[-1].startswith("divergence from the full network's answers on 2 images set aside")
    assert told[-1].endswith("reconstructed; recalibrated is kept") or told[-1].endswith("; cut is kept")
    if "recalibrated is kept" in told[-1]:
        must_agree(small.state_dict(), recalibrated.state_dict(), rtol=0, atol=0)


def test_answers_of_several_tensors_are_compared_and_others_are_not():
    one, other = torch.ones(2, 3), torch.zeros(2, 3)
    assert best_step.apart(None, {"a": one, "b": one}, {"a": one, "b": one + one}) == pytest.approx(0.125)
    assert best_step.apart(None, object(), object()) == 0 and other.sum() == 0


def test_a_layer_that_sees_few_places_is_not_believed_to_lose_nothing():
    """A classifier of more features than images can be refitted to those whatever goes; not so to others."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 60, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(60, 8)
    )
    images = torch.randn(40, 3, 6, 6)
    graph = pruning.ChannelGraph(model.eval(), images[:2])
    data = (images, torch.zeros(40, dtype=torch.int64))
    from pruning.reconstruction.error_curves import error_curves

    found = error_curves(model, graph.structure, CalibrationImages(model, data, 40, 0), [0])[0]
    half = len(found.order) // 2
    assert found.error[half] > 1.5 * found.fitted[half]
    assert (np.diff(found.error) >= 0).all()
