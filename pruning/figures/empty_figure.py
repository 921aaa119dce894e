"""What a figure shows where there is nothing to draw: why."""

import plotly.graph_objects as go


def nothing(figure: go.Figure, why: str):
    """Writes a sentence into the middle of an empty figure and takes the axes away."""
    middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    figure.add_annotation(text=why, showarrow=False, font={"size": 14}, **middle)
    figure.update_layout(xaxis_visible=False, yaxis_visible=False)
