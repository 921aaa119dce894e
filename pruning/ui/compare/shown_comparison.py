"""Which comparison is shown: one that came with the project at first, then whichever was begun or chosen."""

import time
from functools import lru_cache

import pandas as pd
import streamlit as st

from pruning.jobs import Job
from pruning.runs.comparison_folder import RESULTS
from pruning.runs.comparison_points import read_results
from pruning.runs.kept_comparisons import BUNDLED, KeptComparison, kept_comparison, kept_comparisons
from pruning.ui import jobs, state

GONE = "This server keeps no such comparison: it was begun elsewhere, or its folder is gone."
HELP = "Comparisons stay after the server has ended, and so do their runs."


def choose() -> KeptComparison | None:
    """The comparison of the link, else the newest that came with the project, and a way to others."""
    id, there = state.looking_at("comparison"), kept_comparisons()
    shown = kept_comparison(id) if id else next((one for one in there if one.bundled), None)
    if id and shown is None:
        st.warning(GONE)
    if shown is not None:
        ids = list(dict.fromkeys([shown.id, *(one.id for one in there)]))
        names = {one.id: in_words(one) for one in [*there, shown]}
        first = next((one.id for one in there if one.bundled), None)
        how = state.bound_look("comparison", shown.id, none=first, options=ids, read=chosen)
        st.selectbox("Comparison", ids, format_func=names.get, **(how | {"help": HELP}))
    return shown


def chosen(id: str) -> str:
    """Another comparison: what was looked at in the one before is closed."""
    state.look_at(stage=None, only=None, pinned=None, against=None)
    return id


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
