"""How a method looks, the same on every page: a colour, a dash and a symbol, so that none of them has to be
seen alone.

The ten colours are Petroff's sequence, told apart with any colour vision (2021, arXiv 2107.02270); red is
left out of the methods' own, since red means wrong or cut. Reconstruction and the three attributions have
colours like none of these, and the long dashes are the attributions' alone."""

PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
CUT = "#e11d2e"  # what is cut or wrong
KEPT = "#3f90da"  # what stays
QUIET = "#94a4a2"  # the baseline, and whatever stands in the background

LOOKS = {
    "cpot": ("#3f90da", "solid", "circle"),
    "di": ("#ffa90e", "solid", "square"),
    "catro": ("#832db6", "solid", "diamond"),
    "gdp": ("#2a8f45", "solid", "star-square"),
    "reconstruction": ("#e85d9e", "solid", "diamond-wide"),
    "l1": ("#717581", "dash", "triangle-up"),
    "l2": ("#94a4a2", "dash", "triangle-down"),
    "fpgm": ("#e76300", "dash", "pentagon"),
    "slimming": ("#a96b59", "dot", "hexagon"),
    "taylor": ("#b9ac70", "dot", "star"),
    "energy": ("#92dadd", "dot", "cross"),
    "random": ("#bd1f01", "dashdot", "x"),
    "conductance": ("#009e73", "longdash", "hourglass"),
    "gradient_x_activation": ("#cc79a7", "longdash", "bowtie"),
    "integrated_gradients": ("#7d8f1a", "longdash", "hexagram"),
}

TITLES = {
    **{"cpot": "CPOT", "di": "DI", "catro": "CATRO", "fpgm": "FPGM", "gdp": "GDP"},
    **{"l1": "L1 norm", "l2": "L2 norm", "taylor": "Taylor", "reconstruction": "Reconstruction"},
    **{"gradient_x_activation": "gradient x activation", "integrated_gradients": "integrated gradients"},
}


def title(name: str) -> str:
    """A method's name as it is written in a text or a legend: "L1 norm" for l1."""
    return TITLES.get(name, name)


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
