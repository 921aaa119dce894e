"""A group's channels cut one by one: losses are those of networks really cut, and stand on the page."""

import numpy as np
import pytest
import torch

import pruning
from pruning import Recipe
from pruning.figures.removal_steps import removal_curve, step_in_words, steps_table
from pruning.inspection.removal_steps import removal_steps
from tests.page_door import link_of, look_until, open_page, said

GROUP = "layer1.0.conv1"
LINK = {"data": "digits", "criterion": "l1", "group": GROUP}


def test_every_step_is_the_loss_of_a_network_without_these_channels():
    order = (*range(15, -1, -1),)
    found = removal_steps(Recipe(data="digits", criterion="l1", threads=1), GROUP, order, images=40)
    model, data = pruning.load_model("resnet20", "digits"), pruning.load_data("digits")
    images, labels = pruning.data.batch_of(
        data.holdout.first(40), slice(40), model.origin.normalization, "cpu"
    )
    weight = dict(model.named_parameters())["layer1.0.conv2.weight"]
    for gone in (0, 1, 5, 15):
        with torch.no_grad():
            weight[:, list(order[:gone])] = 0
            wanted = torch.nn.functional.cross_entropy(model.eval()(images), labels)
        assert found.losses[gone] == pytest.approx(float(wanted), rel=1e-4)
    assert len(found.losses) == 16 and found.images == 40
    with pytest.raises(ValueError, match="each of the 16 channels"):
        removal_steps(Recipe(data="digits", criterion="l1", threads=1), GROUP, (0, 1))


def test_a_step_is_told_in_words_and_marked():
    table = steps_table((2, 0, 1), np.array([0.5, 0.75, 0.7]))
    assert table["channel"].tolist() == [-1, 2, 0]
    words = step_in_words(table, 1, 40)
    assert "With 1 channel out the loss is 0.750 (0.500 with none)" in words
    assert "Channel 2 went last and changed it by +0.250. Next is channel 0: -0.050." in words
    now = removal_curve(table, 1).data[-1]
    assert (now.x.tolist(), now.y.tolist()) == ([1], [0.75])


def test_one_more_is_cut_and_put_back_on_the_page(server):
    app = open_page("1_Channels", **LINK)
    next(button for button in app.button if button.label == "Measure every step").click().run()
    look_until(app, lambda page: "channels out the loss is" in said(page))
    assert app.button(key="step back").disabled and "With 0 channels out" in said(app)
    app.button(key="step on").click().run()
    app.button(key="step on").click().run()
    assert "With 2 channels out" in said(app) and link_of(app)["gone"] == "2"
    app.button(key="step back").click().run()
    assert "With 1 channel out" in said(app) and not app.exception
    app.button(key="step start").click().run()
    assert "gone" not in link_of(app)
