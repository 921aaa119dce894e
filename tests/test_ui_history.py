"""Plans tried on Prune: which are noted, what was changed from which, back with a click, two side by side."""

import pytest

from pruning import Plan, Recipe
from pruning.ui.prune import plan_tree
from pruning.ui.prune.plan_tree import MOST, STAY, PlanTree
from tests.page_door import link_of, open_page, said

PLAN = Plan(
    kept={},
    measure="macs",
    requested=0.5,
    achieved=0.5,
    macs=1,
    parameters=1,
    macs_before=2,
    parameters_before=2,
    model_digest="",
    input_shape=(3, 32, 32),
)
L1 = Recipe(criterion="l1", threads=1)


def tried(*steps: tuple[Recipe, float]) -> PlanTree:
    """recipe, and for how many seconds it is looked at."""
    tree, now = PlanTree(), 100.0
    for recipe, seconds in steps:
        tree.look(recipe, PLAN, now)
        now += seconds
    tree.look(steps[-1][0], PLAN, now)
    return tree


def cuts(tree: PlanTree) -> dict[int, float]:
    return {number: one.recipe.cut for number, one in tree.plans.items()}


def test_only_plans_that_stay_are_noted():
    slide = [(L1.but(cut=cut), 0.1 * STAY) for cut in (0.5, 0.52, 0.54, 0.56)]
    tree = tried(*slide, (L1.but(cut=0.6), STAY), (L1.but(cut=0.7), 0))
    assert cuts(tree) == {1: 0.6, 2: 0.7} and list(tree.kept) == [1]
    assert [branch.tried.parent for branch in tree.branches()] == [None, 1]
    tree.settle(0, at_once=True)  # it was run
    assert list(tree.kept) == [1, 2]


def test_coming_back_makes_a_branch_and_no_second_plan():
    more = L1.but(cut=0.6)
    tree = tried((L1, STAY), (more, STAY), (L1, 0.1), (Recipe(criterion="cpot", threads=1, seed=2), STAY))
    told = [(branch.tried.number, branch.line, branch.changed) for branch in tree.branches()]
    assert told == [(1, "", ()), (2, "├ ", ("cut",)), (3, "└ ", ("criterion", "seed"))]
    tree.counted(more, {"Cut": 0.5})  # of another plan than the one that is looked at
    tree.counted(tree.now.recipe, {"Cut": 0.9})
    assert [dict(one.accuracies) for one in tree.kept.values()] == [{}, {}, {"Cut": 0.9}]


def test_the_oldest_goes_and_its_branches_hang_on_what_is_left():
    tree = tried(*((L1.but(cut=0.3 + 0.01 * k), STAY) for k in range(MOST + 3)))
    assert list(tree.kept) == list(range(4, MOST + 4))
    parents = [branch.tried.parent for branch in tree.branches()]
    assert parents == [None, *range(4, MOST + 3)]


@pytest.fixture
def page(workers, monkeypatch):
    """Prune, where every plan is noted at once and what comes with the project is all that is known."""
    monkeypatch.setattr(plan_tree, "STAY", 0)
    return open_page("2_Prune", data="digits", criterion="l1", tour="off")


def back(page, number: int):
    return next(button for button in page.button if button.key == f"back to {number}")


def test_back_with_one_click_and_two_side_by_side(page):
    assert "Every plan that is left unchanged for a moment is kept" in said(page)
    page.slider(key="widget cut").set_value(70).run()
    page.selectbox(key="widget allocation").set_value("global").run()
    assert "↓ 3, from 2: allocation global ranking" in said(page).replace("\u2002", " ")
    back(page, 1).click().run()
    assert not {"cut", "allocation"} & set(link_of(page)) and page.slider(key="widget cut").value == 50
    page.slider(key="widget cut").set_value(30).run()
    labels = [
        button.label.replace("\u2002", " ")
        for button in page.button
        if (button.key or "").startswith("back to")
    ]
    assert labels == ["1: L1 norm, 50 % of the MACs, uniform", "├ 2, from 1: pruning ratio 70 %"] + [
        "│  ↓ 3, from 2: allocation global ranking"
    ]
    for number in (2, 3, 4):  # a third takes the place of the first
        page.checkbox(key=f"beside {number}").check().run()
    assert not page.checkbox(key="beside 2").value
    assert "These plans differ in pruning ratio and allocation at once" in said(page)
    (table,) = [element.value for element in page.dataframe if "Plan 4" in element.value]
    macs, shown = table.iloc[0].tolist(), {metric.label: metric.value for metric in page.metric}
    assert macs[0] == "MACs" and shown["MACs"] == f"{int(macs[2].replace(',', '')) / 1e6:.1f} M"
    assert int(macs[3].replace(",", "")) == int(macs[2].replace(",", "")) - int(macs[1].replace(",", ""))
    page.toggle(key="widget lesson").set_value(True).run()
    assert not page.checkbox and back(page, 3)  # in a lesson: back, and no more
