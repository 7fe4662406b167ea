"""`torch.optim.lr_scheduler`: learning rates that change while a network learns."""

from teachgrad.optim.lr_scheduler.base import LRScheduler as LRScheduler
from teachgrad.optim.lr_scheduler.combined import *  # noqa: F403
from teachgrad.optim.lr_scheduler.cycles import *  # noqa: F403
from teachgrad.optim.lr_scheduler.factors import *  # noqa: F403

_LRScheduler = LRScheduler  # its name before PyTorch 2.0
