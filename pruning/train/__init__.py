"""Training: the same loop trains a network from nothing and fine-tunes one that was cut."""

from pruning.train.distillation import Teaching
from pruning.train.loop import fit, in_vain
from pruning.train.network import Trained, train_network
from pruning.train.predictions import Predictions, evaluate
from pruning.train.saved import Saved

__all__ = ["Predictions", "Saved", "Teaching", "Trained", "evaluate", "fit", "in_vain", "train_network"]
