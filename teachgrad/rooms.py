"""The rooms of this house that stay shut until a name of theirs is used.

`import teachgrad` opens the rooms that every lesson walks through. The others wait: `torch.linalg`, convolutions, random
numbers. `LATE` is their directory. From it follow

- `torch.einsum`: the module's `__getattr__` looks the name up here and opens the room;
- `x.erf()`: until its room is open, `Elsewhere` stands in the class Tensor in the method's place;
- `import`: a room that uses another's ops imports it, as ever.

    x.erf()  ->  Tensor.erf, an Elsewhere  ->  open_room("ops.errorfunction")  ->  the entries join the op table
                                                  ->  bind_methods(): the method takes its stand-in's place

What goes through the whole table (the pictures' legend for an unknown node, autocast, the tests) calls `open_all` first.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

LATE = {
    "amp": "torch.autocast torch.get_autocast_dtype torch.is_autocast_enabled",
    "borrowed": """
        torch.alpha_dropout torch.batch_norm torch.bilinear torch.binary_cross_entropy_with_logits torch.celu
        torch.celu_ torch.constant_pad_nd torch.cosine_embedding_loss torch.cosine_similarity torch.ctc_loss
        torch.dropout torch.dropout_ torch.embedding torch.feature_alpha_dropout torch.group_norm hardshrink
        torch.hinge_embedding_loss torch.instance_norm torch.kl_div torch.layer_norm torch.load
        torch.margin_ranking_loss torch.pairwise_distance torch.poisson_nll_loss prelu torch.rms_norm torch.rrelu
        torch.rrelu_ torch.save torch.selu torch.selu_ torch.threshold torch.threshold_ torch.triplet_margin_loss
    """,
    "draws": ".cauchy_ .geometric_ .log_normal_",
    "func": "torch.vmap",
    "legacy": """
        torch.BFloat16Tensor torch.BoolTensor torch.ByteTensor torch.CharTensor torch.DoubleTensor torch.FloatTensor
        torch.HalfTensor torch.IntTensor torch.LongTensor torch.ShortTensor .new torch.set_default_tensor_type
    """,
    "likes": """
        torch.empty_like torch.full_like .new_empty .new_empty_strided .new_full .new_ones .new_tensor .new_zeros
        torch.ones_like torch.zeros_like
    """,
    "limits": "torch.finfo torch.iinfo",
    "ops.activation": "",
    "ops.adaptive": "torch.adaptive_avg_pool1d",
    "ops.algebra": """
        torch.chain_matmul cholesky cholesky_inverse cholesky_solve inverse lu_solve torch.lu_unpack matrix_exp
        matrix_power orgqr pinverse qr svd torch.vander
    """,
    "ops.arranging": """
        diag diag_embed diagflat diagonal .fill_diagonal_ flip fliplr flipud .repeat repeat_interleave roll rot90 tile
        tril .tril_ triu .triu_
    """,
    "ops.attention": "",
    "ops.complexes": """
        angle torch.complex conj conj_physical conj_physical_ imag is_conj is_neg isreal torch.polar real resolve_conj
        resolve_neg sgn .sgn_ torch.view_as_complex torch.view_as_real
    """,
    "ops.convolution": """
        torch.conv1d torch.conv2d torch.conv3d torch.conv_transpose1d torch.conv_transpose2d torch.conv_transpose3d
    """,
    "ops.ctc": "",
    "ops.einsum": "torch.einsum kron",
    "ops.elements": """
        addcdiv .addcdiv_ addcmul .addcmul_ copysign .copysign_ float_power .float_power_ fmax fmin frexp gcd gcd_
        heaviside .heaviside_ isneginf isposinf lcm lcm_ ldexp ldexp_ logaddexp2 nan_to_num nan_to_num_ nextafter
        .nextafter_ signbit
    """,
    "ops.elimination": "",
    "ops.errorfunction": "erf erf_",
    "ops.factorings": "",
    "ops.fractional": "",
    "ops.gammas": "digamma .digamma_ lgamma .lgamma_ mvlgamma .mvlgamma_ polygamma .polygamma_",
    "ops.grids": "",
    "ops.losses": "",
    "ops.margins": "",
    "ops.masks": "masked_fill .masked_fill_ masked_scatter .masked_scatter_ masked_select put .put_ take",
    "ops.matrices": "",
    "ops.nearest": "",
    "ops.network": "log_softmax softmax",
    "ops.normalisation": "torch._weight_norm torch.norm_except_dim",
    "ops.norms": "torch.cdist dist norm",
    "ops.oddments": """
        .apply_ .bernoulli torch.block_diag torch.clone torch.combinations torch.detach torch.detach_ eig .eq_
        torch.frombuffer .ge_ torch.get_device .greater_ .greater_equal_ .gt_ torch.is_same_size .is_set_to
        torch.is_signed .le_ .less_ .less_equal_ lstsq .lt_ .map_ torch.matrix_rank .ne_ .not_equal_ torch.range renorm
        .renorm_ .resize resize_as_ .set_ solve symeig torch.unravel_index
    """,
    "ops.padding": "",
    "ops.picking": """
        gather index_add .index_add_ index_copy .index_copy_ index_fill .index_fill_ index_select scatter .scatter_
        scatter_add .scatter_add_ take_along_dim
    """,
    "ops.pooling": "torch.avg_pool1d torch.max_pool1d torch.max_pool2d torch.max_pool3d",
    "ops.quantiles": "lerp .lerp_ nanquantile quantile",
    "ops.recurrent": "unsafe_chunk unsafe_split",
    "ops.resampling": "torch.pixel_shuffle torch.pixel_unshuffle",
    "ops.scattering": """
        diagonal_scatter index_reduce .index_reduce_ scatter_reduce .scatter_reduce_ select_scatter slice_scatter
    """,
    "ops.solving": "",
    "ops.sorting": """
        argsort argwhere bincount torch.bucketize torch.isin msort nonzero torch.searchsorted sort topk unique
        unique_consecutive
    """,
    "ops.special": "erfc erfc_ erfinv .erfinv_ i0 i0_ logit logit_ sinc sinc_ xlogy xlogy_",
    "ops.square": "cross det logdet slogdet trace",
    "ops.statistics": """
        corrcoef cov torch.cumulative_trapezoid torch.gradient histc histogram torch.histogramdd torch.trapezoid
        torch.trapz
    """,
    "ops.windows": "as_strided as_strided_scatter torch.cartesian_prod torch.meshgrid .unfold",
    "printing": "torch.set_printoptions",
    "sampling": """
        torch.Generator torch.bernoulli .bernoulli_ torch.default_generator .exponential_ torch.get_rng_state
        torch.initial_seed torch.manual_seed multinomial torch.normal .normal_ torch.rand torch.rand_like torch.randint
        torch.randint_like torch.randn torch.randn_like .random_ torch.randperm torch.seed torch.set_rng_state .uniform_
    """,
    "settings": """
        torch.are_deterministic_algorithms_enabled torch.channels_last torch.channels_last_3d torch.compile
        torch.contiguous_format torch.get_deterministic_debug_mode torch.get_float32_matmul_precision
        torch.get_num_interop_threads torch.get_num_threads torch.is_deterministic_algorithms_warn_only_enabled
        torch.is_storage torch.is_warn_always_enabled torch.memory_format torch.preserve_format
        torch.set_deterministic_debug_mode torch.set_float32_matmul_precision torch.set_flush_denormal
        torch.set_num_interop_threads torch.set_num_threads torch.set_warn_always torch.typename
        torch.use_deterministic_algorithms
    """,
    "storage": "torch.TypedStorage torch.UntypedStorage .resize_ .storage .untyped_storage",
}
"""Room -> what it brings. `diag` is a function and a method, `torch.diag` only a function, `.diag_` only a method."""

ROOM_OF = {name: room for room, names in LATE.items() for name in names.split()}
"""Name, as it stands there -> its room."""

_open: set[str] = set()
"""The late rooms that have been opened."""


def open_room(room: str) -> ModuleType:
    """Imports a late room; its methods take their places in the class Tensor."""
    from teachgrad.operators import bind_methods

    module = importlib.import_module(f"teachgrad.{room}")
    if room not in _open:
        bind_methods()
        _open.add(room)
    return module


def open_for(name: str, marks: tuple[str, ...] = ("", "torch.", ".")) -> ModuleType | None:
    """Opens the room of `name`, if it is a late one's."""
    for mark in marks:
        if mark + name in ROOM_OF:
            return open_room(ROOM_OF[mark + name])
    return None


def open_all() -> None:
    """Opens every room, so that the op table is complete."""
    if len(_open) < len(LATE):
        for room in LATE:
            open_room(room)


class Elsewhere:
    """Stands in the class Tensor for a method whose room is shut: opens it, and the method takes its place."""

    __slots__ = ("name", "room")

    def __init__(self, name: str, room: str) -> None:
        self.name, self.room = name, room

    def __get__(self, tensor: Any, cls: type) -> Any:
        owner = next(each for each in cls.__mro__ if each.__dict__.get(self.name) is self)
        open_room(self.room)
        return owner.__dict__[self.name].__get__(tensor, cls)


def stand_in(cls: type) -> None:
    """Puts an `Elsewhere` into the class for each method of a late room."""
    for name, room in ROOM_OF.items():
        if not name.startswith("torch."):
            setattr(cls, name.removeprefix("."), Elsewhere(name.removeprefix("."), room))
