"""`python -m pruning export FOLDER`, `times FOLDER`: a saved network for other runtimes, and its time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pruning.experiment.recipe_fields import Runtime
from pruning.export.export_words import in_words, slower, title
from pruning.export.formats import FORMATS, usable_format
from pruning.flags import as_flags
from pruning.output_places import writable
from pruning.progress_bars import Bars
from pruning.runtimes import must_be_timed

FormatName = Literal["onnx", "int8", "exported", "openvino", "pytorch"]
EXPORT = f"Also write the network for other runtimes, checked and timed: {', '.join(FORMATS)}."
Exports = Annotated[tuple[FormatName, ...], Parameter(help=EXPORT, consume_multiple=True, negative="")]
RUNTIME = "torch, compile (torch.compile; takes minutes), onnxruntime, openvino. Default: all but compile."
FORMAT = " ".join(f"{form.name}: {form.meaning}" for form in FORMATS.values())
Formats = Annotated[tuple[FormatName, ...], Parameter(help=FORMAT, consume_multiple=True, negative="")]


def export(
    folder: Annotated[Path, Parameter(help="What run wrote.")],
    /,
    *,
    format: Formats = ("onnx",),
    out: Annotated[Path | None, Parameter(help="The folder to write into. [default: FOLDER]")] = None,
):
    """Writes a saved run's network as files for other runtimes, each checked against it on test images."""
    must_be_had(format)
    if not (folder / "report.json").is_file():
        raise ValueError(f"{folder} holds no run; give the folder that run wrote")
    writable(out or folder, folder=True)
    write(folder, format, out)


def times(
    folder: Annotated[Path, Parameter(help="What run wrote.")],
    /,
    *,
    runtime: Annotated[
        tuple[Runtime, ...] | None, Parameter(help=RUNTIME, consume_multiple=True, negative="")
    ] = None,
):
    """Times a saved run's network and the full one in several runtimes, and tells of it in report.json."""
    if not (folder / "report.json").is_file():
        raise ValueError(f"{folder} holds no run; give the folder that run wrote")
    must_be_timed(runtime or ())
    writable(folder, folder=True)
    from pruning.experiment.exporting import times_of_run, told_in_report
    from pruning.experiment.runtime_times import no_faster, not_timed, runtime_table

    with Bars() as watch:
        rows = times_of_run(folder, runtime, watch)
    told_in_report(folder, rows)
    print(runtime_table(rows).to_string(index=False))
    for sentence in no_faster(rows):
        print(sentence)
    if failed := not_timed(rows):
        raise ValueError(" ".join(failed).rstrip("."))


def must_be_had(formats: Sequence[str]):
    """Raises ValueError, before any work, where a format needs a package that is not installed."""
    for name in formats:
        usable_format(name)


def write(folder: Path, formats: Sequence[str], out: Path | None = None):
    """Writes the files and says what came of each. Stopped, nothing half-written is left."""
    from pruning.experiment.exporting import export_run

    if not formats:
        return
    try:
        with Bars() as watch:
            for told in export_run(folder, formats, out, watch):
                places = ", ".join(str((out or folder) / file) for file in told["files"])
                words = " ".join(filter(None, (in_words(told), as_flags(slower(told)))))
                print(f"{title(told)}: {words} Saved in {places}", flush=True)
    except KeyboardInterrupt:
        words = f"stopped; the run is in {folder}, and its files for other runtimes are those told above"
        raise KeyboardInterrupt(words) from None
