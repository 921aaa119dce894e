"""One accuracy, one name: each says of which images it is; the test accuracy is the same on every page."""

import pytest

from pruning import Recipe
from pruning.inspection import full_accuracy
from pruning.terms import percent
from pruning.ui import test_accuracy
from tests.page_door import look_until, open_page, said

LINK = {"data": "digits", "criterion": "l1", "calibration": "60", "threads": "1"}
PAGES = ("", "1_Channels", "2_Prune", "4_Compress", "5_Gates")


@pytest.mark.parametrize("page", PAGES)
def test_the_full_network_s_test_accuracy_is_the_same_on_every_page(page, server):
    found = test_accuracy.of_bundled("resnet20", "digits")
    right = round(found.value * found.images)
    told = f"{percent(found.value)} ({right:,} of {found.images:,} test images)"
    app = open_page(page, **LINK, lesson="1")
    assert "Test accuracy, full network" in said(app) and told in said(app)


def test_what_the_weights_file_says_is_what_is_counted():
    recipe = Recipe(data="digits", threads=1)
    assert full_accuracy(recipe) == test_accuracy.known(recipe)
    few = recipe.but(subtask=(3, 5, 8))
    assert test_accuracy.known(few) is None  # of three classes it has to be counted
    assert full_accuracy(few).images < full_accuracy(recipe).images


def test_images_that_weights_of_ones_own_may_have_learned_are_said_in_the_open(server, bundled_copy):
    link = LINK | {"checkpoint": str(bundled_copy), "cut": "0.3"}
    app = look_until(open_page("2_Prune", **link), lambda app: app.warning)
    assert "Memorised images" in app.warning[0].value and "on 143 hold-out images" in said(app)


@pytest.fixture
def bundled_copy(tmp_path):
    """The weights of digits as a file of somebody's own."""
    from pruning.models.bundled_weights import bundled_file

    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(bundled_file("resnet20", "digits").read_bytes())
    return copy


def test_of_a_cut_and_a_repaired_network_compress_says_both(server):
    app = look_until(open_page("4_Compress", **LINK, bits="4", repair="recalibrate"), lambda app: app.metric)
    assert {"Full network", "Cut and repaired", "In few bits"} <= {metric.label for metric in app.metric}
