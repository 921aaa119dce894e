"""Plans: budgets met to the nearest channel, limits kept, ties by index, messages where less was given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, sampled_from

import pruning
from pruning.channels.structure import ChannelGroup, IndexMap, LayerRecord, Structure
from pruning.cost import macs_form, parameters_form


def chain(*sizes: int) -> Structure:
    """A made-up network of 3 x 3 convolutions in a row, on 8 x 8 images: group g is written by layer g, read
    by g + 1."""
    groups = tuple(
        ChannelGroup(f"conv{g}", n, (f"conv{g}",), (f"conv{g + 1}",), True) for g, n in enumerate(sizes)
    )
    widths = (3, *sizes, 10)
    layers, shapes, maps = [], {}, {}
    for number, (read, written) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        name = f"conv{number}.weight"
        layers.append(LayerRecord(f"conv{number}", "convolution", name, 0, 1, 9 * 64))
        shapes[name] = (written, read, 3, 3)
        maps[name] = {}
        if number < len(sizes):
            maps[name][0] = IndexMap(np.full(written, number), np.arange(written))
        if number:
            maps[name][1] = IndexMap(np.full(read, number - 1), np.arange(read))
    return Structure(groups, tuple(layers), shapes, maps, {f"conv{len(sizes)}": "it is the network's output"})


NET = chain(16, 32, 24, 8)
SCORES = {group.name: np.random.default_rng(g).random(group.size) + 0.1 for g, group in enumerate(NET.groups)}


@settings(deadline=None)
@given(
    cut=floats(0, 0.75),
    measure=sampled_from(["macs", "params"]),
    allocation=sampled_from(["uniform", "global"]),
    minimum=integers(1, 4),
)
def test_a_budget_is_met_to_the_nearest_channel(cut, measure, allocation, minimum):
    plan = pruning.plan(NET, SCORES, cut=cut, measure=measure, allocation=allocation, min_channels=minimum)
    cost = (macs_form if measure == "macs" else parameters_form)(NET)
    widths = np.array(list(plan.widths.values()))
    whole = cost(np.array([g.size for g in NET.groups]))
    miss = abs(cost(widths) - (1 - cut) * whole)
    step = max(cost(widths + (np.arange(4) == g)) - cost(widths) for g in range(4))
    assert miss <= step and plan.achieved == pytest.approx(1 - cost(widths) / whole)
    assert all(width >= minimum for width in plan.widths.values())
    assert all(
        width >= np.ceil(group.size * 0.1 - 1e-9) for width, group in zip(widths, NET.groups, strict=True)
    )
    for name, kept in plan.kept.items():  # the lowest scores go
        gone = np.setdiff1d(np.arange(len(SCORES[name])), kept)
        assert not len(gone) or SCORES[name][gone].max() <= SCORES[name][kept].min()


@given(cut=floats(0, 0.85))
def test_a_share_of_channels_is_floored_in_every_group(cut):
    plan = pruning.plan(NET, SCORES, cut=cut, measure="channels")
    assert plan.widths == {g.name: g.size - int(np.floor(cut * g.size + 1e-9)) for g in NET.groups}


@settings(deadline=None)
@given(low=floats(0.0, 0.7), more=floats(0.0, 0.1), allocation=sampled_from(["uniform", "global"]))
def test_a_larger_cut_never_gives_channels_back_by_more_than_the_rounding(low, more, allocation):
    a = pruning.plan(NET, SCORES, cut=low, allocation=allocation)
    b = pruning.plan(NET, SCORES, cut=low + more, allocation=allocation)
    assert b.macs <= a.macs * 1.02 and all(b.widths[name] <= a.widths[name] + 1 for name in a.widths)


def test_ties_keep_the_lower_index():
    scores = {name: np.ones(len(values)) for name, values in SCORES.items()}
    for allocation in ("uniform", "global"):
        plan = pruning.plan(NET, scores, cut=0.4, allocation=allocation)
        assert all(list(kept) == list(range(len(kept))) for kept in plan.kept.values())
        assert plan.macs < plan.macs_before


def test_dead_channels_go_first_and_all_zero_groups_stay_finite():
    scores = {name: values.copy() for name, values in SCORES.items()}
    scores["conv1"][[3, 30]] = -np.inf
    scores["conv2"][:] = 0
    for allocation in ("uniform", "global"):
        plan = pruning.plan(NET, scores, cut=0.1, allocation=allocation)
        assert not {3, 30} & set(plan.kept["conv1"])
        assert np.isfinite(plan.achieved)


def test_protected_and_overridden_groups():
    plan = pruning.plan(NET, SCORES, cut=0.3, protect=["conv1"], cut_group={"conv2": 0.5})
    assert plan.widths["conv1"] == 32 and plan.widths["conv2"] == 12
    assert abs(plan.achieved - 0.3) < 0.02
    none = pruning.plan(NET, SCORES, cut=0.0, measure="channels", cut_group=dict.fromkeys(SCORES, 0.0))
    assert none.achieved == 0 and none.macs == none.macs_before
    alone = pruning.plan(NET, SCORES, cut=0.0, cut_group={"conv0": 0.26})
    assert alone.widths == {"conv0": 12, "conv1": 32, "conv2": 24, "conv3": 8}


def test_rounding_keeps_multiples_and_says_what_it_missed():
    plan = pruning.plan(NET, SCORES, cut=0.3, round_to=8)
    assert all(
        width % 8 == 0 or width == g.size for width, g in zip(plan.widths.values(), NET.groups, strict=True)
    )
    assert plan.widths["conv3"] == 8  # the only multiple it has
    assert abs(plan.achieved - 0.3) <= 0.005 or "were to be cut" in plan.messages[0]


def test_a_global_ranking_keeps_the_cap():
    scores = dict(SCORES) | {"conv1": np.linspace(0, 1e-6, 32) + 1e-9}
    plan = pruning.plan(NET, scores, cut=0.3, allocation="global", max_cut_per_group=0.5)
    assert plan.widths["conv1"] >= 16


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cut": 0.99}, "largest within the limits is 0.9"),
        ({"cut": 1.0}, "0.5"),
        ({"protect": ["conv9"]}, "conv1"),
        ({"cut_group": {"cnv1": 0.5}}, "conv1"),
        ({"measure": "flops"}, "macs"),
        ({"allocation": "globl"}, "global"),
        ({"groups": "outer"}, "inner"),
        ({"protect": ["conv0", "conv1", "conv2", "conv3"]}, "protected"),
    ],
)
def test_what_cannot_be_is_said(options, told):
    with pytest.raises(ValueError, match=told):
        pruning.plan(NET, SCORES, **options)


def test_scores_of_another_network_are_refused():
    with pytest.raises(ValueError, match="no scores for group 'conv0'"):
        pruning.plan(NET, {"stem": np.ones(3)}, cut=0.5)


def test_the_table_has_a_row_a_group():
    table = pruning.plan(NET, SCORES, cut=0.5).table()
    assert list(table["group"]) == list(NET.names) and (table["after"] < table["before"]).all()
    assert ((0 < table["share_cut"]) & (table["share_cut"] < 1)).all()


def test_widths_too_wide_for_any_group_are_out_of_reach():
    with pytest.raises(ValueError, match=r"a cut of 0.3 is out of reach; the largest .* is 0.000"):
        pruning.plan(NET, SCORES, cut=0.3, round_to=512)
