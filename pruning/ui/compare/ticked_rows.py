"""A table whose rows can be ticked: a tick belongs to what a row is about, not to its place in the table."""

import hashlib
import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

HEADER, ROW = 38, 35  # pixels
LETTER, AROUND, WIDEST = 6.2, 26, 320  # pixels of a letter, of what is beside a text, of a column


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
        column_config={name: st.column_config.Column(width=pixels) for name, pixels in widths(table).items()},
        **how,
    )
    return [place for place in picked.selection.rows if place < len(ids)]


def widths(table: pd.DataFrame) -> dict[str, int]:
    """Pixels of every column of texts, so that the longest one is read whole up to a point: left alone, the
    browser asks the first rows and cuts off what is longer below."""
    found = {}
    for name in table:
        texts = [text for text in table[name] if isinstance(text, str)]
        if texts:
            found[str(name)] = min(WIDEST, round(AROUND + LETTER * max(map(len, [str(name), *texts]))))
    return found
