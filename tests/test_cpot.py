"""CPOT: barycenters that no other beats, distances that POT confirms, on every ground."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from scipy.optimize import linprog
from torch import nn

import pruning
from pruning.criteria import resolve_options, transport
from pruning.criteria.cpot import cpot, filter_mass, transported
from pruning.criteria.registry import with_option
from pruning.criteria.scoring import seen_by
from pruning.criteria.transport import center, line_distances, map_center, map_distances
from pruning.statistics import LayerStatistics, MeanMaps, PooledFeatures
from tests.zoo import ZOO, images_and_inside

seeds = integers(0, 10_000)
READ = PooledFeatures(side="readers")
WAYS = [
    *({"distribution": "filters", "barycenter": kind} for kind in ("exact", "median", "mean")),
    {"distribution": "filters", "ground": "spatial"},
    *({"distribution": kind} for kind in ("weights", "activations")),
    *({"distribution": "maps", "debiased": debiased} for debiased in (True, False)),
]


def filters(seed: int, channels: int = 9, taps: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, taps))


def drawn(seed: int, channels: int = 6) -> LayerStatistics:
    """A layer with all that CPOT may look at; its channel 4 is a copy of channel 1."""
    random = np.random.default_rng(seed)
    parts = (
        random.normal(size=(channels, 2, 3, 3)),
        random.random((channels, 4, 5)),
        random.random((channels, 9)),
    )
    for part in parts:
        part[4] = part[1]
    return LayerStatistics("layer", parts[0], found={MeanMaps(): parts[1], READ: parts[2].T})


def mass_of(maps: np.ndarray) -> np.ndarray:
    return maps / maps.sum(axis=(-2, -1), keepdims=True)


# ----------------------------------------------------------------------------------------- taps at cost 0/1


@given(seeds)
def test_the_exact_barycenter_is_cheaper_than_any_channel_and_any_perturbation(seed):
    mass, random = filter_mass(filters(seed), 1.0), np.random.default_rng(seed)
    found = center(mass)
    cost = np.abs(mass - found).sum()
    others = [*mass, mass.mean(axis=0), center(mass, "median")]
    for _ in range(100):
        moved = np.clip(found + random.normal(scale=0.02, size=found.shape), 0, None)
        others.append(moved / moved.sum())
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    assert all(cost <= np.abs(mass - other).sum() + 1e-12 for other in others)


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_barycenter_solves_the_linear_program(seed):
    mass = filter_mass(filters(seed, 5, 4), 0.7)  # minimise sum |p - q| over q on the simplex, as an LP
    channels, taps = mass.shape
    costs = np.concatenate([np.zeros(taps), np.ones(channels * taps)])
    near = np.tile(np.eye(taps), (channels, 1))
    slack = np.eye(channels * taps)
    above = np.block([[near, -slack], [-near, -slack]])
    bound = np.concatenate([mass.ravel(), -mass.ravel()])
    total = np.concatenate([np.ones(taps), np.zeros(channels * taps)])[None]
    solved = linprog(costs, A_ub=above, b_ub=bound, A_eq=total, b_eq=[1])
    assert np.abs(mass - center(mass)).sum() == pytest.approx(solved.fun, abs=1e-9)


def test_distances_are_what_the_exact_solver_of_pot_says():
    rows = filters(3)
    mass, ground = filter_mass(rows, 4.0), 1 - np.eye(rows.shape[1])
    told = [ot.emd2(p / p.sum(), center(mass) / center(mass).sum(), ground) for p in mass]
    assert cpot(LayerStatistics("layer", rows)) == pytest.approx(told, abs=1e-9)


# --------------------------------------------------------------------------------------------- taps on a grid


def test_spatial_distances_are_what_the_exact_solver_says_on_the_whole_cost():
    random = np.random.default_rng(0)
    for inputs, kernel in ((3, (3, 3)), (2, (1, 4)), (5, ())):
        mass = random.dirichlet(np.ones(inputs * int(np.prod(kernel))), size=5)
        cost = transport.spatial_cost(inputs, kernel)
        told = [ot.emd2(p, mass[0], cost) for p in mass]
        assert transport.spatial_distances(mass, mass[0], kernel) == pytest.approx(told, abs=1e-9)
        assert (cost[:, None] <= cost[:, :, None] + cost[None] + 1e-12).all()  # a metric: no way is a detour


def test_the_spatial_barycenter_is_no_dearer_than_any_channel():
    mass = filter_mass(filters(0, 8, 18), 1.0)
    middle = transport.spatial_center(mass, 2, (3, 3))
    costs = [transport.spatial_distances(mass, other, (3, 3)).sum() for other in (middle, *mass)]
    assert costs[0] < min(costs[1:])


def test_too_many_taps_for_the_spatial_ground_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="up to 600 taps a filter, and this layer's have 603.*ground taps"):
        cpot(LayerStatistics("layer", np.zeros((4, 67, 3, 3))), ground="spatial")


# -------------------------------------------------------------------------------------------------- on a line


def test_the_line_barycenter_is_no_dearer_than_a_channel_or_a_perturbation():
    values, random = np.abs(filters(1)), np.random.default_rng(0)
    quantiles = np.sort(values, axis=1)
    cost = (line_distances(values) ** 2).sum()
    tried = [*quantiles, *(np.sort(quantiles.mean(0) + random.normal(scale=0.05, size=(100, 12)), axis=1))]
    assert all(cost <= ((quantiles - other) ** 2).mean(axis=1).sum() + 1e-12 for other in tried)


@pytest.mark.parametrize("kind", ["weights", "activations"])
def test_closed_forms_on_the_line_are_what_the_exact_solver_says(kind):
    layer = drawn(2)
    values = np.abs(layer.rows) if kind == "weights" else layer[READ].T
    middle = np.sort(values, axis=1).mean(axis=0)
    told = [np.sqrt(ot.emd2_1d(own, middle)) for own in values]  # POT's is the distance squared
    assert cpot(layer, distribution=kind) == pytest.approx(told, abs=1e-9)


# ------------------------------------------------------------------------------------------- maps on a square


def grid_cost(size: tuple[int, int]) -> np.ndarray:
    places = np.stack(np.meshgrid(*(np.linspace(0, 1, n) for n in size), indexing="ij"), -1).reshape(-1, 2)
    return ot.dist(places, places)


def test_batched_sinkhorn_is_what_pot_says_pair_by_pair():
    random, size = np.random.default_rng(0), (4, 5)
    maps, target = mass_of(random.random((3, *size)) ** 3), mass_of(random.random(size))
    maps[1, 0] = 0
    maps = mass_of(maps)  # places without mass too

    def cost(p, q):
        p, q = p.ravel(), q.ravel()
        ground = grid_cost(size)[p > 0][:, q > 0]  # POT divides by the masses
        plan = ot.sinkhorn(p[p > 0], q[q > 0], ground, 0.02, stopThr=1e-12, numItermax=20_000)
        return (plan * ground).sum() + 0.02 * (plan * np.log(plan * p.size**2)).sum()

    told = [cost(p, target) - (cost(p, p) + cost(target, target)) / 2 for p in maps]
    assert map_distances(maps, target) == pytest.approx(told, abs=1e-7)
    assert map_distances(maps, target, debiased=False) == pytest.approx(
        [cost(p, target) for p in maps], abs=1e-7
    )


@pytest.mark.parametrize("debiased", [True, False])
def test_the_barycenter_of_maps_is_cheaper_than_any_channel_and_any_perturbation(debiased):
    random = np.random.default_rng(1)
    maps = mass_of(random.random((5, 6, 6)) ** 2)
    middle = map_center(maps, debiased=debiased)
    moved = mass_of(middle * np.exp(random.normal(scale=0.1, size=(100, 6, 6))))
    every = [map_distances(maps, other, debiased=debiased).sum() for other in (middle, *maps, *moved)]
    assert every[0] < min(every[1:]) and middle.sum() == pytest.approx(1)


def test_a_map_without_activity_scores_nothing_and_moves_no_other():
    maps = np.random.default_rng(0).random((5, 4, 4))
    found = {True: None, False: None}
    for dead in found:
        seen = np.concatenate([maps, np.zeros((1, 4, 4))]) if dead else maps
        found[dead] = cpot(
            LayerStatistics("layer", np.zeros((len(seen), 1)), found={MeanMaps(): seen}), distribution="maps"
        )
    assert found[True][5] == 0 and found[True][:5] == pytest.approx(found[False]) and (found[False] > 0).all()
    nothing = LayerStatistics("layer", np.zeros((3, 1)), found={MeanMaps(): np.zeros((3, 4, 4))})
    assert cpot(nothing, distribution="maps").tolist() == [0, 0, 0]


def test_maps_are_means_of_absolute_activations_where_they_are_read():
    _, graph, data, _, _, _, read = images_and_inside()
    (layer,) = seen_by(graph, "cpot", data, "0", distribution="maps")
    assert layer[MeanMaps()] == pytest.approx(read.abs().mean(0).detach().numpy(), rel=1e-5)
    made = transported(layer, dict(resolve_options("cpot", {"distribution": "maps"})))
    scores = pruning.score(graph, "cpot", data, distribution="maps")
    assert scores["0"] == pytest.approx(made.distances) and "image sides" in scores.unit
    assert made.distributions.sum(axis=(1, 2)) == pytest.approx(np.ones(6))


@pytest.mark.parametrize("kind", ["maps", "activations"])
def test_a_flattened_channel_is_the_map_that_it_was(kind):
    """Read by a linear layer pixel by pixel, or by a convolution as large as the map: the same."""
    model, graph, data, *_ = images_and_inside()
    whole = nn.Sequential(*model[:4], nn.Conv2d(5, 3, 3), nn.Flatten()).eval()
    with torch.no_grad():
        whole[4].weight.copy_(model[5].weight.reshape(3, 5, 3, 3))
        whole[4].bias.copy_(model[5].bias)
    other = pruning.ChannelGraph(whole, data[0][:1])
    found = [pruning.score(g, "cpot", data, distribution=kind)["2"] for g in (graph, other)]
    assert found[0] == pytest.approx(found[1], rel=1e-5) and (found[0] > 0).all()


def test_maps_of_one_place_are_all_alike_and_the_scores_say_so():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)).eval()
    data = torch.randn(30, 3, 8, 8), torch.arange(30) % 3
    scores = pruning.score(pruning.ChannelGraph(model, data[0][:1]), "cpot", data, distribution="maps")
    assert scores["0"].tolist() == [0] * 6 and "scores all channels of 0 alike" in scores.messages[-1]


# ------------------------------------------------------------------------------------------- what moves them


@settings(max_examples=8, deadline=None)
@given(seed=seeds, way=sampled_from(WAYS))
def test_scores_move_with_the_channels_and_twins_score_the_same(seed, way):
    layer = drawn(seed)
    found, order = cpot(layer, **way), np.random.default_rng(seed).permutation(6)
    statistics = {MeanMaps(): layer[MeanMaps()][order], READ: layer[READ][:, order]}
    moved = cpot(LayerStatistics("layer", layer.weight[order], found=statistics), **way)
    assert moved == pytest.approx(found[order], abs=1e-8) and found[4] == pytest.approx(found[1], abs=1e-8)


def test_the_order_of_the_previous_layers_channels_does_not_matter():
    model, example = ZOO["plain"]()
    graph = pruning.ChannelGraph(model, example)
    data = (
        torch.randn(20, *example.shape[1:], generator=torch.Generator().manual_seed(0)),
        torch.arange(20) % 2,
    )
    asked = [("cpot", way) for way in WAYS] + [(name, {}) for name in ("l1", "l2", "fpgm")]
    before = [pruning.score(graph, name, data, **way)["3"] for name, way in asked]
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = model(example)
        for tensor in (model[0].weight, model[0].bias, *model[1].parameters(), model[1].running_mean):
            tensor.copy_(tensor[order].clone())
        model[1].running_var.copy_(model[1].running_var[order].clone())
        model[3].weight.copy_(model[3].weight[:, order].clone())
        assert torch.allclose(model(example), outputs, atol=1e-5)  # the same function
    for (name, way), scores in zip(asked, before, strict=True):
        assert len(set(scores)) == 6, (name, way)
        assert pruning.score(graph, name, data, **way)["3"] == pytest.approx(scores, rel=1e-4), (name, way)


# -------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "given_options, told",
    [
        (
            {"distribution": "maps", "temperature": 2},
            "temperature does something with distribution=filters only",
        ),
        ({"ground": "spatial", "barycenter": "mean"}, "distribution=filters and ground=taps only"),
        ({"debiased": False}, "debiased does something with distribution=maps only"),
        ({"distribution": "map"}, "maps"),
        ({"temperature": 0}, "above 0"),
    ],
)
def test_an_option_without_a_say_is_refused(given_options, told):
    with pytest.raises(ValueError, match=told):
        cpot(drawn(0), **{k: v for k, v in resolve_options("cpot", given_options) if k != "labels"})


def test_changing_an_option_takes_back_those_that_lose_their_say():
    now = dict(resolve_options("cpot", {"temperature": 2, "barycenter": "mean"}))
    spatial = dict(resolve_options("cpot", with_option("cpot", now, "ground", "spatial")))
    assert spatial == now | {"ground": "spatial", "barycenter": "exact"}
    maps = dict(resolve_options("cpot", with_option("cpot", spatial, "distribution", "maps")))
    assert maps == dict(resolve_options("cpot", {"distribution": "maps"}))
    exact = with_option("di", dict(resolve_options("di", {})), "form", "exact")
    assert dict(resolve_options("di", exact))["rho"] == 1e-4  # filled in for the form, so filled in anew
