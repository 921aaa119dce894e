"""The exercises whose answers are measured on request: each measured as the page would, and again by hand."""

import numpy as np
import pytest
import torch

import pruning
from pruning.experiment import run
from pruning.experiment.loading import load
from pruning.inspection.compress_preview import CONTROLS, subtask_now
from pruning.inspection.label_shuffling import SHUFFLES, labels_tested
from pruning.inspection.repair_against_tuning import repaired_and_tuned
from pruning.terms import percent
from pruning.train import evaluate
from pruning.ui.learn import answers
from pruning.ui.learn.exercises import EXERCISES


@pytest.fixture(scope="module")
def data():
    torch.set_num_threads(1)
    return pruning.load_data("digits")


def recipe_of(name):
    return EXERCISES[name].recipe.but(threads=1)


def answered(model, split, origin) -> np.ndarray:
    """Whether a network names each image's class: [N]."""
    with torch.no_grad():
        logits = model.eval()(pruning.data.to_tensor(split.images, origin.normalization))
    return logits.argmax(1).numpy() == split.labels


def test_repair_or_train(data):
    """Every figure of the sentence by the package's own steps, one after the other."""
    recipe, model = recipe_of("repair-or-train"), pruning.load_model("resnet20", "digits")
    text = answers.repair_or_train(repaired_and_tuned(recipe))
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))
    scores = pruning.score(graph, "l1", data)
    plan = pruning.plan(graph, scores, cut=recipe.cut, measure=recipe.measure, allocation=recipe.allocation)
    small = pruning.cut(model, plan)
    right = {"full": answered(model, data.test, model.origin)}
    right["cut"] = answered(small, data.test, model.origin)
    pruning.repair(small, plan, model, data, "reconstruct", calibration=recipe.calibration, seed=recipe.seed)
    right["repaired"] = answered(small, data.test, model.origin)
    tuned = run(recipe.but(repair="none"))
    right["tuned"] = answered(tuned.model, data.test, model.origin)
    told = {name: percent(float(np.mean(own))) for name, own in right.items()}
    assert f"As cut by L1 norm: {told['cut']}. " in text and f"Full network: {told['full']}. " in text
    assert f"from 300 images without a label: {told['repaired']}. " in text
    steps = -(-len(data.train) // 64)
    assert f"After 1 epoch with {len(data.train):,} labels ({steps} steps): {told['tuned']}. " in text
    lead = 100 * (np.mean(right["repaired"]) - np.mean(right["tuned"]))
    assert f"The repair leads 1 epoch by {lead:.1f} points" in text
    assert told["cut"] != told["repaired"] != told["tuned"]  # sentences that say nothing would pass otherwise


def test_three_classes():
    """Each way's network taken from a run of its own, and asked about the hold-out's images."""
    recipe = recipe_of("three-classes")
    now = subtask_now(recipe)
    counts = dict(zip(now.rows["way"], now.rows["correct"], strict=True))
    plain = recipe.but(repair="recalibrate", allocation="uniform", epochs=0)
    ways = {"catro": {}, "l1": {"criterion": "l1"}, "energy": {"criterion": "energy"}}
    ways["shuffled"] = {"options": (("labels", "shuffled"),)}
    narrow = load(recipe)
    images, origin, right = narrow.data.holdout, narrow.model.origin, {}
    for way, changes in ways.items():
        small = run(plain.but(**changes)).model
        right[way] = answered(small, images, origin)
    limits = {"cut": recipe.cut, "measure": recipe.measure, "allocation": "uniform"}
    how = {"seed": recipe.seed, "calibration": recipe.calibration}
    scores = pruning.score(load(recipe.but(subtask=())).graph, "catro", pruning.load_data("digits"), **how)
    plan = pruning.plan(narrow.graph, scores, **limits)
    small = pruning.cut(narrow.model, plan)
    pruning.repair(small, plan, narrow.model, narrow.data, **how)
    right["all classes"] = answered(small, images, origin)
    assert {way: own.sum() for way, own in right.items()} == counts and set(counts) == set(CONTROLS)
    text = answers.MEASURED["three-classes"][1](now)
    assert f"The same {len(images)} hold-out images for all" in text
    leads = {way: right["catro"].mean() - own.mean() for way, own in right.items() if way != "catro"}
    assert leads == pytest.approx({way: lead.mean for way, lead in now.leads.items()})
    shown = [lead for way, lead in leads.items() if now.leads[way].low > 0 or now.leads[way].high < 0]
    assert text.count(" leads ") == len(shown)
    assert all(f" by {100 * abs(lead):.1f} points" in text for lead in shown)


def test_shuffled_labels(data):
    """Channels and losses of all shuffles, by the package's own steps, one after the other."""
    recipe, model = recipe_of("shuffled-labels"), pruning.load_model("resnet20", "digits")
    text = answers.shuffled_labels(labels_tested(recipe))
    graph, images = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32)), data.holdout
    limits = {"cut": recipe.cut, "measure": recipe.measure, "allocation": recipe.allocation}
    differ, cut, leads = [], [], []
    for seed in range(SHUFFLES):
        plans, losses = [], []
        for labels in ("true", "shuffled"):
            how = {"seed": seed, "calibration": recipe.calibration, "labels": labels}
            plans.append(pruning.plan(graph, pruning.score(graph, "di", data, **how), **limits))
            small = pruning.cut(model, plans[-1])
            pruning.repair(small, plans[-1], model, data, calibration=recipe.calibration, seed=seed)
            losses.append(evaluate(small, images, normalization=model.origin.normalization).loss)
        true, other = ({(g, c) for g, kept in plan.kept.items() for c in kept} for plan in plans)
        differ.append(len(other - true))
        cut.append(sum(group.size for group in graph.groups) - len(true))
        leads.append(losses[1] - losses[0])
    said = (
        f"with shuffled labels {np.mean(differ):.0f} of the {np.mean(cut):.0f} cut channels would be others"
    )
    assert f"{said} (mean of 5 shuffles)" in text
    assert f"({np.mean(leads):+.4f} nats for true labels" in text and f"{len(images)} hold-out images" in text
