"""A comparison's rows read back as points: means, spread, domination by brute force."""

import numpy as np
import pandas as pd
import pytest

from pruning.runs.comparison_points import at_stage, dominated, points, read_results, stages_of, varying
from pruning.runs.results_table import COLUMNS

ROW = dict.fromkeys(COLUMNS, "") | {
    **{"model": "resnet20", "data": "digits", "criterion": "l1", "cut": "0.5", "measure": "macs"},
    **{
        "allocation": "uniform",
        "repair": "recalibrate",
        "epochs": "0",
        "kind": "recipe",
        "metric": "accuracy",
    },
    **{"status": "finished", "accuracy_baseline": "0.9", "macs_baseline": "100", "macs_final": "50"},
}


@pytest.fixture
def folder(tmp_path):
    rows = [
        ROW | {"seed": seed, "run": f"{criterion}{seed}", "criterion": criterion} | more
        for criterion, base in (("l1", 0.6), ("random", 0.5))
        for seed, more in enumerate(
            {"accuracy_cut": str(base + d), "accuracy_repaired": str(base + d + 0.2)} for d in (0, 0.1, 0.02)
        )
    ]
    rows.append(ROW | {"criterion": "fpgm", "seed": 0, "status": "failed", "error": "too many"})
    rows.append(ROW | {"criterion": "cpot", "seed": 0, "repair": "none", "accuracy_cut": "0.4"})
    pd.DataFrame(rows).to_csv(tmp_path / "results.csv", index=False)
    return tmp_path


def test_points_are_means_over_seeds_at_the_stage_asked_for(folder):
    table = read_results(folder)
    assert stages_of(table) == ["cut", "repaired"] and varying(table) == ["criterion", "repair"]
    last = points(table).set_index("criterion")
    assert last.loc["l1", ["accuracy", "low", "high"]].tolist() == pytest.approx([0.84, 0.8, 0.9])
    assert last.loc["l1", "seeds"] == 3 and last.loc["l1", "run"] == "l12"  # 0.82 is nearest to 0.84
    assert last.loc["cpot", "accuracy"] == 0.4 and "fpgm" not in last.index
    assert last["dominated"].tolist() == [False, True, True] and set(last["cost"]) == {50}
    assert set(points(table, "repaired")["criterion"]) == {"l1", "random"}
    assert points(table, "cut").set_index("criterion").loc["random", "accuracy"] == pytest.approx(0.54)
    assert points(table, "tuned").empty and len(at_stage(table, "cut")) == 7


def test_dominated_is_what_brute_force_says():
    draws = np.random.default_rng(0)
    table = pd.DataFrame({"model": "a", "data": "b", "accuracy": draws.integers(0, 6, 80)})
    table["cost"] = draws.integers(0, 6, 80)

    def beats(a, b):
        as_good = a.accuracy >= b.accuracy and a.cost <= b.cost
        return as_good and (a.accuracy > b.accuracy or a.cost < b.cost)

    rows = list(table.itertuples())
    assert dominated(table).tolist() == [any(beats(a, b) for a in rows) for b in rows]


def test_a_folder_without_results_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="give a folder that compare wrote"):
        read_results(tmp_path)


def test_what_comes_after_a_stage_has_no_part_in_it(tmp_path):
    """Four repairs of one cut are one point right after it, of no repair; once repaired they are three."""
    repaired = {"match": "0.8", "none": "", "reconstruct": "0.75", "recalibrate": "0.7"}
    rows = [
        ROW | {"seed": seed, "repair": repair, "accuracy_cut": "0.4", "accuracy_repaired": after}
        for seed in (0, 1)
        for repair, after in repaired.items()
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "results.csv", index=False)
    table = read_results(tmp_path)
    (point,) = points(table, "cut").to_dict("records")
    assert (point["repair"], point["seeds"], point["accuracy"]) == ("none", 2, 0.4)
    assert varying(at_stage(table, "cut")) == [] and varying(at_stage(table, "repaired")) == ["repair"]
    assert len(points(table, "repaired")) == 3 and len(points(table)) == 4
