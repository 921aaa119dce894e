"""What a lesson can hide, by name: controls and parts of pages, each by the keys of its widgets."""

# {name: (what it is, keys: a * at the end stands for whatever follows)}
HIDEABLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "network": ("choice of network, data and classes", ("network",)),
    "criterion": ("criterion", ("widget criterion", "about criteria")),
    "beside": ("criterion to compare with", ("widget beside",)),
    "options": ("options of the criterion", ("criterion options",)),
    "cut": ("pruning ratio", ("widget cut",)),
    "measure": ("measure of the cut", ("widget measure",)),
    "allocation": ("allocation", ("widget allocation",)),
    "repair": ("repair", ("widget repair",)),
    "epochs": ("epochs and learning rate", ("widget epochs", "widget lr")),
    "seed": ("seed", ("widget seed",)),
    "group": ("channel group and channel", ("widget group", "widget channel")),
    "tables": ("tables behind charts", ("table *",)),
    "downloads": ("downloads", ("take *",)),
    "measure-buttons": ("buttons that measure", ("ask *",)),
    "tour": ("tour", ("tour offer",)),
}
LONGEST_NAME = 60  # letters of a lesson's name
ALWAYS = ("network", "seed")  # in a lesson with a name: a class gets equal numbers


def selectors(name: str) -> list[str]:
    """CSS selectors of what a name hides: Streamlit writes a widget's key as a class."""
    found = []
    for key in HIDEABLE[name][1]:
        written = "st-key-" + key.removesuffix("*").strip().replace(" ", "-")
        found.append(f'[class*="{written}-"]' if key.endswith("*") else f".{written}")
    return found
