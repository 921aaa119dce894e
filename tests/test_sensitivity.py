"""Sensitivity: a row is what cutting that group alone costs, its readers as they were or refitted."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

import pruning
from pruning.experiment import Recipe
from pruning.experiment.loaded_networks import loaded
from pruning.inspection.sensitivity import COLUMNS, sensitivity
from pruning.progress import Cancelled
from pruning.reconstruction.least_squares import RIDGE
from pruning.statistics.calibration_images import CalibrationImages
from pruning.train import evaluate
from tests.front_door import forked
from tests.small_data import write_npz

SHARES = (0.0, 0.3, 0.55)
IMAGES, DRAWN = 20, 30  # of the hold-out, and for the refits
LAST = "layer3.1.conv1"  # its reader's map is 4 x 4, so that all places are looked at


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A small network on small images, its weights as they were drawn."""
    data = write_npz(tmp_path_factory.mktemp("data") / "small.npz", train=20, test=3)
    fields = {"calibration": DRAWN, "checkpoint": "none", "size": 16, "threads": 1, "criterion": "l1"}
    return Recipe(data=str(data), groups="all", **fields)


TOLD = []  # what the measurement below told its watch


@pytest.fixture(scope="module")
def table(recipe):
    torch.set_num_threads(1)
    loaded(recipe)  # so that nothing else is told
    return sensitivity(recipe, SHARES, lambda *event, **values: TOLD.append((event, values)), images=IMAGES)


def holdout(found):
    return found.data.holdout.take(np.arange(min(IMAGES, len(found.data.holdout))))


def counted(found, model) -> tuple[int, float]:
    said = evaluate(model, holdout(found), normalization=found.model.origin.normalization)
    return said.correct, said.loss


def cut_alone(found, group: str, share: float):
    scores = pruning.score(found.graph, "l1", groups="all")
    plan = pruning.plan(found.graph, scores, cut=0, measure="channels", cut_group={group: share})
    return plan, pruning.cut(found.model, plan)


@torch.no_grad()
def refit(found, small, plan, name: str):
    """The textbook's ridge regression of one reader of the cut network on all that it sees."""
    layers = [dict(model.named_modules()) for model in (found.model, small)]
    images, seen = CalibrationImages(found.model, found.data, DRAWN, 0), {}
    hooks = [
        each[name].register_forward_hook(lambda _, given, made, k=k: seen.update({k: (given[0], made)}))
        for k, each in enumerate(layers)
    ]
    for model in (found.model, small):
        model.eval()(images.rows(slice(images.learned))[0])
    for hook in hooks:
        hook.remove()
    layer = layers[1][name]
    kept = torch.as_tensor(plan.by_tensor[f"{name}.weight"][1])  # of what it reads
    given, wanted = seen[0][0][:, kept], seen[0][1]
    if given.dim() == 4:
        rows = F.unfold(given, layer.kernel_size, padding=layer.padding, stride=layer.stride)
        made = F.conv2d(given, layer.weight, stride=layer.stride, padding=layer.padding)
        rows, lacks = (part.flatten(2).mT.flatten(0, 1) for part in (rows, wanted - made))
    else:
        rows, lacks = given, wanted - layer(given)
    a, d = (part.double() - part.double().mean(0) for part in (rows, lacks))
    ridge = np.sqrt(RIDGE * float(a.square().sum()) / a.shape[1]) * np.eye(a.shape[1])
    padding = np.zeros((a.shape[1], d.shape[1]))
    change, *_ = np.linalg.lstsq(np.concatenate([a, ridge]), np.concatenate([d, padding]), rcond=None)
    shift = lacks.double().mean(0).numpy() - rows.double().mean(0).numpy() @ change
    layer.weight.add_(torch.from_numpy(change.T.astype(np.float32)).view_as(layer.weight))
    if layer.bias is not None:
        layer.bias.add_(torch.from_numpy(shift.astype(np.float32)))
    else:
        norm = layers[1][name.replace("conv", "bn")]
        norm.running_mean.sub_(torch.from_numpy(shift.astype(np.float32)))


def row_of(table, group: str, share: float):
    (row,) = table[(table["group"] == group) & (table["share"] == share)].itertuples()
    return row


def test_a_row_is_a_group_and_a_share_and_tied_layers_are_one_group(recipe, table):
    structure = loaded(recipe).graph.structure
    assert list(table.columns) == COLUMNS and len(table) == len(structure.groups) * len(SHARES)
    written = {layer for group in structure.groups if not group.inner for layer in group.layers}
    tied = {layer for layers in table["tied_to"] for layer in layers.split(";")}
    assert written <= tied | set(table["group"]) and "layer3.2.conv2" in tied - set(table["group"])
    assert (table["kept"] == table["channels"] - np.floor(table["share"] * table["channels"])).all()
    assert (table["images"] == IMAGES).all()
    assert (table["accuracy_raw"] == table["correct_raw"] / IMAGES).all()
    inner = sensitivity(recipe.but(groups="inner"), (0.0,), images=2)
    assert set(inner["group"]) == {group.name for group in structure.groups if group.inner}


def test_without_a_repair_it_is_what_cutting_that_group_alone_costs(recipe, table):
    found = loaded(recipe)
    for row in table[table["share"] > 0].itertuples():
        plan, small = cut_alone(found, row.group, row.share)
        assert len(plan.kept[row.group]) == row.kept < row.channels
        correct, nats = counted(found, small)
        assert row.correct_raw == correct and row.cross_entropy_raw == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("group", [LAST, "layer3.0.conv2"])
def test_repaired_it_is_the_cut_network_with_its_readers_refitted(recipe, table, group):
    """Of a residual stream too: all layers that read it, each to what it gave in the whole network."""
    found = loaded(recipe)
    plan, small = cut_alone(found, group, SHARES[2])
    readers = found.graph.structure.by_name[group].readers
    for name in readers:
        refit(found, small, plan, name)
    row, (_, nats) = row_of(table, group, SHARES[2]), counted(found, small)
    assert row.cross_entropy_repaired == pytest.approx(nats, rel=1e-4)  # products in single precision
    assert row.cross_entropy_repaired != pytest.approx(row.cross_entropy_raw, rel=1e-2)


def test_nothing_cut_is_the_whole_network_and_more_cut_is_more_lost(recipe, table):
    correct, nats = counted(loaded(recipe), loaded(recipe).model)
    whole = table[table["share"] == 0]
    assert (whole["correct_raw"] == correct).all() and (whole["correct_repaired"] == correct).all()
    assert np.allclose(whole[["cross_entropy_raw", "cross_entropy_repaired"]], nats, rtol=1e-5)
    assert (whole["error"] == 0).all() and (table[table["share"] > 0]["error"] > 0).all()
    assert (np.diff(table["error"].to_numpy().reshape(-1, len(SHARES))) > 0).all()


def test_rows_are_told_as_they_are_found_and_every_batch_counts(table):
    rows = [values for event, values in TOLD if "group" in values]
    assert pd.DataFrame(rows, columns=COLUMNS).equals(table)
    steps = [event for event, _ in TOLD if event[0] == "sensitivity"]
    assert {total for _, _, total in steps} == {steps[-1][1]}
    assert len({done for _, done, _ in steps}) > len(rows)


def test_cancelled_in_the_middle_it_leaves_the_network_as_it_was(recipe):
    model = loaded(recipe).model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def stop(stage, done, total, **values):
        if stage == "sensitivity" and done > total / 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        sensitivity(recipe, (0.5,), stop, images=8)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_command_writes_the_same_table_and_says_which_group_is_hurt_most(recipe, tmp_path):
    words = ["--data", recipe.data, "--checkpoint", "none", "--size", "16", "--threads", "1"]
    words += ["--calibration", DRAWN, "--criterion", "fpgm", "--shares", "0.5", "0.75"]
    done = forked("sensitivity", *words, "--out", tmp_path / "table.csv")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    told = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    expected = sensitivity(recipe.but(criterion="fpgm", groups="inner"), (0.5, 0.75))
    assert told.equals(expected)  # to the last digit, so no tolerance
    most = expected[expected["share"] == 0.75].sort_values("cross_entropy_raw")["group"].iloc[-1]
    assert f"most in {most} " in done.stdout and "9 groups x 2 pruning ratios" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--shares 1.5", "from 0 to below 1"),
        ("--criterion gdp", "gdp trains gates"),
        ("--criterion l3", "l1"),
        ("--allocation uniform", "allocation"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(words, told, tmp_path):
    done = forked("sensitivity", "--data", "digits", *words.split(), "--out", tmp_path / "table.csv")
    assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())
