"""The path of a search as a drawing and in words, and the images on which two networks are compared."""

import numpy as np
import pandas as pd
import pytest

from pruning.cost import Step
from pruning.figures.search_path import PRICES, path_rows, search_path, search_path_in_words
from pruning.inspection.grad_cam_pairs import chosen

STEPS = [
    Step("a", 2, 6, 0.1, 0.1, 90.0),
    Step("b", 1, 3, 0.1, 0.2, 80.0),
    Step("a", 2, 4, 0.2, 0.4, 70.0),
    Step("b", 2, 1, 1.6, 2.0, 60.0),
]
PATH = pd.DataFrame([vars(step) for step in STEPS])


def test_shares_are_of_the_whole_network_and_of_the_whole_group():
    rows = path_rows(PATH, 0.4)
    assert rows["share_left"].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert rows["group_left"].tolist() == pytest.approx([6 / 8, 3 / 4, 4 / 8, 1 / 4])


@pytest.mark.parametrize("price", PRICES)
def test_every_group_has_a_row_and_every_step_a_square(price):
    figure = search_path(path_rows(PATH, 0.4), ["a", "b"], price, "MACs")
    line, squares = figure.data
    assert list(line.y) == pytest.approx([0.1, 0.2, 0.4, 2.0])
    assert list(squares.y) == ["a", "b", "a", "b"] and list(squares.x) == pytest.approx([90, 80, 70, 60])
    assert figure.layout.xaxis.autorange == "reversed"
    words = search_path_in_words(path_rows(PATH, 0.4), price)
    assert words.startswith("a was cut first; b lost most (25 % of its channels are left).")
    assert "made up 80 % of the cost" in words and PRICES[price][1] in words


def test_nothing_to_cut_is_said():
    empty = path_rows(PATH.iloc[:0], 0.0)
    figure = search_path(empty, [], "kl", "MACs")
    assert "Nothing had to be cut" in figure.layout.annotations[0].text
    assert "Nothing had to be cut" in search_path_in_words(empty, "kl")


def test_images_are_taken_from_every_kind_and_class():
    changed = ["broken"] * 12 + ["mended"] * 3 + ["same"] * 85
    answers = pd.DataFrame({"change": changed, "image": np.arange(100), "label": np.arange(100) // 10})
    answers = answers.assign(before=answers["label"], after=answers["label"])
    images = chosen(answers, 5)
    assert images["change"].value_counts().to_dict() == {"broken": 5, "mended": 3, "same": 5}
    assert images[images["change"] == "broken"]["image"].tolist() == [0, 1, 2, 3, 4]
    assert images[images["change"] == "same"]["label"].is_unique
