"""Training: it learns, repeats itself, stops when asked, and keeps what the hold-out likes best."""

import numpy as np
import pytest
import torch

import pruning
from pruning.data import to_tensor
from pruning.models import CIFAR10, load_model, read_checkpoint, weights_digest
from pruning.progress import Cancelled
from pruning.train import evaluate, fit, in_vain, train_network
from tests.small_data import write_npz


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    return write_npz(tmp_path_factory.mktemp("data") / "small.npz", train=20)


@pytest.fixture(scope="module")
def small(small_file):
    """180 training, 20 hold-out, 30 test images of handwritten digits."""
    return pruning.load_data(small_file)


@pytest.fixture
def new_network():
    return load_model("resnet20", "digits", "none")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def settings(**changes):
    return {"epochs": 2, "lr": 0.05, "normalization": CIFAR10, "batch_size": 32} | changes


def test_evaluation_is_what_the_network_says(small):
    network = load_model("resnet20", "digits")
    said = evaluate(network, small.test, normalization=CIFAR10, batch_size=7)
    with torch.no_grad():
        probabilities = network(to_tensor(small.test.images, CIFAR10)).softmax(1).numpy()
    assert np.array_equal(said.statistics["classes"], probabilities.argmax(1))
    assert np.allclose(
        said.statistics["probabilities"], probabilities.max(1), atol=1e-5
    )  # batches of another size
    own = probabilities[np.arange(30), small.test.labels]
    assert said.loss == pytest.approx(-np.log(own).mean(), rel=1e-4)
    assert said.correct == (probabilities.argmax(1) == small.test.labels).sum() == 30 * said.value


def test_training_learns_and_tells_a_row_an_epoch(small, new_network):
    before = evaluate(new_network, small.train, normalization=CIFAR10)
    rows = fit(new_network, small, **settings(epochs=6))
    after = evaluate(new_network, small.train, normalization=CIFAR10)
    assert after.loss < before.loss / 2 and rows[-1]["loss"] < rows[0]["loss"]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert sum(row["kept"] for row in rows) == 1
    (kept,) = (row for row in rows if row["kept"])
    assert kept["holdout_loss"] == min(row["holdout_loss"] for row in rows)
    now = evaluate(new_network, small.holdout, normalization=CIFAR10)
    assert (now.loss, now.value) == (kept["holdout_loss"], kept["holdout_accuracy"])


def test_the_same_seed_gives_the_same_network_to_the_last_digit(small):
    digests = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(digests))  # whatever the caller did before
        network = load_model("resnet20", "digits", "none")
        fit(network, small, **settings(epochs=1, seed=seed))
        digests.append(weights_digest(network))
    assert digests[0] == digests[1] != digests[2]


def test_a_rate_that_destroys_a_network_leaves_it_as_it_was_and_says_so(small):
    network, seen = load_model("resnet20", "digits"), []
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}  # norms' statistics too
    before = evaluate(network, small.holdout, normalization=CIFAR10)

    def watch(stage, done, total, **values):
        seen.append(values)

    rows = fit(network, small, **settings(epochs=2, lr=10, watch=watch))
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert rows[-1]["holdout_accuracy"] < before.value and not any(row["kept"] for row in rows)
    (told,) = in_vain(rows)
    assert "no better on the hold-out images (2 epochs), so it stays as it was before" in told
    (start,) = (values for values in seen if values.get("epoch") == 0)
    assert (start["accuracy"], start["holdout_loss"]) == (before.value, before.loss)
    assert in_vain([]) == in_vain([{"kept": False}, {"kept": True}]) == []


def test_a_lower_loss_is_not_bought_with_right_answers(small):
    """A network that is right of all but unsure: one that is surer of fewer would have the lower loss."""
    network = load_model("resnet20", "digits")
    with torch.no_grad():
        network.linear.weight.mul_(0.02), network.linear.bias.mul_(0.02)
    before = evaluate(network, small.holdout, normalization=CIFAR10)
    rows = fit(network, small, **settings(epochs=3, lr=0.2))
    worse = [row for row in rows if row["holdout_accuracy"] < before.value]
    assert any(row["holdout_loss"] < before.loss for row in worse)  # else this shows nothing
    assert not any(row["kept"] for row in worse)
    assert evaluate(network, small.holdout, normalization=CIFAR10).correct >= before.correct


def test_a_watch_sees_every_batch_and_stops_the_work(small, new_network):
    came, seen = weights_digest(new_network), []

    def watch(stage, done, total, **values):
        seen.append((stage, done, total, values))
        if done == 4:
            raise Cancelled

    new_network.layer1.train()  # modes may be mixed: they come back as they were
    with pytest.raises(Cancelled):
        fit(new_network, small, **settings(watch=watch))
    assert weights_digest(new_network) == came
    assert new_network.layer1.training and not new_network.training and not new_network.layer2.training
    assert {(stage, total) for stage, _, total, _ in seen} == {("tune", 12)}  # 6 batches an epoch
    told = [values for _, _, _, values in seen if "loss" in values][0]
    assert set(told) == {"epoch", "epochs", "loss", "images_per_second", "seconds_left"}


def test_a_loss_that_is_no_number_ends_in_a_sentence(small, new_network):
    came = weights_digest(new_network)
    with pytest.raises(ValueError, match="not finite after .* give a smaller lr"):
        fit(new_network, small, **settings(lr=1e30))
    assert weights_digest(new_network) == came


@pytest.mark.parametrize("wrong", [{"epochs": -1}, {"lr": 0.0}, {"lr": float("nan")}, {"batch_size": 1}])
def test_settings_that_cannot_train_are_refused(wrong, small, new_network):
    with pytest.raises(ValueError, match="cannot be trained with"):
        fit(new_network, small, **settings(**wrong))


def test_no_epochs_change_nothing(small, new_network):
    came = weights_digest(new_network)
    assert fit(new_network, small, **settings(epochs=0)) == [] and weights_digest(new_network) == came


def test_a_trained_network_is_a_file_that_says_how_it_was_made(small_file, tmp_path):
    out, small = tmp_path / "mine.safetensors", pruning.load_data(small_file)
    made = train_network("resnet20", str(small_file), epochs=1, out=out, seed=5, batch_size=32, threads=1)
    said = read_checkpoint(out).metadata
    assert said["command"] == (
        f"python -m pruning train --model resnet20 --data {small_file} --epochs 1 --lr 0.1 --batch-size 32 "
        "--seed 5 --threads 1 --device cpu --out mine.safetensors"
    )
    assert (said["normalize"], said["size"], said["data_digest"]) == ("cifar10", "32", small.digest)
    now = evaluate(load_model("resnet20", small, out), small.test, normalization=CIFAR10)
    assert now.correct == made.test.correct == int(said["test_correct"])
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]


def test_a_file_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "page.html").write_text("")
    refused = {
        tmp_path / "file" / "x.safetensors": "file is not writable; give another place",
        tmp_path: "is a folder; give a file's name",
        tmp_path / "page.html": "is there already, and no .safetensors file; give a new name",
    }
    for out, why in refused.items():
        with pytest.raises(ValueError, match=f"^out {out} .*{why}"):
            train_network("resnet20", "digits", epochs=1, out=out)
