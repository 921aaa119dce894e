"""What goes wrong where no test sees it: pages show a sentence in its place, and the log has the trace."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("streamlit.error_util", "pruning.ui.guard", "pruning.jobs.job")


class Heard(logging.Handler):
    """The traces that a logger was given, newest last."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.traces: list[str] = []

    def emit(self, record: logging.LogRecord):
        error = record.exc_info and record.exc_info[1]
        self.traces.append("".join(traceback.format_exception(error)) if error else record.getMessage())


@contextmanager
def listening() -> Iterator[list[str]]:
    """The traces of pages, of their parts, of callbacks and of jobs, as they come."""
    heard = Heard()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(heard)
    try:
        yield heard.traces
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(heard)
