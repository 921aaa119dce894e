"""A page without a browser: opened by its link, looked at until it says something, read, pressed."""

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, partial
from unittest import mock

from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from pruning.ui import jobs, preview_cache
from pruning.ui.visitor import owner_of
from tests.front_door import REPOSITORY

TOKEN = "the-token-that-the-browser-of-the-tests-holds"
OWNER = owner_of(TOKEN)
LOOK = 2.0  # seconds between two looks without news

# A server looks through all installed packages for components once. AppTest would do so again for every page
# that is opened, and what is installed does not change meanwhile.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def open_page(page: str = "", token: str = TOKEN, **link) -> AppTest:
    """A page, such as 2_Prune, or Start, opened by a link of its own in a session of its own. token: that of
    the browser; every one is another visitor."""
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=600)
    app.session_state["visitor"] = token
    if page:
        app.switch_page(f"pages/{page}.py")
    for key, value in link.items():
        app.query_params[key] = value
    return app.run()


def look_until(app: AppTest, true, seconds: float = 600) -> AppTest:
    """Looks again and again, as the page's timer does in a browser, but where work is under way only once
    something about it is new: a look is a run of the whole page, on the cores that the work wants."""
    end, seen = time.monotonic() + seconds, standing()
    while not true(app):
        assert time.monotonic() < end and not app.exception, said(app)
        until = min(end, time.monotonic() + LOOK)
        while standing() == seen and time.monotonic() < until:
            time.sleep(0.05)
        seen = standing()
        app.run()
    assert not app.exception
    return app


def standing() -> list[tuple[str, str, bool]]:
    """Of every job and preview: where it stands, and whether it has told anything yet."""
    known = list(jobs.workers().known.values()) if preview_cache.asked() else []
    return [(job.id, job.status, bool(job.events)) for job in known]


def parts_of(app: AppTest) -> dict:
    """The parts of the page that run by themselves, by Streamlit's names for them."""
    return dict(app._fragment_storage._fragments)


def tick(app: AppTest, parts: Mapping | None = None) -> AppTest:
    """Runs the page's parts, each by itself, as the browser's timer does. parts: those of an earlier run of
    the page, in place of its own. Where none of them runs the whole page, the page is afterwards as it
    was."""
    parse, before = local_script_runner.parse_tree_from_messages, app._tree

    def parsed(messages):
        """AppTest knows no run of a part: it looks for the containers that the part stands in."""
        with suppress(AssertionError):
            tree = parse(messages)
            return tree if tree.title else before
        return before

    for name, part in (parts_of(app) if parts is None else parts).items():
        app._fragment_storage._fragments[name] = part
        alone = partial(RerunData, fragment_id_queue=[name], is_auto_rerun=True)
        with mock.patch.multiple(local_script_runner, RerunData=alone, parse_tree_from_messages=parsed):
            app.run()
    return app


def said(app: AppTest) -> str:
    """All that the page says in words."""
    parts = (app.caption, app.markdown, app.error, app.info, app.success, app.warning)
    return "\n".join(element.value for kind in parts for element in kind)


def link_of(app: AppTest) -> dict[str, str]:
    """The address bar's keys."""
    return {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
