"""Published reference points, with their source: beside our own figures, never in one series with them."""

import pandas as pd
import streamlit as st

SAID = (
    "As their authors or a survey state them; FLOPs are multiply-accumulates of convolutions and linear "
    "layers. Other networks, data and training than here: they say what is possible, not who leads."
)
COLUMNS = ("Method", "Network", "Data", "Before -> after", "FLOPs cut", "Source")
SURVEY = "survey arXiv 2404.07236, table 4"
POINTS = (
    ("DI", "ResNet-50", "ImageNet", "no top-1 loss", "44 %", "abstract"),
    ("CATRO", "ResNet-50", "ImageNet", "75.98 -> 75.84", "45.8 %", SURVEY),
    ("GDP", "DeepLabV3Plus-ResNet50", "Pascal VOC", "no drop, slightly better", "over 60 %", "abstract"),
    ("FPGM", "ResNet-50", "ImageNet", "76.15 -> 75.59", "42.2 %", SURVEY),
    ("SFP", "ResNet-50", "ImageNet", "76.15 -> 74.61", "41.8 %", SURVEY),
)


def table() -> pd.DataFrame:
    return pd.DataFrame(POINTS, columns=COLUMNS)


def panel():
    """Folded."""
    with st.expander("What papers report", key="papers folded"):
        st.caption(SAID)
        st.dataframe(table(), hide_index=True, key="published", alt="Published figures with their sources")
