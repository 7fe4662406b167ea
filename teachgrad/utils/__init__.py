"""`torch.utils`: data for training, in `torch.utils.data`."""

from teachgrad.utils import data as data
