"""Which comparison is shown: one that came with the project at first, then whichever was begun or chosen."""

import time
from functools import lru_cache

import pandas as pd
import streamlit as st

from pruning.jobs import Job
from pruning.runs.comparison_folder import RESULTS
from pruning.runs.comparison_points import read_results
from pruning.runs.kept_comparisons import BUNDLED, KeptComparison, kept_comparison, kept_comparisons
from pruning.ui import jobs, state, visitor

GONE = "This server keeps no such comparison: it was begun elsewhere, or its folder is gone."
HELP = (
    "Comparisons stay after the server has ended, and so do their runs. Whoever uses this server sees them, "
    "but for those of files that somebody has given."
)
# of the comparison that was shown before
CLOSED = dict.fromkeys(("stage", "only", "pinned", "against", "runs", "job"))


def choose() -> KeptComparison | None:
    """The comparison of the link, else the newest that came with the project, and a way to others."""
    id, there = state.looking_at("comparison"), [one for one in kept_comparisons() if open_to_visitor(one)]
    first = next((one for one in there if one.bundled), None)
    shown = kept_comparison(id) if id else first
    if id and (shown is None or not open_to_visitor(shown)):
        st.warning(GONE)
        shown = first
    if shown is not None:
        ids = list(dict.fromkeys([shown.id, *(one.id for one in there)]))
        names = {one.id: in_words(one) for one in [*there, shown]}

        def changed(chosen: str):
            state.look_at(**CLOSED, comparison=None if first and chosen == first.id else chosen)

        how = state.tied("widget comparison", shown.id, changed, options=ids)
        st.selectbox("Comparison", ids, format_func=names.get, help=HELP, **how)
    return shown


def open_to_visitor(one: KeptComparison) -> bool:
    """Comparisons are everybody's who uses the server, but for those of files that somebody has given."""
    given = (*one.asked.datasets, str(one.asked.settings.get("checkpoint") or ""))
    given += tuple(str(recipe[name]) for recipe in one.asked.recipes for name in ("data", "checkpoint"))
    private = any(name.startswith(state.UPLOADED) for name in given)
    return not private or one.owner in ("", visitor.owner())


def in_words(one: KeptComparison) -> str:
    if one.bundled:
        return f"{one.title} (came with the project)"
    return f"{one.title} ({time.strftime('%d %b %Y, %H:%M', time.localtime(one.begun))})"


def job_of(shown: KeptComparison) -> Job | None:
    """The job that is at it on this server, or was last."""
    return next((job for job in jobs.workers().jobs("comparison") if job.about == (shown.id,)), None)


def rows_of(shown: KeptComparison) -> pd.DataFrame | None:
    """Its rows so far; None before the first."""
    path = shown.folder / RESULTS
    try:
        stamp = path.stat()
    except OSError:
        return None
    return _rows(str(shown.folder), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=16)
def _rows(folder: str, changed: int, size: int) -> pd.DataFrame:
    """Read once, whoever asks; never changed."""
    return read_results(folder)


def is_bundled(id: str | None) -> bool:
    return bool(id) and (BUNDLED / str(id)).is_dir()
