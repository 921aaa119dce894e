"""Progress on standard error: one bar a stage, with time left."""

import sys

from tqdm import tqdm

from pruning.devices import in_words

NAMES = {
    "images": "reading images",
    "trace": "loading",
    "statistics": "statistics",
    "score": "scoring",
    "plan": "planning",
    "cut": "cutting",
    "repair": "repairing",
    "gates": "gates",
    "tune": "fine-tuning",
    "evaluate": "evaluating",
    "export": "exporting",
    "target": "target",
}
NO_ROOM = {"eps", "price", "margin"}  # in a line
NO_ROOM |= {"seconds_left", "run_seconds_left"}  # the bar has a time left of its own


class Bars:
    """A watch that draws. A stage that takes under a second is not worth a bar; in a file, under three, and
    there a line says something new, ten seconds after the one before it.

    device: by name, told to a person who watches before the first bar."""

    def __init__(self, device: str = ""):
        self.bar: tqdm | None = None
        self.key: tuple | None = None
        self.watched = sys.stderr.isatty()
        self.told = f"computing on {in_words(device)}" if self.watched and device else ""
        self.pace = (
            {"delay": 1.0, "mininterval": 0.2} if self.watched else {"delay": 3.0, "mininterval": 10.0}
        )

    def __enter__(self) -> "Bars":
        if self.told:
            print(self.told, file=sys.stderr)
        return self

    def __exit__(self, *_):
        self._close()

    def __call__(self, stage: str, done: int, total: int, **values):
        key = (stage, values.get("message"), total)
        if key != self.key:
            self._close()
            name = " ".join(filter(None, [NAMES.get(stage, stage), values.get("message")]))
            self.bar = tqdm(total=total, desc=name, leave=True, **self.pace, file=sys.stderr)
            self.key = key
        shown = {
            name: value for name, value in values.items() if isinstance(value, float) and name not in NO_ROOM
        }
        if shown:
            self.bar.set_postfix({name: f"{value:.4g}" for name, value in shown.items()}, refresh=False)
        if self.watched or done != self.bar.n:
            self.bar.update(done - self.bar.n)

    def _close(self):
        if self.bar is not None:
            self.bar.close()
            self.bar = None
