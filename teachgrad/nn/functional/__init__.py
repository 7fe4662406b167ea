"""`torch.nn.functional`: what the modules of `torch.nn` call, as functions.

import torch.nn.functional as F
"""

from teachgrad.nn.functional.activations import *  # noqa: F403
from teachgrad.nn.functional.attention import *  # noqa: F403
from teachgrad.nn.functional.distances import *  # noqa: F403
from teachgrad.nn.functional.layers import *  # noqa: F403
from teachgrad.nn.functional.losses import *  # noqa: F403
from teachgrad.nn.functional.normalisation import *  # noqa: F403
from teachgrad.nn.functional.rare_losses import *  # noqa: F403
from teachgrad.nn.functional.resampling import *  # noqa: F403
from teachgrad.nn.functional.spatial import *  # noqa: F403
from teachgrad.ops import (  # noqa: F401 - the entries that these functions call
    activation,
    attention,
    ctc,
    grids,
    losses,
    margins,
    network,
    normalisation,
    norms,
    padding,
)  # fmt: skip
from teachgrad.ops.fractional import fractional_max_pool2d as fractional_max_pool2d
from teachgrad.ops.fractional import fractional_max_pool3d as fractional_max_pool3d
