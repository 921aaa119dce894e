"""One channel looked into, two choices judged, and labels tested: by brute force on bundled networks."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import pruning
from pruning.experiment import Recipe
from pruning.figures import channel as drawn
from pruning.figures import criterion_duel
from pruning.figures.channel_ranks import channel_table
from pruning.inspection.criterion_duel import measure_choices
from pruning.inspection.label_shuffling import labels_tested, standard_error
from pruning.inspection.one_channel import class_attribution, looked_into, notes_of
from pruning.train import evaluate

RECIPE = Recipe(data="digits", criterion="l1", calibration=60, threads=1, cut=0.5)
GROUP = "layer1.0.conv1"
DISTANCES = {
    "filters": {"criterion": "cpot"},
    "spatial": {"criterion": "cpot", "options": {"ground": "spatial"}},
    "weights": {"criterion": "cpot", "options": {"distribution": "weights"}},
    "activations": {"criterion": "cpot", "options": {"distribution": "activations"}},
    "maps": {"criterion": "cpot", "options": {"distribution": "maps"}},
    "fpgm": {"criterion": "fpgm"},
    "energy": {"criterion": "energy"},
}


@pytest.fixture(scope="module")
def network():
    data = pruning.load_data("digits")
    return pruning.load_model("resnet20", "digits"), data


@pytest.fixture(scope="module")
def read(network):
    """What layer1.0.conv2 reads of the hold-out: [N, C, h, w]."""
    model, data = network
    seen = []
    hook = model.get_submodule("layer1.0.conv2").register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    evaluate(model, data.holdout, normalization=model.origin.normalization)
    hook.remove()
    return torch.cat(seen).numpy()


@pytest.mark.parametrize("by", ["largest", "mean"])
def test_the_most_exciting_images_are_those_of_the_largest_activation(by, read, network):
    found = looked_into(RECIPE, GROUP, 7, by=by)
    values = read[:, 7].max((1, 2)) if by == "largest" else read[:, 7].mean((1, 2))
    assert found.activity[by].to_numpy() == pytest.approx(values, abs=1e-5)
    assert values[found.strongest.rows] == pytest.approx(np.sort(values)[::-1][:8], abs=1e-5)
    assert found.strongest.maps == pytest.approx(read[found.strongest.rows, 7], abs=1e-4)
    assert found.typical == pytest.approx(np.abs(read[:, 7]).mean(0), abs=1e-4)
    labels = network[1].holdout.labels[found.strongest.rows]
    assert found.strongest.labels.tolist() == [network[1].classes[label] for label in labels]


def test_its_kernel_is_the_writers_and_the_second_look_runs_no_pass(network):
    weight = network[0].get_submodule(GROUP).weight.detach().numpy()
    told = []

    def watch(stage, done, total, **values):
        told.append(stage)

    looked_into(RECIPE, "layer2.1.conv1", 0, watch=watch)
    assert "channel" in told
    told.clear()
    looked_into(RECIPE.but(criterion="cpot"), "layer2.1.conv1", 5, 20, "mean", watch)
    assert not told
    found = looked_into(RECIPE, GROUP, 7, first=3)
    assert found.kernel == pytest.approx(weight[7][found.inputs]) and found.reads == 16
    sizes = np.linalg.norm(weight[7].reshape(16, -1), axis=1)
    assert sizes[found.inputs] == pytest.approx(np.sort(sizes)[::-1])
    assert found.chosen.rows.tolist() == list(range(3, 11))


@pytest.mark.parametrize("name", DISTANCES)
def test_twins_are_as_near_one_way_as_the_other(name):
    recipe = RECIPE.but(**DISTANCES[name])
    one, other = (looked_into(recipe, GROUP, channel).similar.set_index("channel") for channel in (2, 9))
    assert one.loc[9, "distance"] == pytest.approx(other.loc[2, "distance"], rel=1e-3, abs=1e-6)
    assert (one["distance"] >= 0).all() and one["distance"].is_monotonic_increasing and 2 not in one.index


def test_twins_of_fpgm_are_its_own_distances(network):
    rows = network[0].get_submodule(GROUP).weight.detach().double().flatten(1).numpy()
    similar = looked_into(RECIPE.but(criterion="fpgm"), GROUP, 4).similar
    assert similar["distance"].to_numpy() == pytest.approx(cdist(rows, rows)[4][similar["channel"]])


def test_dead_channels_and_those_without_numbers_are_told(network, tmp_path):
    weights = {name: tensor.clone() for name, tensor in network[0].state_dict().items()}
    weights["layer1.0.bn1.weight"][3] = weights["layer1.0.bn1.bias"][3] = 0
    torch.save(weights, tmp_path / "dead.pth")
    recipe = RECIPE.but(checkpoint=str(tmp_path / "dead.pth"), criterion="energy")
    found = looked_into(recipe, GROUP, 3)
    assert "dead" in found.notes[0] and found.similar.empty and not found.strongest.maps.any()
    assert drawn.similar_in_words(found.similar.assign(cut=[]), 3, found.distance).startswith(
        "There is no other channel"
    )
    assert 3 not in looked_into(recipe, GROUP, 4).similar["channel"].to_list()
    odd = found.activity.assign(mean=np.where(found.activity["image"] < 2, np.nan, 1.0))
    assert f"on 2 of {len(odd)} images" in notes_of(odd)[0]
    pictures = drawn.shades(np.array([[[np.nan, 0.0], [1.0, np.inf]]]))
    assert pictures.shape == (1, 2, 2, 3) and (pictures[0, 0, 0] == 128).all()


def test_a_kernel_s_signs_have_two_colours_and_zero_is_pale():
    below, zero, above = drawn.signed(np.array([[[-2.0, 0.0, 2.0]]]))[0, 0].tolist()
    assert below == [231, 99, 0] and above == [63, 144, 218] and min(zero) > 230


def test_a_channel_or_group_that_is_not_there_is_a_sentence():
    with pytest.raises(ValueError, match="from 0 to 15"):
        looked_into(RECIPE, GROUP, 16)
    with pytest.raises(ValueError, match=GROUP):
        looked_into(RECIPE, "layer1.0.conv", 0)


def test_kernels_of_one_weight_and_streams_have_a_form_too():
    slim = RECIPE.but(model="mobilenet_v2_slim", data="scenes")
    names = [group.name for group in pruning.inspection.describe(slim).structure.groups]
    found = [looked_into(slim, names[n], 0) for n in (0, 3, len(names) - 1)]
    assert {one.kernel.shape[1:] for one in found} >= {(3, 3), (1, 1)}
    for one in found:
        weights = drawn.kernel_table(one.inputs, one.kernel)
        assert len(weights) == one.kernel.size and len(drawn.kernel_maps(weights).data) == 1
        assert str(one.inputs[0]) in drawn.kernel_in_words(weights, one.writer, one.reads)
        assert len(drawn.shades(one.chosen.maps)) == 8


def test_attribution_names_every_class_for_every_channel(network):
    table = class_attribution(RECIPE, GROUP, images=20)
    assert table.groupby("channel").size().tolist() == [10] * 16
    assert set(table["class"]) == set(network[1].classes) and table["attribution"].abs().max() > 0


# -------------------------------------------------------------------------------------- who is right


def loss(network, channels, *, repaired: bool) -> float:
    model, data = network
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))
    scores = {group.name: np.ones(group.size) for group in graph.groups}
    scores[GROUP][list(channels)] = 0
    plan = pruning.plan(graph, scores, cut=0, measure="channels", cut_group={GROUP: len(channels) / 16})
    images = data.holdout.take(np.arange(70))
    how = {"normalization": model.origin.normalization}
    if not repaired:
        with pruning.masked(model, plan):
            return evaluate(model, images, **how).loss
    small = pruning.cut(model, plan)
    pruning.repair(small, plan, model, data, calibration=60)
    return evaluate(small, images, **how).loss


def test_the_judge_measures_what_cutting_costs(network):
    told = []

    def watch(stage, done, total, **values):
        told.append((stage, done, total, values))

    choices = (1, 5, 7), (2, 3)
    found = measure_choices(RECIPE, GROUP, (1, 2), *choices, watch, images=70)
    rows = found.table.set_index(["removal", "repaired"])
    for repaired in (False, True):
        for removal, own, other in (("alone", (1,), (2,)), ("all", *choices)):
            own, other = (loss(network, gone, repaired=repaired) for gone in (own, other))
            row = rows.loc[(removal, repaired)]
            assert row["own"] - row["other"] == pytest.approx(own - other, abs=1e-5)
            assert row["lead"] == pytest.approx(other - own, abs=1e-5)
            assert row["low"] <= row["lead"] <= row["high"]
    steps = [event for event in told if event[0] == "judge"]
    counted = [done for _, done, _, _ in steps]  # told again between the layers of a batch
    assert counted == sorted(counted) and sorted(set(counted)) == list(range(1, steps[-1][2] + 1))
    assert steps[-1][3]["seconds_left"] == 0 < steps[0][3]["seconds_left"]
    assert found.images == 70 and not found.learned


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_the_pair_that_is_shown_is_really_disagreed_upon(seed, cut):
    random = np.random.default_rng(seed)
    tables = []
    for name in ("l1", "di"):
        scores = {group: random.normal(size=5) for group in "abc"}
        kept = {group: np.sort(np.argsort(column)[cut:]) for group, column in scores.items()}
        tables.append(channel_table(scores, kept, name))
    case = criterion_duel.case_of(pd.concat(tables), "l1", "di")
    gone = [
        {group: set(part.loc[part["cut"], "channel"]) for group, part in table.groupby("group")}
        for table in tables
    ]
    differing = {group: len(gone[0][group] - gone[1][group]) for group in "abc"}
    if case is None:
        assert not any(differing.values())
        return
    own, other = (side[case.group] for side in gone)
    assert case.mine in own - other and case.theirs in other - own
    assert case.differ == differing[case.group] == max(differing.values())
    assert set(case.all_mine) == own and set(case.all_theirs) == other
    assert f"channel {case.mine} of {case.group}" in criterion_duel.case_in_words(case, "l1", "di")
    rows = tables[0][tables[0]["group"] == case.group]
    arrows = criterion_duel.marked_bars(rows, "", case).layout.annotations
    order = rows.sort_values("score")["channel"].tolist()
    assert [order[int(arrow.x)] for arrow in arrows] == [case.mine, case.theirs]


def test_who_was_right_is_said_only_where_the_interval_says_so():
    case = criterion_duel.Case("g", 1, 2, 4, 6, (4, 5), (6, 5))
    row = {"repaired": True, "own": 0.1, "other": 0.3, "lead": 0.2, "low": 0.1, "high": 0.3}
    table = pd.DataFrame([{"removal": "alone"} | row, {"removal": "all"} | row | {"low": -0.1}])
    words = criterion_duel.verdict_in_words(table, "l1", "di", case, 500)
    assert words.startswith("L1 norm was right here") and "500 hold-out images" in words
    raw = table.assign(repaired=False, lead=-0.1, low=-0.2, high=-0.05)
    words = criterion_duel.choices_in_words(pd.concat([raw, table]), "l1", "di", case)
    assert "no difference these images can show (difference 0.2000, 95 %: -0.1000 to 0.3000); before" in words
    assert words.endswith("DI's choice costs 0.1000 nats less (difference 0.1000, 95 %: 0.0500 to 0.2000).")
    against = table.assign(lead=-0.2, low=-0.3, high=-0.1)
    words = criterion_duel.verdict_in_words(against, "l1", "di", case, 500)
    assert words.startswith("DI was right here") and "95 %: 0.1000 to 0.3000" in words
    assert len(criterion_duel.verdict(table, "l1", "di").data) == 1


# ------------------------------------------------------------------------------------------- labels


def test_labels_are_tested_on_the_same_images_and_counted(network):
    found = labels_tested(RECIPE.but(criterion="di"), shuffles=2, images=60)
    model, data = network
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))
    for row in found.shuffles.itertuples():
        plans = []
        for labels in ("true", "shuffled"):
            how = {"seed": row.seed, "calibration": 60, "groups": "inner", "labels": labels}
            plans.append(pruning.plan(graph, pruning.score(graph, "di", data, **how), cut=0.5))
        true, shuffled = plans
        assert row.differ == sum(len(set(shuffled.kept[g]) - set(true.kept[g])) for g in true.kept)
        small = pruning.cut(model, true)
        pruning.repair(small, true, model, data, calibration=60, seed=row.seed)
        images = data.holdout.take(np.arange(60))
        loss = evaluate(small, images, normalization=model.origin.normalization).loss
        assert row.true == pytest.approx(loss, abs=1e-4)
    assert found.lead.mean == pytest.approx((found.shuffles["shuffled"] - found.shuffles["true"]).mean())
    with pytest.raises(ValueError, match="uses no labels"):
        labels_tested(RECIPE)


def test_a_criterion_is_called_class_aware_only_by_two_standard_errors():
    shuffles = pd.DataFrame({"seed": [0, 1], "cut": [10, 10], "differ": [3, 4]})
    numbers = ("di", 0.1, 0.05, 0.15)
    assert "class-aware" in criterion_duel.labels_in_words(shuffles, *numbers, True, 500)
    without = criterion_duel.labels_in_words(shuffles, *numbers, False, 500)
    assert "No benefit of the labels that these images can show" in without and "4 of the 10" in without
    same = criterion_duel.labels_in_words(shuffles.assign(differ=0), *numbers, False, 500)
    assert same == (
        "Here the labels do not change what is cut: the same channels are cut in all of 2 shuffles."
    )
    gaps = np.random.default_rng(0).normal(size=(4, 300)) + np.arange(4)[:, None]
    expected = np.sqrt(gaps.mean(0).var(ddof=1) / 300 + gaps.mean(1).var(ddof=1) / 4)
    assert standard_error(gaps) == pytest.approx(expected)
