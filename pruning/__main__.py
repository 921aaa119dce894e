"""The command line. Flags are the Recipe's fields, derived from the record by cyclopts; nothing is typed
twice.

Exit code 0; 2 for bad input, with one line on standard error that says what is wrong and what would be right.
Bars go to standard error, one line of result to standard output.
"""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from pruning import export_command
from pruning.app_command import start_app
from pruning.bench.command import bench
from pruning.comparison_command import compare
from pruning.data_command import data
from pruning.error_messages import logged, nobody_reads
from pruning.experiment.checks import must_train
from pruning.experiment.recipe import Recipe
from pruning.flags import (
    as_flags,
    flags_of,
    must_not_be_empty,
    recipe_of,
    recipe_of_run,
    typed_wrongly,
)
from pruning.html_report import command as html_report
from pruning.measuring_commands import SCORES_FIELDS, oracle, sensitivity
from pruning.models import WrongWeights
from pruning.models.own_code import OwnCodeError
from pruning.output_places import writable
from pruning.progress_bars import Bars
from pruning.run_command import Wanted, done, only_run
from pruning.target_command import met, target_in
from pruning.targets import KINDS
from pruning.terms import plural

app = App(
    name="python -m pruning",
    help=(
        "Prune the channels of a convolutional network: see what that costs and why, and get the "
        "smaller network."
    ),
    version_flags=(),
    suppress_keyboard_interrupt=False,  # main says what is left of the work
)

TRAINING_FIELDS = "cut measure protect max_cut_per_group min_channels epochs lr batch_size".split()
TRAIN_FIELDS = "model data task size batch_size seed device threads".split()


# ---------------------------------------------------------------------------------------- the commands


@app.command(name="list")
@flags_of(["model", "data", "task", "checkpoint", "size"], options=False)
def list_(
    what: Literal["models", "data", "criteria", "groups"],
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="As JSON, for scripts.", negative="")] = False,
    **given,
):
    """Lists networks, data sets, criteria, or the channel groups of a network."""
    from pruning import listing

    rows = listing.groups(recipe_of(given)) if what == "groups" else getattr(listing, what)()
    print(json.dumps(rows, indent=2) if as_json else listing.as_table(rows))
    if what == "models" and not as_json:
        print(f"\n{listing.torchvisions()}")


@app.command
@flags_of([*SCORES_FIELDS, *TRAINING_FIELDS])
def scores(
    *, out: Annotated[Path, Parameter(help="The CSV file to write: group, channel, score, tied_to.")], **given
):
    """Writes every channel's score by a criterion; gdp trains its gates for that, for all of --epochs."""
    from pruning.experiment.gate_training import trained_scores
    from pruning.experiment.loading import load, use_threads
    from pruning.experiment.planning import scores_of

    recipe = recipe_to_score(given)
    writable(out, folder=False, ending=".csv")
    use_threads(recipe)
    with Bars(recipe.device) as watch:
        loaded = load(recipe, watch)
        found = (trained_scores if recipe.trained else scores_of)(loaded, watch)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "channel", "score", "tied_to"])
        for name, values in found.items():
            tied = ";".join(loaded.graph.structure.by_name[name].tied_to)
            writer.writerows(
                (name, channel, repr(float(value)), tied) for channel, value in enumerate(values)
            )
    for message in (*loaded.model.origin.messages, *found.messages):
        print(message, file=sys.stderr)
    count, groups = plural(sum(map(len, found.values())), "channel"), plural(len(found), "group")
    print(f"{count} in {groups} scored by {recipe.criterion}; computed on {recipe.device}; saved in {out}")


def recipe_to_score(given: dict) -> Recipe:
    """What was typed for `scores`: of all groups, unless gates are trained, which do it as a run would."""
    recipe = recipe_of(given)
    if recipe.trained:
        must_train(recipe)
        return recipe
    for name in TRAINING_FIELDS:
        if name in given:
            flag = name.replace("_", "-")
            raise ValueError(
                f"--{flag} is for training gates, and {recipe.criterion} trains none; leave it out, or "
                "give --criterion gdp"
            )
    return recipe_of({"groups": "all", **given})


@app.command
@flags_of(numbers={kind: told[0] for kind, told in KINDS.items()})
def run(
    *,
    out: Annotated[
        Path | None,
        Parameter(
            help="Folder to write: model.safetensors, plan.json, recipe.json, report.json, predictions.npz; "
            "while it trains, what --resume needs in its folder state."
        ),
    ] = None,
    recipe: Annotated[Path | None, Parameter(help="A recipe.json to run again, changed by flags.")] = None,
    resume: Annotated[
        Path | None,
        Parameter(help="The --out folder of a run that was stopped while it trained, to continue there."),
    ] = None,
    keep: Annotated[
        bool, Parameter(help="Keep the run in the store; one that it has is not repeated.")
    ] = False,
    again: Annotated[bool, Parameter(help="With --keep: run it also where the store has it.")] = False,
    report: Annotated[bool, Parameter(help=html_report.FLAG, negative="")] = False,
    export: export_command.Exports = (),
    **given,
):
    """Scores, plans, cuts, repairs, fine-tunes and evaluates, as a recipe says."""
    target = target_in(given, resume)
    asked, out = recipe_of_run(out, recipe, resume, given)
    writable(out, folder=True)
    wanted = Wanted(keep, again, report, tuple(export))
    if resume is not None:
        wanted = wanted.beside(Wanted.of_state(resume))
    wanted.must_be_had(out)
    with only_run(out):
        if target:
            asked, found = met(asked, target, out)
            wanted = replace(wanted, found=found)
        done(asked, out, wanted)


RATE_HELP = "The highest learning rate of the one-cycle schedule: 0.1, or 0.0004 against a discriminator."


@app.command
@flags_of(TRAIN_FIELDS, options=False)
def train(
    *,
    out: Annotated[Path, Parameter(help="The safetensors file to write.")],
    epochs: Annotated[int, Parameter(help="Epochs over the training images, without the hold-out.")] = 20,
    lr: Annotated[float | None, Parameter(help=RATE_HELP)] = None,
    **given,
):
    """Trains a listed network from scratch, without the hold-out images, and writes its weights."""
    from pruning.experiment.loading import use_threads
    from pruning.train import train_network

    rate = {} if lr is None else {"lr": lr}
    asked = recipe_of({"epochs": epochs, "checkpoint": "none", **rate, **given})
    if asked.epochs < 1:
        raise ValueError(f"epochs is {epochs}; give a whole number, 1 or more")
    writable(out, folder=False, ending=".safetensors")
    use_threads(asked)
    how = {
        name: getattr(asked, name)
        for name in ("task", "size", "epochs", "batch_size", "seed", "threads", "device")
    }
    try:
        with Bars(asked.device) as watch:
            trained = train_network(asked.model, asked.data, **how, out=out, lr=lr, watch=watch)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; the same command goes on after the last whole epoch") from None
    test, images = trained.test, plural(len(trained.test.labels), "image")
    metric, counted = test.task.metric, f"{test.correct:,} of {images}" if test.task.counts_right else images
    print(
        f"trained {asked.model} on {asked.data} for {plural(asked.epochs, 'epoch')} in "
        f"{trained.seconds:.0f} s: "
        f"test {metric.name} {metric.in_words(test.value)} ({counted}); "
        f"computed on {asked.device}; saved in {trained.path}"
    )


app.command(data)
for measuring in (oracle, sensitivity, bench):
    app.command(measuring)
app.command(compare)
app.command(html_report.report)
app.command(export_command.export)
app.command(export_command.times)
app.command(start_app, name="app")


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    try:
        must_not_be_empty(sys.argv[1:] if words is None else words)
        app(words, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return 0
    except CycloptsError as error:
        return told(typed_wrongly(error, (name for name in app if not name.startswith("-"))))
    except WrongWeights as error:
        return told(str(error) + "".join(f"; give --model {name}" for name in error.fits[:1]))
    except OwnCodeError as error:
        trace = f" (the trace is in {logged(error)})" if error.__cause__ else ""
        return told(as_flags(str(error)) + trace)
    except ValueError as error:
        return told(as_flags(str(error)))
    except KeyboardInterrupt as ended:
        print(*(ended.args or ["stopped; nothing was written"]), file=sys.stderr)
        return 130
    except Exception as error:  # a defect of ours: one sentence for the user, the trace in a file
        if isinstance(error, BrokenPipeError) and nobody_reads():
            return 141  # as of a process that SIGPIPE has ended
        told(f"unexpected {type(error).__name__}: {str(error)[:200]} (the trace is in {logged(error)})")
        return 1


def told(message: str) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
