"""The least cut by which a network is quick or small enough, by planning alone."""

from dataclasses import replace

from pruning.experiment.recipe import Recipe
from pruning.progress import Watch
from pruning.targets.candidates import Candidates
from pruning.targets.target import Candidate, Found, Target

STEPS = 12  # halvings of the cut: to a four-thousandth


def smallest_by_cost(recipe: Recipe, target: Target, watch: Watch) -> Found:
    if target.kind == "at_most_kb" and recipe.bits is not None:
        raise ValueError(
            "a target in kB counts weights as they are, and bits packs them; leave one of them out"
        )
    measure = "latency" if target.kind == "at_most_ms" else "params"
    tried = Candidates(recipe.but(measure=measure), watch)
    cost = milliseconds(tried) if measure == "latency" else kilobytes(tried)
    found = [Candidate(0.0, 1.0, cost=cost(tried.plan(0.0)))]
    unit = "ms a batch" if measure == "latency" else "kB"
    if found[0].cost <= target.value:
        given = " with the groups cut that have a ratio of their own" if recipe.cut_group else ""
        raise ValueError(
            f"the full network{given} takes {found[0].cost:,.4g} {unit} already; give less than that, or a "
            "cut"
        )
    most = tried.most()
    low, high = 0.0, most
    found.append(candidate(tried, most, cost))
    if found[-1].cost > target.value:
        raise ValueError(
            f"at most {target.value:g} {unit} is out of reach: the limits of the groups leave "
            f"{found[-1].cost:,.4g}; give that or more, or allow more of a group to go"
        )
    for step in range(STEPS):
        watch("target", step, STEPS)
        middle = round((low + high) / 2, 5)
        found.append(candidate(tried, middle, cost))
        low, high = (low, middle) if found[-1].cost <= target.value else (middle, high)
    watch("target", STEPS, STEPS)
    wanted = replace(tried.recipe, cut=high)
    metric, messages = tried.loaded.data.task.metric, tuple(tried.messages)
    return Found(wanted, target, metric, tuple(found), messages=messages, table=tried.loaded.table)


def candidate(tried: Candidates, cut: float, cost) -> Candidate:
    plan = tried.plan(cut)
    return Candidate(cut, plan.macs / plan.macs_before, cost=cost(plan), achieved=plan.achieved)


def milliseconds(tried: Candidates):
    """Estimated, of a batch, from the measured times of the layers."""
    form, groups = tried.loaded.table.form(tried.loaded.graph.structure), tried.loaded.graph.groups
    return lambda plan: form([plan.widths[group.name] for group in groups])


def kilobytes(tried: Candidates):
    """Of the weights as they are stored, in 1,000 bytes."""
    from pruning.experiment.report import stored_bytes

    return lambda plan: stored_bytes(tried.network(plan)) / 1000
