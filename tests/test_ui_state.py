"""The link and the session: what a link opens, what changes it, and how a wrong one is refused."""

import pytest

from pruning import Recipe
from pruning.flags import as_flags
from pruning.ui import display_names, link_choices, state
from pruning.ui.page_messages import in_page_words
from tests.front_door import REPOSITORY
from tests.page_door import link_of, open_page

pytestmark = pytest.mark.usefixtures("server")
LINK = {"data": "digits", "criterion": "cpot", "cut": "0.35", "temperature": "2.0", "beside": "random"}


def test_a_link_is_a_recipe_and_what_is_looked_at():
    recipe, opened = state.read_link(
        LINK | {"group": "layer1.0.conv1", "job": "abc", "lesson": "1", "tour": "off"}
    )
    assert recipe == Recipe(data="digits", criterion="cpot", cut=0.35, options={"temperature": 2.0})
    assert opened == {
        "group": "layer1.0.conv1",
        "beside": "random",
        "job": "abc",
        "lesson": "1",
        "tour": "off",
    }


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"cut": "1.5"}, "below 1"),
        ({"cut": "nan"}, "share"),
        ({"cut": "much"}, "number"),
        ({"model": "resnet21"}, "resnet20"),
        ({"data": "scense"}, "scenes"),
        ({"criterion": "l3"}, "l1"),
        ({"temperature": "2"}, "cpot"),
        ({"beside": "catros"}, "catro"),
        ({"estimated": "onnxruntim"}, "onnxruntime"),
        ({"view": "kept"}, "runs"),
        ({"stage": "repair"}, "repaired"),
        ({"against": "time"}, "latency"),
        ({"sead": "1"}, "seed"),
    ],
    ids=lambda case: (
        "&".join(f"{key}={value}" for key, value in case.items()) if isinstance(case, dict) else ""
    ),
)
def test_a_wrong_link_is_refused_in_one_sentence(wrong, right):
    app = open_page(**wrong)
    assert not app.exception and not app.title
    (error,) = app.error
    assert right in error.value and "\n" not in error.value
    app.button[0].click().run()  # "Go on without it"
    assert not app.exception and not app.error and app.title
    assert link_of(app) == {}


@pytest.mark.parametrize(
    ("error", "typed", "shown"),
    [
        ("give repair=match", "give --repair match", "give repair: block-wise feature matching"),
        ("give round_to=8", "give --round-to 8", "give round to: 8"),
        ("match_steps is 0", "match_steps is 0", "match steps is 0"),
        ("no group conv_1=x", "no group conv_1=x", "no group conv_1=x"),  # no setting
    ],
)
def test_an_error_names_settings_as_they_are_typed_or_as_the_page_has_them(error, typed, shown):
    assert as_flags(error) == typed and in_page_words(error) == shown


@pytest.mark.parametrize("page", [path.stem for path in sorted((REPOSITORY / "pages").glob("*.py"))])
def test_every_page_refuses_a_wrong_link(page):
    app = open_page(page, data="nowhere.npz")
    assert not app.exception and not app.title and "nowhere.npz" in app.error[0].value


def test_a_link_opens_what_it_says_and_survives_a_change_of_page():
    app = open_page(**LINK)
    assert not app.exception
    assert link_of(app) == LINK
    assert app.selectbox(key="widget criterion").value == "cpot"
    assert app.selectbox(key="widget beside").value == "random"
    app.query_params.clear()  # as Streamlit does when the page is switched
    app.run()
    assert link_of(app) == LINK


def test_a_widget_changes_the_recipe_and_the_link():
    app = open_page(data="digits", criterion="cpot", temperature="2.0")
    app.selectbox(key="widget criterion").select("di").run()
    assert link_of(app) == {"data": "digits", "criterion": "di"}  # cpot's option went with it
    app.selectbox(key="widget beside").select("l2").run()
    assert link_of(app)["beside"] == "l2"
    app.selectbox(key="widget beside").select("").run()
    assert "beside" not in link_of(app)
    app.toggle(key="widget lesson").set_value(True).run()
    assert link_of(app)["lesson"] == "1" and not app.exception


def test_what_a_link_may_look_at_on_compare_is_what_that_page_has():
    """Its modules are not imported before it is opened, so the names stand twice."""
    from pruning.figures.comparison import COSTS
    from pruning.ui.compare import results, tabs

    assert link_choices.COMPARE_VIEWS == tuple(tabs.VIEWS)
    assert link_choices.STAGES == tuple(results.STAGES)
    assert link_choices.AGAINST == (results.BY_CHOICE, *COSTS)


def test_a_link_on_its_way_does_not_undo_what_was_done():
    app = open_page(data="digits")
    app.selectbox(key="widget criterion").select("di").run()
    app.query_params.clear()
    app.query_params["data"] = "digits"  # the run was started before the browser had the new link
    app.run()
    rest = {"allocation": "error", "repair": "match"}  # of the best combination, which was shown
    assert link_of(app) == {"data": "digits", "criterion": "di"} | rest


def test_a_link_whose_upload_is_gone_asks_for_that_file():
    app = open_page(checkpoint="sha256:" + "0" * 64 + "#mine.th", model="resnet56")
    assert not app.exception and not app.title
    assert "mine.th" in app.info[0].value


def test_names_as_they_are_written():
    assert (
        display_names.network("resnet20") == "ResNet-20"
        and display_names.network("resnet110_b") == "ResNet-110 B"
    )
    assert display_names.network("torchvision:vgg11_bn") == "vgg11_bn"
    assert (
        display_names.network("vgg16_slim") == "VGG-16 slim"
        and display_names.network("mobilenet_v2") == "MobileNetV2"
    )
    assert (
        display_names.data("scenes") == "scenes"
        and display_names.data("/some/where/birds.npz") == "birds.npz"
    )
    assert (
        display_names.data("sha256:" + "0" * 64 + "#birds.npz")
        == display_names.name_of("birds.npz")
        == "birds.npz"
    )
    assert [display_names.count(n) for n in (9_999, 269_722, 40_551_040)] == ["9,999", "270 k", "40.6 M"]
    assert [display_names.percent(share) for share in (0.5, 0.375, 0.9804)] == ["50 %", "37.5 %", "98 %"]
