"""`torch.utils.data`: sets of samples, the order in which to take them, and the loader that makes batches."""

from teachgrad.utils.data.collate import default_collate as default_collate
from teachgrad.utils.data.collate import default_convert as default_convert
from teachgrad.utils.data.dataloader import DataLoader as DataLoader
from teachgrad.utils.data.dataset import *  # noqa: F403
from teachgrad.utils.data.sampler import *  # noqa: F403
from teachgrad.utils.data.workers import get_worker_info as get_worker_info
