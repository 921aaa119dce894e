"""The calibration images behind scores: drawn once for all criteria, and what each criterion needs of
them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pruning.criteria.registry import CRITERIA
from pruning.progress import Watch
from pruning.statistics.specifications import (
    Attribution,
    RemovalErrors,
    Statistic,
    TransportCosts,
)
from pruning.terms import title


class ImageStatistics:
    """The calibration images, drawn when they are first needed."""

    def __init__(self, model, data, seed: int, number: int):
        self.model, self.data, self.seed, self.number = model, data, seed, number
        self.messages: tuple[str, ...] = ()
        self.labels, self.classes = np.zeros(0, int), 0

    def draw(self, shuffled: bool, learning: Sequence[str]):
        """learning: the criteria that use labels."""
        from pruning.statistics.calibration_images import CalibrationImages

        if self.data is None:
            raise ValueError("this criterion looks at images; give data, such as data='scenes'")
        drawn = CalibrationImages(self.model, self.data, self.number, self.seed, shuffled=shuffled)
        self.messages, self.classes = drawn.messages, drawn.classes
        if drawn.classes:
            self.labels = drawn.class_numbers
        self._must_have_labels(drawn, learning)
        return drawn

    def _must_have_labels(self, drawn, learning: Sequence[str]):
        apart = [name for name in learning if not CRITERIA[name].by_loss]
        if drawn.class_numbers is None and apart:
            raise ValueError(
                f"{title(apart[0])} needs classes to tell apart, and images of {drawn.task.name} have none; "
                "give a criterion that does not use labels"
            )
        if drawn.class_numbers is not None and learning and not drawn.classes:
            raise ValueError(f"{title(learning[0])} needs labels, and these images have none; give them too")

    def collect(self, graph, needs: set[Statistic], wanted: Sequence[int], drawn, watch: Watch):
        from pruning.statistics.collect import collect

        asked = [need for need in needs if isinstance(need, Attribution)]
        removals = [need for need in needs if isinstance(need, RemovalErrors)]
        takeovers = [need for need in needs if isinstance(need, TransportCosts)]
        how: dict[str, Any] = {"groups": wanted, "images": len(drawn), "watch": watch}
        found = collect(
            graph.model,
            graph.structure,
            needs.difference(asked, removals, takeovers),
            drawn.batches,
            classes=drawn.classes,
            task=drawn.task,
            **how,
        )
        for need in asked:
            from pruning.attribution import attributions

            found |= attributions(graph.model, graph.structure, need, drawn.batches, task=drawn.task, **how)
        for removal in removals:
            from pruning.reconstruction.error_curves import removal_errors

            found |= removal_errors(graph.model, graph.structure, removal, drawn, groups=wanted, watch=watch)
        for takeover in takeovers:
            from pruning.reconstruction.transport_costs import transport_costs

            found |= transport_costs(
                graph.model, graph.structure, takeover, drawn, groups=wanted, watch=watch
            )
        return found
