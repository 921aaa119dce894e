"""The state of a training: kept after every epoch, gone on from to the same end; asked to pause, to stop."""

import numpy as np
import pytest
import torch

import pruning
from pruning.models import CIFAR10, load_model, weights_digest
from pruning.progress import Cancelled, Paused
from pruning.train import Saved, fit
from tests.small_data import write_npz

TIMES = ("images_per_second",)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """90 training images in 3 steps an epoch, 10 hold-out images."""
    return pruning.load_data(write_npz(tmp_path_factory.mktemp("data") / "small.npz", train=10))


def trained(small, saved=None, **changes) -> tuple[str, list[dict]]:
    """A new network after three epochs: its digest, and the rows without what is a matter of time."""
    torch.manual_seed(0)
    network = load_model("resnet20", "digits", "none")
    settings = {"epochs": 3, "lr": 0.05, "normalization": CIFAR10, "batch_size": 32, "saved": saved}
    rows = fit(network, small, **settings | changes)
    return weights_digest(network), [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


@pytest.fixture(scope="module")
def through(small):
    return trained(small)


def ends_at(step: int, how=Cancelled):
    def watch(stage, done, total, **values):
        if done == step:
            raise how

    return watch


def test_what_is_ended_in_the_middle_goes_on_to_the_same_end(small, through, tmp_path):
    saved = Saved(tmp_path / "state")
    with pytest.raises(Cancelled):
        trained(small, saved, watch=ends_at(5))
    assert saved.found("tune")[1]["step"] == 3  # the first epoch's end
    with pytest.raises(KeyboardInterrupt):
        trained(small, saved, watch=ends_at(8, KeyboardInterrupt))
    assert saved.found("tune")[1]["step"] == 6
    seen = []
    assert trained(small, saved, watch=lambda stage, done, *_, **__: seen.append(done)) == through
    assert min(seen) >= 6
    assert trained(small, saved, watch=seen.append) == through  # nothing is left to do
    torch.manual_seed(1)
    assert trained(small, saved, seed=1) != through  # another training starts from its own beginning


def test_a_training_pauses_and_stops_when_asked(small, through, tmp_path):
    saved, asked = Saved(tmp_path), {4: "pause", 7: "stop"}

    def watch(stage, done, total, **values):
        if done in asked:
            Saved(tmp_path).ask(asked.pop(done))  # as another process would

    with pytest.raises(Paused):
        trained(small, saved, watch=watch)
    saved.ask(None)
    digest, rows = trained(small, saved, watch=watch)
    assert saved.wish() == "stop"
    same, best = ("epoch", "loss", "holdout_loss", "holdout_accuracy"), min(through[1][:2], key=loss_of)
    assert [[row[k] for k in same] for row in rows] == [[row[k] for k in same] for row in through[1][:2]]
    assert [row["epoch"] for row in rows if row["kept"]] == [best["epoch"]]  # of the epochs there were


def loss_of(row: dict) -> float:
    return row["holdout_loss"]


def test_a_folder_gives_back_what_was_kept_last_stage_by_stage(tmp_path):
    saved, shared = Saved(tmp_path / "state"), torch.arange(12.0)
    assert saved.found("tune") is None and saved.wish() is None and not saved.folder.exists()
    tensors = {
        "view": shared.reshape(3, 4).T,
        "the same memory": shared,
        "bytes": torch.get_rng_state(),
        "a number": torch.tensor(7),
        "nothing": torch.zeros(0, 3),
        "yes or no": torch.tensor([True, False]),
    }
    random = np.random.Generator(np.random.PCG64(0)).bit_generator.state  # with whole numbers of 128 bits
    saved.keep("gates", {"old": shared}, {})
    saved.keep("tune", {}, {"only": "numbers"})
    saved.keep("gates", tensors, {"random": random, "least": float("inf"), "rows": [{"loss": 0.1}]})
    found, values = Saved(tmp_path / "state").found("gates")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert values == {"random": random, "least": float("inf"), "rows": [{"loss": 0.1}]}
    assert saved.found("tune") == ({}, {"only": "numbers"})
    (saved.folder / "notes.txt").write_text("of somebody else")
    saved.remove()
    assert [file.name for file in saved.folder.iterdir()] == ["notes.txt"]
    (saved.folder / "notes.txt").unlink()
    saved.remove()
    assert not saved.folder.exists()


def test_what_is_no_state_is_one_sentence(tmp_path):
    (tmp_path / "tune.state.safetensors").write_bytes(b"noise")
    with pytest.raises(ValueError, match="no state of a run; delete .* start it again"):
        Saved(tmp_path).found("tune")
