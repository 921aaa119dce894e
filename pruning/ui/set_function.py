"""CATRO's ratio of the opened group as a function of the set that stays: lambda's rounds, and gains."""

import numpy as np
import pandas as pd
import streamlit as st

from pruning.criteria.catro import diminishing_returns, rounds_of
from pruning.figures import set_function
from pruning.ui import charts


def draw(scatters: pd.DataFrame, width: int, gamma: float, group: str):
    """Beside each other. scatters: b and w, a row a channel.   width: channels that stay."""
    b, w = (scatters[name].to_numpy(float) for name in ("b", "w"))
    rounds = rounds_of(b, w, max(1, width), gamma=gamma)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        charts.chart(
            set_function.rounds_figure(rounds),
            set_function.rounds_in_words(rounds, rank_correlation(b - rounds[-1] * w, b)),
            key="rounds",
            alt=f"How λ settles for {group}",
            table=pd.DataFrame({"round": range(len(rounds) + 1), "lambda": [0.0, *rounds]}),
        )
    gains = diminishing_returns(b, w, gamma=gamma) if len(b) > 1 else np.zeros((0, 4))
    table = set_function.gains_table(gains)
    with right:
        charts.chart(
            set_function.gains_figure(table),
            set_function.gains_in_words(table, gamma),
            key="gains",
            alt=f"What channels of {group} add to a set and to a larger one",
            table=table,
        )


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's; 1 where either has one value only."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 1.0
    return float(pd.Series(one).rank().corr(pd.Series(other).rank()))
