"""`python -m pruning export FOLDER`: a saved run's network for other runtimes; also behind `run --export`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pruning.export.export_words import in_words, slower, title
from pruning.export.formats import FORMATS, usable_format
from pruning.flags import as_flags, writable
from pruning.progress_bars import Bars

FormatName = Literal["onnx", "int8", "exported", "openvino", "pytorch"]
EXPORT = f"Also write the network for other runtimes, checked and timed: {', '.join(FORMATS)}."
Exports = Annotated[tuple[FormatName, ...], Parameter(help=EXPORT, consume_multiple=True, negative="")]
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
