"""Classification: loss, predictions and metric, against what they are by definition."""

import numpy as np
import torch

from pruning.task import Classification


def test_loss_is_the_mean_cross_entropy():
    outputs, labels = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    by_hand = -np.log(
        [torch.softmax(row, 0)[label] for row, label in zip(outputs, labels, strict=True)]
    ).mean()
    assert abs(float(Classification().loss(outputs, labels)) - by_hand) < 1e-12  # float64


def test_predictions_are_the_likeliest_class_and_its_probability():
    outputs = torch.log(torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]]))
    classes, probabilities = Classification().predictions(outputs)
    assert classes.tolist() == [1, 0] and classes.dtype == np.int64
    assert np.allclose(probabilities, [0.7, 0.5]) and probabilities.dtype == np.float32
    assert Classification().metric == "accuracy"
