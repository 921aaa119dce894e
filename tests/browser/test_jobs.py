"""Work longer than a page: seen again after a reload, cancelled, survived when its process dies."""

import os
import re
import signal

from playwright.sync_api import Page, expect

from tests.browser.server import busiest_worker
from tests.browser.walk import metric, picture, rest

LINK = "/Prune?data=digits&size=16&calibration=60&cut=0.5&repair=recalibrate&threads=1"
LONG = LINK + "&epochs=200"
FINE_TUNING = re.compile(r"Fine-tuning: epoch (\d+) of 200")


def prune(page: Page) -> Page:
    page.get_by_role("tab", name="Plan").click()
    page.get_by_role("button", name=re.compile("^Prune")).click()
    return page


def epoch(page: Page) -> int:
    """Waits until the page tells of fine-tuning, and returns the epoch that it is in."""
    told = page.get_by_text(FINE_TUNING)
    expect(told).to_be_visible()
    return int(FINE_TUNING.search(told.inner_text())[1])


def test_prune_opens_by_its_link_on_a_server_just_started(first_visit):
    page = first_visit(LINK)
    expect(metric(page, "Full network")).to_contain_text("%")
    expect(metric(page, "Repaired")).to_contain_text("points")
    expect(metric(page, "MACs")).to_contain_text(re.compile("-(49|50)"))
    assert "data=digits" in page.url
    picture(page, "prune-digits")


def test_a_reload_in_the_middle_of_fine_tuning_goes_on_showing_it_until_it_is_cancelled(visit):
    page = prune(visit(LONG))
    before = epoch(page)
    assert "job=" in page.url
    page.reload()
    assert epoch(page) >= before
    picture(page, "prune-fine-tuning")
    second = prune(visit(LINK + "&epochs=0"))
    expect(second.get_by_text(re.compile("^Waiting"))).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This job was cancelled.")).to_be_visible()
    done = second.get_by_role("heading", name="Take it away", exact=True)
    expect(done).to_be_visible()  # and so its turn has come


def test_a_killed_worker_is_a_sentence_and_the_next_job_runs(visit, server):
    page = prune(visit(LONG))
    epoch(page)
    os.kill(busiest_worker(server).pid, signal.SIGKILL)
    expect(page.get_by_text(re.compile("it was not run again"))).to_be_visible()
    page.wait_for_timeout(3000)  # time enough for a new worker to take the job up, if it were handed out
    assert busiest_worker(server).cpu_percent(0.5) < 50
    picture(page, "prune-worker-killed")
    page = prune(rest(page))  # the same visitor tries again, and this time it is left alone
    epoch(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This job was cancelled.")).to_be_visible()
