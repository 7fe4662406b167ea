"""`torch.nn`: what networks are made of. Modules here, the functions they call in `nn.functional`."""

from teachgrad.nn import functional as functional
from teachgrad.nn import init as init
from teachgrad.nn import utils as utils
from teachgrad.nn.activation import *  # noqa: F403
from teachgrad.nn.cells import *  # noqa: F403
from teachgrad.nn.containers import *  # noqa: F403
from teachgrad.nn.conv import *  # noqa: F403
from teachgrad.nn.dropout import *  # noqa: F403
from teachgrad.nn.lazy import *  # noqa: F403
from teachgrad.nn.linear import *  # noqa: F403
from teachgrad.nn.loss import *  # noqa: F403
from teachgrad.nn.module import Module as Module
from teachgrad.nn.multihead import *  # noqa: F403
from teachgrad.nn.normalization import *  # noqa: F403
from teachgrad.nn.padding import *  # noqa: F403
from teachgrad.nn.parameter import Buffer as Buffer
from teachgrad.nn.parameter import Parameter as Parameter
from teachgrad.nn.pooling import *  # noqa: F403
from teachgrad.nn.resampling import *  # noqa: F403
from teachgrad.nn.rnn import *  # noqa: F403
from teachgrad.nn.shaping import *  # noqa: F403
from teachgrad.nn.sparse import *  # noqa: F403
from teachgrad.nn.transformer import *  # noqa: F403
