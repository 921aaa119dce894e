"""A page without a browser: opened by its link, looked at until it says something, read, pressed."""

import time

from streamlit.testing.v1 import AppTest

from pruning.ui.visitor import owner_of
from tests.front_door import REPOSITORY

TOKEN = "the-token-that-the-browser-of-the-tests-holds"
OWNER = owner_of(TOKEN)


def open_page(page: str = "", token: str = TOKEN, **link) -> AppTest:
    """A page, such as 2_Prune, or Start, opened by a link of its own in a session of its own. token: that of
    the browser; every one is another visitor."""
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=180)
    app.session_state["visitor"] = token
    if page:
        app.switch_page(f"pages/{page}.py")
    for key, value in link.items():
        app.query_params[key] = value
    return app.run()


def look_until(app: AppTest, true, seconds: float = 180) -> AppTest:
    """Looks again and again, as the page's timer does in a browser."""
    end = time.monotonic() + seconds
    while not true(app):
        assert time.monotonic() < end and not app.exception, said(app)
        time.sleep(0.2)
        app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    """All that the page says in words."""
    parts = (app.caption, app.markdown, app.error, app.info, app.success, app.warning)
    return "\n".join(element.value for kind in parts for element in kind)


def link_of(app: AppTest) -> dict[str, str]:
    """The address bar's keys."""
    return {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
