"""The course's one training loop, and what goes with it.

>>> from utils.training import accuracy, evaluate, fit, predict
>>> history = fit(model, ds.train, val=ds.val, epochs=5, metrics={"accuracy": accuracy})
>>> evaluate(model, ds.test, metrics={"accuracy": accuracy})
{'loss': 0.11, 'accuracy': 0.97}

`loop` holds `fit`; `evaluation` holds `evaluate`, `predict` and `accuracy`; `history` what `fit`
returns; `progress` how it is shown; `checks` turns arrays into tensors and mistakes into clear
errors; `checkpoint` saves and resumes a run; `team` joins the processes that torchrun starts.
"""

from utils.training.checks import TrainingError
from utils.training.evaluation import accuracy, evaluate, predict
from utils.training.history import History
from utils.training.loop import fit

__all__ = ["History", "TrainingError", "accuracy", "evaluate", "fit", "predict"]
