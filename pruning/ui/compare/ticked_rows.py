"""A table whose rows can be ticked: a tick belongs to what a row is about, not to its place in the table."""

import hashlib
import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

HEADER, ROW = 38, 35  # pixels


def ticked(table: pd.DataFrame, ids: Sequence[str], *, key: str, most: int, **how) -> list[int]:
    """Draws the table, at most so many pixels high, and returns the places of the ticked rows.

    ids: what each row is about. The browser sends places, of the rows that it shows; where these are others
    than now, since runs were kept, deleted or filtered meanwhile, the ticks are dropped rather than met by
    other rows. So it is another table as soon as other rows are in it."""
    picked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"{key} {hashlib.sha256(json.dumps(list(ids)).encode()).hexdigest()[:16]}",
        height=min(most, HEADER + ROW * max(1, len(ids))),
        **how,
    )
    return [place for place in picked.selection.rows if place < len(ids)]
