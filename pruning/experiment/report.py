"""report.json: what a run found, in numbers."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pruning.cost import Plan
from pruning.criteria import CRITERIA
from pruning.experiment.latency_report import latencies
from pruning.experiment.report_shape import mistaken
from pruning.progress import Watch
from pruning.search import SEARCHES
from pruning.tasks import DEFAULT, Metric
from pruning.terms import percent
from pruning.train.schedule import batches_of
from pruning.untrusted.json_texts import bounded_bytes, parsed

STAGES = ("baseline", "cut", "repaired", "tuned", "quantized")


def report_of(
    loaded, small, plan: Plan, stages, clock, codes: dict | None, messages: list[str], watch: Watch
) -> dict:
    """codes: of a quantized network's weights, else None."""
    recipe, data, task = loaded.recipe, loaded.data, loaded.data.task
    found = {stage: stages.found[stage] for stage in STAGES if stage in stages.found}
    statistics = {stage: said.statistics for stage, said in found.items()}
    latency, slower = latencies(loaded, small, plan, watch)
    return {
        "task": task.name,
        "metric": asdict(task.metric),
        "values": {stage: found[stage].value if stage in found else None for stage in STAGES},
        "test_images": len(data.test),
        "calibration_images": min(recipe.calibration, len(data.train)),
        **task.details(statistics, data.test.labels, data.classes),
        "macs": {"baseline": plan.macs_before, "final": plan.macs},
        "parameters": {"baseline": plan.parameters_before, "final": plan.parameters},
        "bytes": {"baseline": stored_bytes(loaded.model), "final": stored_bytes(small, codes)},
        "latency_ms": latency,
        "widths": {group.name: [group.size, plan.widths[group.name]] for group in loaded.graph.groups},
        "closed": plan.closed,
        "groups": {g.name: {"inner": g.inner, "tied_to": [*g.tied_to]} for g in loaded.graph.groups},
        "seconds": clock.seconds,
        "looked_at": looked_at(loaded),
        "gates": None,
        "expected": expected_here(plan, found["baseline"].value),
        "messages": [*dict.fromkeys(messages), *slower],
        "recipe": recipe.to_dict(),
        "versions": {name: version(name) for name in ("torch", "torchvision", "numpy")},
    }


def looked_at(loaded) -> dict[str, int]:
    """What it took: training images that were looked at, how many of their labels were used, and gradient
    steps, of matching, of training gates and of fine-tuning."""
    recipe, train = loaded.recipe, len(loaded.data.train)
    criterion = CRITERIA[recipe.criterion]
    calibration = min(recipe.calibration, train)
    draws = criterion.looks_at_images(dict(recipe.options)) or recipe.repair != "none"
    draws = draws or recipe.allocation in SEARCHES
    epochs = recipe.epochs + (recipe.bits_epochs if recipe.bits is not None else 0)
    steps = epochs * batches_of(train, recipe.batch_size)
    matched = recipe.match_steps if recipe.repair == "match" else 0
    return {
        "images": train if epochs else calibration if draws else 0,
        "labels": train if epochs else calibration if criterion.uses_labels else 0,
        "gradient_steps": steps + matched,
    }


def load_report(folder: str | Path) -> dict[str, Any]:
    """report.json of a run of this version or an earlier one, as this version has it. folder: of the run.

    Raises ValueError in one sentence where there is none."""
    path = Path(folder) / "report.json"
    try:
        report = parsed(bounded_bytes(path), constants=True)
    except OSError:
        raise ValueError(f"{path} holds no report; give the folder that a run was saved in") from None
    except ValueError as error:
        raise ValueError(
            f"{path} holds no report, {error}; give the folder that a run was saved in"
        ) from None
    if not isinstance(report, dict) or not isinstance(report.get("accuracy", report.get("values")), dict):
        raise ValueError(f"{path} holds no report of a run; give the folder that a run was saved in")
    if isinstance(report.get("metric"), str):  # before there were tasks: there was one metric, of one task
        report |= {"task": DEFAULT.name, "metric": asdict(DEFAULT.metric), "values": report["accuracy"]}
    # before epochs, which blocks closed, and what groups are coupled to, stood in it
    report = {"history": [], "gate_history": [], "groups": {}, "closed": {}} | report
    if wrong := mistaken(report):
        raise ValueError(f"{path} is not as it was written: {wrong}; give the folder that a run was saved in")
    return report


def stored_bytes(model, codes: dict | None = None) -> int:
    """What the network's tensors take when stored; packed, where they were quantized."""
    packed = sum(code.bytes for code in (codes or {}).values())
    return packed + sum(
        tensor.numel() * tensor.element_size()
        for name, tensor in model.state_dict().items()
        if name not in (codes or {})
    )


def expected_here(plan: Plan, baseline: float) -> dict[str, float] | None:
    """The accuracy to expect after the repair, {accuracy, low, high}, on images of which the whole network
    has `baseline` right (a fraction); None where nothing was predicted."""
    if plan.expected is None:
        return None
    other = baseline - plan.expected["baseline"]
    return {n: min(1.0, max(0.0, plan.expected[n] + other)) for n in ("accuracy", "low", "high")}


def in_one_line(report: Mapping[str, Any]) -> str:
    """What a run prints at its end."""
    metric = Metric(**report["metric"])
    stages = [
        f"{name} {metric.in_words(value)}" for name, value in report["values"].items() if value is not None
    ]
    macs, parameters = report["macs"], report["parameters"]
    latency, size = report["latency_ms"], report["bytes"]
    cut = 1 - macs["final"] / macs["baseline"]
    return (
        f"test {metric.name}: {', '.join(stages)}; "
        f"MACs {macs['baseline'] / 1e6:.2f} M -> {macs['final'] / 1e6:.2f} M ({percent(cut)} cut); "
        f"parameters {parameters['baseline']:,} -> {parameters['final']:,}; latency "
        f"{latency['baseline']:.1f} -> {latency['final']:.1f} ms per batch of {latency['batch']}; "
        f"weights {size['baseline'] / 1e3:,.0f} -> {size['final'] / 1e3:,.0f} kB; "
        f"computed on {latency['device']}"
    )
