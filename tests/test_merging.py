"""Merging: channels that go as combinations of those that stay, against brute force and on every network."""

import numpy as np
import pytest
import torch
from torch import nn

import pruning
from pruning.channels.ids import flat
from pruning.channels.slices import named_tensors
from pruning.experiment.loaded_networks import loaded
from pruning.inspection.preview import accuracy_now, plan_of
from pruning.inspection.tradeoff import quick
from pruning.reconstruction.channel_moments import RIDGES, channel_moments
from pruning.reconstruction.merging import merge, moments_of
from pruning.statistics.calibration_images import CalibrationImages
from pruning.train import evaluate
from tests.front_door import TINY, cli
from tests.test_reconstruction import two_layers
from tests.zoo import LARGE, ZOO, cut_network, cut_pictures


class Flattened(nn.Module):
    """A linear layer reads every channel as so many pixels."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, stride=2), nn.Linear(6 * 4, 5)

    def forward(self, x):
        return self.second(self.first(x).relu().flatten(1))


class Normed(nn.Module):
    """The reader has no bias; the norm after it takes the constants. Depth-wise in between."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(4)
        self.alone, self.second = nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 4, 1, bias=False)

    def forward(self, x):
        return self.norm(self.second(self.alone(self.first(x)).relu()))


def made(network: type[nn.Module]):
    torch.manual_seed(0)
    model = network().double().eval()
    images = torch.randn(40, 3, 6, 6, dtype=torch.float64), torch.zeros(40, dtype=torch.int64)
    return model, pruning.ChannelGraph(model, images[0][:2]), images


def keeping(graph, kept):
    """A plan that keeps these channels of the group `first`."""
    scores = np.isin(np.arange(6), kept).astype(float)
    return pruning.plan(graph, {"first": scores}, cut=1 - len(kept) / 6, measure="channels")


@pytest.mark.parametrize("how", ["merge", "transport"])
@pytest.mark.parametrize("bias", [True, False])
def test_merging_two_identical_channels_changes_no_output(how, bias):
    model, graph, data = two_layers(bias, duplicate=True)
    plan = keeping(graph, [0, 1, 2, 3, 5])
    small = pruning.cut(model, plan)
    with torch.no_grad():
        assert float((model(data[0]) - small(data[0])).abs().max()) > 1e-2
        assert pruning.repair(small, plan, model, data, how, calibration=40) == []
        assert float((model(data[0]) - small(data[0])).abs().max()) < 1e-6


@pytest.mark.parametrize("how", ["merge", "transport"])
def test_where_all_channels_stay_nothing_changes(how):
    graph, plan, data = cut_network("resnet20", cut=0.0)
    small = pruning.cut(graph.model, plan)
    told = pruning.repair(small, plan, graph.model, data, how, calibration=24)
    same = named_tensors(graph.model)
    assert all(torch.equal(tensor, same[name]) for name, tensor in named_tensors(small).items())
    assert any("nothing to merge" in message for message in told)


def seen_rows(network: str, model, inputs) -> np.ndarray:
    """[R, channels]: what `second` reads, a row an image and place."""
    maps = model.first(inputs)
    maps = (model.alone(maps) if network == "Normed" else maps).relu()
    return maps.flatten(2).transpose(1, 2).reshape(-1, 6).numpy()


@pytest.mark.parametrize("network", [Flattened, Normed])
def test_a_merged_reader_is_that_of_least_squares(network, monkeypatch):
    """By numpy.linalg.lstsq with an intercept; nothing here is padded, so the constants are exact too."""
    monkeypatch.setattr("pruning.reconstruction.channel_moments.RIDGES", (1e-9,))
    model, graph, data = made(network)
    kept, gone = [0, 2, 5], [1, 3, 4]
    plan = keeping(graph, kept)
    small = pruning.cut(model, plan)
    pruning.repair(small, plan, model, data, "merge", calibration=40)
    images = CalibrationImages(model, data, 40, 0)
    inputs = images.rows(slice(0, images.learned))[0]
    with torch.no_grad():
        rows = seen_rows(network.__name__, model, inputs)
        found = np.linalg.lstsq(np.c_[rows[:, kept], np.ones(len(rows))], rows[:, gone], rcond=None)[0]
        weight = model.second.weight.numpy().reshape(len(model.second.weight), 6, -1)
        wanted = weight[:, kept] + np.einsum("kg,ogp->okp", found[:3], weight[:, gone])
        constant = np.einsum("g,ogp->o", found[3], weight[:, gone])
    merged = small.second.weight.detach().numpy().reshape(wanted.shape)
    np.testing.assert_allclose(merged, wanted, atol=1e-5)
    if network is Normed:
        np.testing.assert_allclose(
            small.norm.running_mean, model.norm.running_mean.numpy() - constant, atol=1e-5
        )
    else:
        gained = (small.second.bias - model.second.bias).detach().numpy()
        np.testing.assert_allclose(gained, constant, atol=1e-5)


def test_an_heir_is_the_multiple_that_leaves_least():
    model, graph, data = made(Normed)
    moments = moments_of(model, graph.structure, CalibrationImages(model, data, 40, 0))["second.weight"]
    covariance, kept = moments.covariance()[0].numpy(), np.array([0, 3, 4])
    found = moments.written_by(kept, heirs=True).weights[0].numpy()
    for column, gone in enumerate([1, 2, 5]):
        factors = covariance[kept, gone] / covariance[kept, kept]
        left = covariance[gone, gone] - factors * covariance[kept, gone]
        wanted = np.zeros(3)
        wanted[left.argmin()] = factors[left.argmin()]
        np.testing.assert_allclose(found[:, column], wanted)


def test_moments_are_the_covariances_of_what_is_read_and_the_ridge_is_judged_by_images_set_aside():
    model, graph, data = made(Normed)
    images = CalibrationImages(model, data, 40, 0)
    moments = channel_moments(model, images, {"second.weight": None})["second.weight"]
    with torch.no_grad():
        parts = [images.rows(slice(*ends))[0] for ends in ((0, 36), (36, 40))]
        rows, aside = (seen_rows("Normed", model, part) for part in parts)
    covariance = np.cov(rows.T, bias=True)
    np.testing.assert_allclose(moments.covariance()[0], covariance, atol=1e-12)
    mass = (model.second.weight.detach().numpy()[:, :, 0, 0] ** 2).sum(0)
    kept, gone, left = [0, 1, 2], [3, 4, 5], []
    for ridge in RIDGES:
        among = covariance[np.ix_(kept, kept)]
        penalised = among + ridge * among.trace() / 3 * np.eye(3)
        fit = np.linalg.solve(penalised, covariance[np.ix_(kept, gone)])
        fit += np.linalg.solve(penalised, covariance[np.ix_(kept, gone)] - among @ fit)
        off = (aside - rows.mean(0))[:, gone] - (aside - rows.mean(0))[:, kept] @ fit
        left.append(((off**2).mean(0) * mass[gone]).sum())
    assert moments.written_by(np.array(kept)).ridge == RIDGES[int(np.argmin(left))]


@pytest.mark.parametrize("name", sorted(name for name in ZOO if not name.startswith(LARGE)))
def test_every_network_of_the_zoo_is_merged_or_says_why_not(name):
    graph, plan, data = cut_pictures(name)
    before = {key: value.clone() for key, value in graph.model.state_dict().items()}
    for how in ("transport", "merge"):
        small = pruning.cut(graph.model, plan)
        told = pruning.repair(small, plan, graph.model, data, how, calibration=24)
        with torch.no_grad():
            assert all(torch.isfinite(part).all() for part in flat(small(data[0])))
        was = named_tensors(pruning.cut(graph.model, plan))
        moved = [key for key, tensor in named_tensors(small).items() if not torch.equal(tensor, was[key])]
        assert moved or told
    assert all(torch.equal(value, before[key]) for key, value in graph.model.state_dict().items())


BUNDLED = {
    "resnet20": "digits",
    "mobilenet_v2_slim": "scenes",
    "deeplabv3plus_small": "scenes_masks",
    "stargan_small": "scenes_colours",
}  # scenes take long to draw; other images do where answers are compared with the full network's


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_network_is_nearer_to_the_full_one_once_it_is_merged(name):
    """Of every task, cut at random."""
    model = pruning.load_model(name, data=BUNDLED[name])
    data = pruning.load_data("digits" if BUNDLED[name] == "scenes" else BUNDLED[name])
    images = CalibrationImages(model, data, 60, 0)
    few = images.rows(slice(0, 8))[0]
    graph = pruning.ChannelGraph(model, few[:2])
    plan = pruning.plan(graph, pruning.score(graph, "random"), cut=0.3, measure="channels", groups="inner")
    known = moments_of(model, graph.structure, images)
    with torch.no_grad():
        answer, left = model(few), []
        for how in ("none", "transport", "merge"):
            small = pruning.cut(model, plan)
            if how != "none":
                merge(small, plan, model, images, heirs=how == "transport", known=known)
            left.append(float((small(few) - answer).square().mean()))
    assert left[2] < 0.5 * left[0] and left[2] < left[1]


def test_a_preview_looks_at_the_images_once_and_says_what_a_run_does():
    """Covariances of the full network are kept, so that another cut is merged without a pass over images."""
    recipe = pruning.Recipe(data="digits", criterion="l1", repair="merge", calibration=60, threads=1)
    stages: list[list[str]] = []

    def watch(stage, done, total, **_):
        stages[-1].append(stage)

    for share in (0.3, 0.5):
        stages.append([])
        now = accuracy_now(recipe.but(cut=share), watch=watch)
    assert "statistics" in stages[0] and "statistics" not in stages[1] and now.how == "merge"
    found = loaded(recipe)
    small = pruning.cut(found.model, now_plan := plan_of(recipe.but(cut=0.5)))
    pruning.repair(small, now_plan, found.model, found.data, "merge", calibration=60)
    right = evaluate(small, found.data.holdout, normalization=found.model.origin.normalization)
    assert now.repaired == pytest.approx(right.value) and now.repaired > now.raw + 0.2
    assert quick(recipe) == "merge" and quick(recipe.but(repair="match")) == "reconstruct"


def test_from_the_command_line(tmp_path):
    found = cli("run", *TINY, "--repair", "merge", "--calibration", "100", "--out", tmp_path / "out")
    assert found.returncode == 0, found.stderr
    report = pruning.load_report(tmp_path / "out")
    assert report["accuracy"]["repaired"] > report["accuracy"]["cut"] + 0.2
    refused = cli(
        "run",
        "--data",
        "digits",
        "--criterion",
        "gdp",
        "--epochs",
        "1",
        "--repair",
        "merge",
        "--out",
        tmp_path,
    )
    assert refused.returncode == 2 and "shut gates gave" in refused.stderr
