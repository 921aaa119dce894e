"""Training: the same loop trains a network from nothing and fine-tunes one that was cut."""

from pruning.train.distillation import Teaching
from pruning.train.evaluation import Predictions, evaluate
from pruning.train.fit import fit, in_vain
from pruning.train.from_scratch import Trained, train_network
from pruning.train.training_state import Saved

__all__ = ["Predictions", "Saved", "Teaching", "Trained", "evaluate", "fit", "in_vain", "train_network"]
