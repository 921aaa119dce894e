"""The browser that the walks, the gallery and the benchmarks of pages drive."""

import shutil

# the shell first: no window is drawn, and walks take a tenth less time in it
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    """Its path; None: none is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)
