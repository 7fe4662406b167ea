"""`torch.nn.utils`: clipping gradients, parameters as one vector, padded sequences."""

from teachgrad.nn.utils import rnn as rnn
from teachgrad.nn.utils.clip_grad import clip_grad_norm as clip_grad_norm
from teachgrad.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from teachgrad.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from teachgrad.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from teachgrad.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
