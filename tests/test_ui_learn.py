"""The Learn page without a browser: articles, exercises, the glossary, and lessons."""

import pytest

from pruning.ui.learn.articles import TITLES, article
from tests.page_door import link_of, open_page, said


@pytest.mark.parametrize("name", TITLES)
def test_an_article_opens_by_its_link(name):
    page = open_page("6_Learn", article=name)
    assert not page.exception
    assert page.header[0].value == article(name).title
    assert article(name).before in said(page) and article(name).after in said(page)
    assert link_of(page).get("article", "channel") == name


def test_an_article_is_chosen_on_the_page():
    page = open_page("6_Learn")
    assert page.header[0].value == article("channel").title
    page.segmented_control(key="widget article").set_value("di").run()
    assert page.header[0].value == article("di").title and link_of(page)["article"] == "di"


def test_a_link_to_no_article_is_told_what_would_be_right():
    page = open_page("6_Learn", article="cpott")
    assert "cpot" in page.error[0].value and not page.exception
