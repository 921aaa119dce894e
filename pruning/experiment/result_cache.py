"""The last few results of slow steps, so that one process does not repeat them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class ResultCache:
    """The last few results of slow steps, by key; one at a time."""

    def __init__(self, most: int):
        self.most, self.values, self.lock = most, OrderedDict(), threading.RLock()

    def get(self, key, make: Callable[[], Any]):
        with self.lock:
            if key not in self.values:
                self.values[key] = make()
                while len(self.values) > self.most:
                    self.values.popitem(last=False)
            self.values.move_to_end(key)
            return self.values[key]
