"""How a method looks, the same on every page: a colour, a dash and a symbol, so that none of them has to be
seen alone.

Red means cut or wrong, and nothing else is red. The ten colours are Petroff's sequence, told apart with any
colour vision (2021, arXiv 2107.02270), but for its dark red: in its place stands an indigo, far from the
others under normal, red-blind, green-blind and blue-blind vision. Reconstruction and the three attributions
have colours like none of these, and the long dashes are the attributions' alone."""

PALETTE = (
    *("#3f90da", "#ffa90e", "#5a3cff", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
CUT = "#e11d2e"  # what is cut or wrong
KEPT = "#3f90da"  # what stays
QUIET = "#94a4a2"  # the full network, and whatever stands in the background
BELOW = "#e76300"  # below zero, where KEPT's blue is above
DIVERGING = (
    (0.0, "rgb(231, 99, 0)"),
    (0.5, "rgb(242, 242, 242)"),
    (1.0, "rgb(63, 144, 218)"),
)  # BELOW to KEPT
# Of a figure with several series: above it, and there from the first point on.
LEGEND = {"showlegend": True, "legend": {"orientation": "h", "yanchor": "bottom", "y": 1, "x": 0}}

LOOKS = {
    "cpot": ("#3f90da", "solid", "circle"),
    "di": ("#ffa90e", "solid", "square"),
    "catro": ("#832db6", "solid", "diamond"),
    "gdp": ("#2a8f45", "solid", "star-square"),
    "reconstruction": ("#cc33aa", "solid", "diamond-wide"),
    "l1": ("#717581", "dash", "triangle-up"),
    "l2": ("#94a4a2", "dash", "triangle-down"),
    "fpgm": ("#e76300", "dash", "pentagon"),
    "slimming": ("#a96b59", "dot", "hexagon"),
    "taylor": ("#b9ac70", "dot", "star"),
    "energy": ("#92dadd", "dot", "cross"),
    "random": ("#5a3cff", "dashdot", "x"),
    "conductance": ("#009e73", "longdash", "hourglass"),
    "gradient_x_activation": ("#cc79a7", "longdash", "bowtie"),
    "integrated_gradients": ("#7d8f1a", "longdash", "hexagram"),
}


def colour(name: str) -> str:
    """A method's colour as #rrggbb; a method without a look of its own gets one by its letters, always the
    same."""
    return LOOKS[name][0] if name in LOOKS else PALETTE[sum(map(ord, name)) % len(PALETTE)]


def look(name: str) -> dict:
    """What a Plotly line with markers takes: figure.add_scatter(..., **look("cpot"))."""
    dash, symbol = LOOKS[name][1:] if name in LOOKS else ("longdash", "star-diamond")
    return {
        "line": {"color": colour(name), "dash": dash},
        "marker": {"color": colour(name), "symbol": symbol},
    }
