"""`torch.optim`: what changes parameters so that a loss falls."""

from teachgrad.optim import lr_scheduler as lr_scheduler
from teachgrad.optim.adam import *  # noqa: F403
from teachgrad.optim.adaptive import *  # noqa: F403
from teachgrad.optim.lbfgs import *  # noqa: F403
from teachgrad.optim.optimizer import Optimizer as Optimizer
from teachgrad.optim.sgd import *  # noqa: F403
