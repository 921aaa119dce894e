"""The function of a gate, moved by hand, and what of all this is the paper's."""

import numpy as np
import pandas as pd
import streamlit as st

from pruning.figures.gate_function import TS, gate_function, gate_function_in_words
from pruning.gates.gate_trace import opened, slope
from pruning.ui import charts, state

EPS = tuple((10.0 ** -np.linspace(1, 4, 13)).round(6).tolist())
PAPER = """**The paper's** (Guo et al. 2021, arXiv 2109.02220): a gate before every convolution, or for a
whole block; while the network trains some gates fall smoothly to exact zero and the others stay well away
from it; channels with zero gates are removed, the others' gates are multiplied into the next layer's weights,
so that nothing is interrupted and nothing is lost.

**Our reading**: g = t² / (t² + eps) with one number t per channel, which starts where g is a half; eps falls
by the same factor at every step.

- The weights are multiplied by g over the g of a gate that never moved, so neither inserting gates nor the
  falling eps alone changes an output.
- The loss pulls a gate open, the more its channel is worth: the mean of squared gate × gradient over parts of
  a batch, compared within its group.
- Batch norms keep their stored statistics until the gates are decided. Norms that follow the batch would undo
  whatever all gates of a layer do together, and the loss could not say how many should close.
- A price on what is open, just high enough, keeps to a target that falls step by step. A gate below 0.001 is
  set to zero and stays there.
- After 30 % of the steps every gate is decided, and the loss no longer influences which close: the weakest
  close slowly, the others open.
"""


def function():
    """The curve and its slope at an eps that is moved by hand: instantly, without any training."""
    st.subheader("Why gates end at 0 or 1", anchor=False)
    st.fragment(draw_function)()


def draw_function():
    eps = st.select_slider(
        "eps",
        EPS,
        EPS[4],
        format_func=lambda eps: f"{eps:.2g}",
        key="eps by hand",
        help="The width of the curve. In a training it falls from 0.1 to 0.0001.",
    )
    table = function_table(eps)
    charts.chart(
        gate_function(table, eps),
        gate_function_in_words(table, eps),
        key="gate-function",
        alt="The gate over t, and its slope",
        table=table,
    )


def function_table(eps: float) -> pd.DataFrame:
    """t, gate (0 to 1), slope (d gate / dt)."""
    scaled = TS / np.sqrt(eps)
    return pd.DataFrame({"t": TS, "gate": opened(scaled), "slope": slope(scaled) / np.sqrt(eps)})


def readings():
    if state.lesson():
        return
    with st.expander("What is the paper's, and what is our reading", key="readings folded"):
        st.markdown(PAPER)
