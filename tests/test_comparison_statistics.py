"""Comparisons: identities and definitions; how often they err is measured in docs/compare.md."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pruning.comparison_statistics import compared, shares_of_variance
from pruning.comparison_statistics.intervals import holm
from pruning.tasks import DEFAULT
from tests.simulated_results import answers, right_to_statistics
from tests.test_tasks import Brightness

NAMES = ("A", "B", "C", "D", "E", "F")


def family_of(right: np.ndarray, **options):
    """right: [results, seeds, items]."""
    return compared(*right_to_statistics(right, NAMES), DEFAULT, **options)


@pytest.fixture(scope="module")
def right():
    """Six results, the first far ahead and two of them truly equal."""
    shares = np.array([0.95, 0.9, 0.9, 0.88, 0.86, 0.8])
    return answers(np.random.default_rng(0), shares, 0.004 * np.ones(6), seeds=4, items=1017)


def test_one_seed_is_the_t_interval_of_the_items(right):
    family = family_of(right[:2, :1])
    gaps = right[0, 0].astype(float) - right[1, 0]
    (row,) = family.table().to_dict("records")
    exact = stats.ttest_1samp(gaps, 0)
    interval = exact.confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert row["p"] == row["p_holm"] == pytest.approx(exact.pvalue, rel=1e-6)
    assert (row["low_all"], row["high_all"]) == (row["low"], row["high"])  # of one comparison there is one
    assert "A leads B by" in family.leader() and "not for new seeds" in family.notes()[-1]


def test_without_differences_between_items_it_is_the_t_interval_of_the_seeds():
    values = np.array([0.3, 0.5, 0.2, 0.45])
    own, other = ([{"estimates": np.full(50, at)} for at in side] for side in (values, np.zeros(4)))
    row = compared({"A": own, "B": other}, np.zeros(50), MeanBrightness()).table().iloc[0]
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


def test_a_pair_swapped_is_mirrored(right):
    family, swapped = family_of(right[:3]).table(), family_of(right[[1, 0, 2]]).table()
    one, other = family.iloc[0], swapped.iloc[0]
    assert one["verdict"] == "a leads" and other["verdict"] == "b leads"
    for low, high in (("low", "high"), ("low_all", "high_all")):
        assert (one[low], one[high]) == pytest.approx((-other[high], -other[low]))
    assert one[["p", "p_holm"]].to_list() == pytest.approx(other[["p", "p_holm"]].to_list())


def test_holm_is_its_definition():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # by hand
    random = np.random.default_rng(0)
    for _ in range(20):
        p, error = random.random(6) ** 4, random.random()
        refused, ordered = set(), sorted(range(6), key=lambda k: p[k])
        for step, k in enumerate(ordered):  # step by step, until one is not refused
            if p[k] > error / (6 - step):
                break
            refused.add(k)
        assert set(np.flatnonzero(holm(p) <= error)) == refused


def test_verdicts_and_intervals_agree(right):
    for family in (family_of(right), family_of(right, against="C")):
        table = family.table()
        shown = table["verdict"] != "no difference shown"
        outside = (table["low_all"] >= 0) | (table["high_all"] <= 0)
        assert shown.any() and (~shown).any() and (shown == outside).all()
        assert (shown == (table["p_holm"] <= 0.05)).all() and (table["p"] <= table["p_holm"]).all()
        assert (table["high"] - table["low"] <= table["high_all"] - table["low_all"] + 1e-12)[~shown].all()
        needs = table[["items_needed", "seeds_needed", "times_needed"]].notna().any(axis=1)
        assert (needs == ~shown).all()
    assert len(family.table()) == 5 and set(family.table()["b"]) == {"C"}
    assert "A leads" in family_of(right).leader() and "Holm" in family_of(right).notes()[0]


def test_no_difference_is_said_with_what_would_show_it(right):
    row, family = family_of(right).table().iloc[5], family_of(right)
    assert (row["a"], row["b"]) == ("B", "C")
    assert "B against C: no difference these images can show" in family.sentences()[5]
    assert "would show it" in family.sentences()[5]


def test_as_many_images_as_are_asked_for_show_it_four_times_in_five():
    random, shares, spread = np.random.default_rng(4), np.array([0.9, 0.915]), np.zeros(2)
    first = [
        family_of(answers(random, shares, spread, seeds=1, items=600)).table().iloc[0] for _ in range(40)
    ]
    asked = np.array([row["items_needed"] * (row["difference"] / -0.015) ** 2 for row in first])
    enough = int(np.nanmedian(asked))  # each told it for the difference that it saw
    again = [family_of(answers(random, shares, spread, seeds=1, items=enough)).table() for _ in range(150)]
    shown = sum(table["verdict"][0] == "b leads" for table in again)
    assert 105 <= shown <= 135  # 120 expected, standard deviation 5


def test_the_same_answers_are_called_that_and_few_others_prove_nothing(right):
    same = family_of(right[[0, 0]])
    assert "equally well on every image" in same.sentences()[0] and same.table()["p"][0] == 1
    nearly = right[[0, 0], :1].copy()
    nearly[1, 0, np.flatnonzero(right[0, 0])[:5]] = False  # of five images, by tossing coins: p = 1 / 16
    row = family_of(nearly).table().iloc[0]
    assert row["p"] == 1 / 16 and row["low"] < 0 < row["high"] and row["verdict"] == "no difference shown"


def test_seeds_that_not_all_have_are_left_out_pair_by_pair(right):
    results, labels = right_to_statistics(right[:3], NAMES)
    numbered = {name: dict(enumerate(of)) for name, of in results.items()}
    del numbered["B"][1]
    family = compared(numbered, labels, DEFAULT)
    assert family.table()["seeds"].to_list() == [3, 4, 3] and family.seeds["B"] == 3
    gap = right[0, [0, 2, 3]].mean() - right[1, [0, 2, 3]].mean()
    assert family.table()["difference"][0] == pytest.approx(gap)


def test_what_cannot_be_compared_is_refused_in_a_sentence(right):
    results, labels = right_to_statistics(right[:3], NAMES)
    one = {"estimates": np.ones(4)}
    for results_, labels_, said in (
        ({"A": [one]}, np.ones(4), "two results"),
        ({"A": [one], "B": [{"estimates": np.full(4, np.nan)}]}, np.ones(4), "of 'B' is not a number"),
    ):
        with pytest.raises(ValueError, match=said):
            compared(results_, labels_, MeanBrightness())
    with pytest.raises(ValueError, match="no seed in common"):
        compared({"A": {0: results["A"][0]}, "B": {1: results["B"][1]}}, labels, DEFAULT)
    with pytest.raises(ValueError, match="items"):
        compared(results, labels[:-1], DEFAULT)
    with pytest.raises(ValueError, match="'Z' is not among"):
        compared(results, labels, DEFAULT, against="Z")


class MeanBrightness(Brightness):
    """Its metric, a mean over items, is better when lower."""

    def per_item(self, statistics, labels):
        return np.abs(statistics["estimates"] - labels)


@pytest.mark.parametrize("task", [MeanBrightness(), Brightness()], ids=["mean over items", "asked again"])
def test_where_lower_is_better_the_lower_leads_in_its_own_unit(task):
    random = np.random.default_rng(3)
    labels = random.random(500)
    results = {
        name: [{"estimates": labels + random.normal(0, width, 500)} for _ in range(3)]
        for name, width in (("coarse", 0.1), ("fine", 0.05), ("finer", 0.05))
    }
    family = compared(results, labels, task)
    assert family.table()["verdict"].to_list() == ["b leads", "b leads", "no difference shown"]
    assert family.table()["difference"][0] > 0
    assert (
        family.sentences()[0].startswith("fine leads coarse by 0.0") and "full brightness" in family.leader()
    )
    assert "points" not in " ".join(family.sentences())


def test_a_metric_that_is_no_mean_has_nearly_the_interval_of_one_that_is():
    random, labels = np.random.default_rng(5), np.zeros(800)
    results = {name: [{"estimates": random.normal(0, 0.1, 800)} for _ in range(3)] for name in "AB"}
    exact, asked = (
        compared(results, labels, task).table().iloc[0] for task in (MeanBrightness(), Brightness())
    )
    assert asked["difference"] == pytest.approx(exact["difference"], abs=1e-12)
    width = (asked["high"] - asked["low"]) / (exact["high"] - exact["low"])
    assert 0.8 < width < 1.25  # a variance known from 100 groups is off by 14 %


# ------------------------------------------------------------------------------------- shares of variance


def planted(noise: float, seeds: int = 3) -> pd.DataFrame:
    """Effects of a, of b and of both together, whose sums of squares are 60, 30 and 10 parts of 100."""
    rows, random = [], np.random.default_rng(1)
    for i, a in enumerate((-1, 1)):
        for j, b in enumerate((-1, 0, 1)):
            for seed in range(seeds):
                exact = np.sqrt(0.6) * a + np.sqrt(0.3 * 1.5) * b + np.sqrt(0.1 * 1.5) * a * b
                rows.append({"a": i, "b": f"b{j}", "seed": seed, "value": exact + random.normal(0, noise)})
    return pd.DataFrame(rows)


def test_shares_recover_what_was_planted_and_add_up():
    found = shares_of_variance(planted(0), ["a", "b"], "value").set_index("term")["share"]
    assert found.to_dict() == pytest.approx({"a": 0.6, "b": 0.3, "a x b": 0.1, "rest": 0}, abs=1e-9)
    noisy = shares_of_variance(planted(0.5, seeds=40), ["a", "b"], "value").set_index("term")
    expected = {"a": 0.6 / 1.25, "b": 0.3 / 1.25, "a x b": 0.1 / 1.25, "rest": 0.2}  # the noise: 0.25
    assert noisy["share"].to_dict() == pytest.approx(expected, abs=0.09)  # three deviations
    assert noisy["share"].sum() == pytest.approx(1)
    for term, share in expected.items():
        assert noisy["low"][term] < share < noisy["high"][term], term


def test_a_table_with_gaps_is_told_from_a_whole_one():
    table = planted(0.01).sample(frac=0.8, random_state=0)
    found = shares_of_variance(table, ["a", "b", "seed"], "value").set_index("term")["share"]
    assert found.sum() == pytest.approx(1) and "not told apart" in found
    assert found["seed"] < 0.001 and found["a"] > found["b"] > found["a x b"] > 0.05


def test_many_levels_of_nothing_make_no_share():
    random = np.random.default_rng(7)
    table = pd.DataFrame({"method": np.repeat(np.arange(30), 4), "value": random.normal(size=120)})
    found = shares_of_variance(table, ["method"], "value")
    assert found["sum_of_squares"][0] / found["sum_of_squares"].sum() > 0.15 and found["share"][0] < 0.1


def test_what_the_images_make_of_a_choice_is_not_its_share():
    told, corrected = [], []
    for number in range(8):  # six methods that are equally good, under three seeds
        random = np.random.default_rng(number)
        items = (
            answers(random, np.full(6, 0.9), np.zeros(6), seeds=3, items=400).reshape(18, -1).astype(float)
        )
        table = pd.DataFrame(
            {"method": np.repeat(range(6), 3), "seed": [0, 1, 2] * 6, "value": items.mean(1)}
        )
        told.append(shares_of_variance(table, ["method"], "value")["share"][0])
        corrected.append(shares_of_variance(table, ["method"], "value", items=items)["share"][0])
    assert np.mean(told) > 0.15 and np.mean(corrected) < 0.1


def test_items_give_an_interval_where_there_is_one_seed(right):
    items = right[:, 0].astype(float)
    table = pd.DataFrame({"method": list("AABBCC"), "repair": [0, 1] * 3, "value": items.mean(1)})
    found = shares_of_variance(table, ["method", "repair"], "value", items=items)
    assert found["term"].to_list() == ["method", "repair", "rest"]  # pairs would explain every row
    assert ((found["low"] <= found["share"]) & (found["share"] <= found["high"])).all()
    assert shares_of_variance(table, ["method"], "value")["low"].isna().all()
    with pytest.raises(ValueError, match="no variance"):
        shares_of_variance(table.assign(value=1.0), ["method"], "value")
