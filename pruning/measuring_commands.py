"""`python -m pruning oracle` and `sensitivity`: what is measured of a network without running a recipe."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pruning.flags import flags_of, recipe_of
from pruning.inspection.sensitivity import SHARES
from pruning.output_places import writable
from pruning.progress_bars import Bars

LOADED = "model task data checkpoint normalize size subtask calibration seed device threads".split()
SCORES_FIELDS = [*LOADED, "criterion", "groups"]
ORACLE_FIELDS = [*LOADED, "cut"]


@flags_of(ORACLE_FIELDS, options=False)
def oracle(
    *,
    group: Annotated[str, Parameter(help="The channel group to measure, such as layer1.0.conv1.")],
    out: Annotated[Path, Parameter(help="The CSV file to write: one row per channel.")],
    **given,
):
    """Measures what removing each channel of a group costs, and how well each criterion predicted it."""
    from pruning.experiment.loading import use_threads
    from pruning.inspection.oracle import measure_oracle

    recipe = recipe_of(given)
    writable(out, folder=False, ending=".csv")
    use_threads(recipe)
    with Bars(recipe.device) as watch:
        found = measure_oracle(recipe, group, watch)
    out.parent.mkdir(parents=True, exist_ok=True)
    found.channels.to_csv(out, index=False)
    for message in found.messages:
        print(message, file=sys.stderr)
    best = "the best possible choice" if found.exhaustive else "the best choice found"
    judged = (
        f"{row.criterion} {row.foresight:.2f} / {row.regret:.4f}" for row in found.criteria.itertuples()
    )
    print(
        f"{group}: {found.removed} of {len(found.channels)} channels, {found.images:,} hold-out images; "
        f"{best} costs {found.best:.4f} nats; rank correlation / regret of {', '.join(judged)}; "
        f"computed on {recipe.device}; saved in {out}"
    )


@flags_of(SCORES_FIELDS)
def sensitivity(
    *,
    out: Annotated[Path, Parameter(help="The CSV file to write: one row per group and pruning ratio.")],
    shares: Annotated[
        tuple[float, ...],
        Parameter(help="Pruning ratios to try on each group.", consume_multiple=True, negative=""),
    ] = SHARES,
    **given,
):
    """Measures the accuracy lost by cutting each channel group alone, as cut and after reconstruction."""
    from pruning.experiment.loading import use_threads
    from pruning.inspection import sensitivity as one_by_one

    recipe = recipe_of(given)
    writable(out, folder=False, ending=".csv")
    use_threads(recipe)
    with Bars(recipe.device) as watch:
        found = one_by_one.sensitivity(recipe, shares, watch)
    out.parent.mkdir(parents=True, exist_ok=True)
    found.to_csv(out, index=False)
    for message in found.attrs["messages"]:
        print(message, file=sys.stderr)
    print(f"{one_by_one.in_one_line(found)}; computed on {recipe.device}; saved in {out}")
