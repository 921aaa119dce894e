"""`python -m pruning report FOLDER`, and report.html as `run` and `compare` write it."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pruning.html_report.own_reports import is_ours
from pruning.output_places import writable

FILE = "report.html"
FLAG = "Also write OUT/report.html: one file that opens in any browser, offline."


def report(
    folder: Annotated[Path, Parameter(help="What run or compare wrote.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="The file. [default: FOLDER/report.html]")] = None,
):
    """Writes the report of a run or of a comparison: one HTML file that opens in any browser, offline."""
    if out is not None:
        writable(out, folder=False, ending=".html")
        if out.suffix.lower() != ".html":
            raise ValueError(f"--out {out} is no name of a web page; give one that ends in .html")
    print(f"saved in {write(folder, out)}")


def must_be_ours(file: Path) -> None:
    """Raises ValueError where somebody else's file would be written over."""
    if file.exists() and not is_ours(file):
        raise ValueError(f"{file} is no report that this program wrote; move it, or give another file")


def write(folder: Path, out: Path | None = None) -> Path:
    """report.html of whatever the folder holds. Raises ValueError in one sentence where it holds neither, or
    the file can't be written."""
    from pruning.html_report.comparison_report import comparison_html
    from pruning.html_report.run_report import run_html
    from pruning.runs.comparison_folder import ASKED

    out = out or folder / FILE
    must_be_ours(out)
    text = (comparison_html if (folder / ASKED).is_file() else run_html)(folder)
    scratch = out.with_name(f".{out.name}.writing")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, out)
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error.strerror}); give another file") from error
    return out
