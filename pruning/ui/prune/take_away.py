"""What a run leaves, to take away: the network, its recipe and report, and the network for other runtimes."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from pruning.experiment import Recipe
from pruning.experiment.exporting import times_on_page
from pruning.export import export_words, saved_network
from pruning.export.formats import FORMATS, usable_format
from pruning.html_report.run_report import run_html
from pruning.inspection.exported_file import ExportedFile, exported_file
from pruning.inspection.prediction_changes import RunReport
from pruning.models.own_code import is_own, parted
from pruning.terms import sentence
from pruning.ui import charts, display_names, measurement, preview_cache
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import latency

KINDS = {".onnx": "application/octet-stream", ".pt2": "application/octet-stream", ".zip": "application/zip"}
HELP = (
    "Writes the network for that runtime, compares its answers there with its own here on up to 500 test "
    "images, and times both networks there: 10 to 30 seconds. A file whose answers differ is not offered."
)

TIMES = (
    "Writes both networks for every runtime that is installed here, and times them for one image and for a "
    "batch, taking turns: 20 to 60 seconds. torch.compile takes minutes: python -m pruning times FOLDER "
    "--runtime compile"
)


def panel(found: RunReport, folder: Path):
    """The network, and the run as text that can be run again. folder: where it was saved."""
    st.subheader("Take it away", anchor=False)
    own = parted(found.recipe.model) if is_own(found.recipe.model) else None
    name = name_of(found.recipe)
    if not (folder / "report.json").exists():
        st.warning(f"The workers saved the network where this server cannot see it: {folder}")
        return
    with st.container(horizontal=True):
        charts.button("Network (zip)", lambda: saved_network.packed(folder), f"{name}.zip", "application/zip")
        charts.button("Recipe", found.recipe.to_json, f"{name}-recipe.json", "application/json")
        charts.button("Report", (folder / "report.json").read_text, f"{name}-report.json", "application/json")
        charts.button(
            "Report (HTML)", lambda: run_html(folder, found.pictures), f"{name}-report.html", "text/html"
        )
    whole = f", model={own.factory}(...)" if own else ""  # a file runs no code that it names
    st.caption(
        f'The zip holds weights (safetensors), recipe and plan: `pruning.load("{name}.zip"{whole})` opens it.'
    )
    for_other_runtimes(found, folder, name)


def name_of(recipe: Recipe) -> str:
    """Of files: network, data and criterion."""
    own = parted(recipe.model) if is_own(recipe.model) else None
    parts = (own.factory if own else recipe.model, display_names.data(recipe.data))
    return "-".join((*parts, recipe.criterion)).replace(":", "-")


def for_other_runtimes(found: RunReport, folder: Path, name: str):
    """Times in every runtime, and one choice of format; its file is made when it is asked for, checked, and
    kept."""
    recipe = found.recipe
    titles = {form.name: form.title for form in FORMATS.values()}
    if not (found.report["latency_ms"].get("runtimes")):
        measurement.on_request(
            "Time both networks in every runtime",
            partial(ask_times, recipe, folder),
            latency.runtimes,
            help=TIMES,
        )
    chosen = st.segmented_control(
        "For another runtime", list(titles), default="onnx", format_func=titles.get, key="export format"
    )
    if chosen is None:
        return
    st.caption(FORMATS[chosen].meaning)
    try:
        usable_format(chosen)
    except ValueError as error:
        st.caption(sentence(f"{error}."))
        return
    measurement.on_request(
        f"Make the file: {titles[chosen]}",
        partial(ask, recipe, folder, chosen),
        partial(made, name=name),
        help=HELP,
    )


def ask(recipe: Recipe, folder: Path, chosen: str, **how) -> preview_cache.Answer:
    """The ExportedFile of a run; does not wait."""
    more: dict[str, Any] = {
        "key": f"{folder.absolute()} {chosen}",
        "title": f"{FORMATS[chosen].title} of {name_of(recipe)}",
    }
    return preview_cache.ask(exported_file, recipe, str(folder), chosen, **(more | how))


def ask_times(recipe: Recipe, folder: Path, **how) -> preview_cache.Answer:
    """Rows of `side_by_side` of a run; does not wait."""
    more: dict[str, Any] = {"key": f"{folder.absolute()} times", "title": f"Times of {name_of(recipe)}"}
    return preview_cache.ask(times_on_page, recipe, str(folder), **(more | how))


def made(found: ExportedFile, name: str):
    """What was checked of the file, and the file."""
    st.markdown(f"**Checked**: {export_words.in_words(found.told)}")
    if slower := export_words.slower(found.told):
        st.info(in_page_words(slower))
    whole = f"{name}{FORMATS[found.told['format']].endings[0]}"
    if found.ending == ".zip":
        whole = f"{name}-{found.told['format']}.zip"
    charts.button(f"Download {whole}", lambda: found.content, whole, KINDS[found.ending])
