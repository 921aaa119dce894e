"""What a task is: the loss that is trained, the prediction that is looked at, and the metric that is told."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Classification:
    """One class an image; the metric is the share of images whose class is right."""

    metric: str = "accuracy"

    def loss(self, outputs: "Tensor", labels: "Tensor") -> "Tensor":
        """Mean cross-entropy in nats.   outputs: [N, K], logits.   labels: int64 [N].

        Raises ValueError where the network answers anything else, and where labels are missing or beyond the
        classes."""
        from torch import Tensor
        from torch.nn import functional as F

        if not isinstance(outputs, Tensor) or outputs.dim() != 2:
            told = f"shape {list(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ValueError(f"a loss needs a network with outputs [images, classes]; this one gives {told}")
        lowest, highest = (int(label) for label in labels.aminmax())
        if lowest < 0:
            raise ValueError("a loss needs labels, and these images have none; give (images, labels)")
        if highest >= outputs.shape[1]:
            raise ValueError(
                f"there are images of class {highest}, and the network has classes 0 to "
                f"{outputs.shape[1] - 1}"
            )
        return F.cross_entropy(outputs, labels)

    def predictions(self, outputs: "Tensor") -> tuple[np.ndarray, np.ndarray]:
        """The class and its probability, of logits [N, K]: int64 [N] and float32 [N], 1 / K to 1."""
        probability, chosen = outputs.detach().float().softmax(1).max(1)
        return chosen.cpu().numpy(), probability.cpu().numpy()
