"""`torch.nn.utils`: clipping gradients, parameters as one vector, computed parameters, padded sequences."""

from teachgrad.nn.utils import parametrizations as parametrizations
from teachgrad.nn.utils import parametrize as parametrize
from teachgrad.nn.utils import rnn as rnn
from teachgrad.nn.utils.clip_grad import clip_grad_norm as clip_grad_norm
from teachgrad.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from teachgrad.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from teachgrad.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from teachgrad.nn.utils.clip_grad import get_total_norm as get_total_norm
from teachgrad.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from teachgrad.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from teachgrad.nn.utils.norms import remove_spectral_norm as remove_spectral_norm
from teachgrad.nn.utils.norms import remove_weight_norm as remove_weight_norm
from teachgrad.nn.utils.norms import spectral_norm as spectral_norm
from teachgrad.nn.utils.norms import weight_norm as weight_norm
