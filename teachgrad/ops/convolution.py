"""Convolution: every output pixel is the same weighted sum of the input pixels around it.

    y[n, o, i, j] = sum over c, k, l of w[o, c, k, l] * x[n, c, i + k, j + l]

For one kernel position (k, l), the input pixels that all outputs need are the input itself, shifted. Copying these shifted
inputs under each other gives the columns, of shape (N, C, kh, kw, output pixels), and the convolution is one matrix
product with the weight seen as (O, C*kh*kw). The columns are kept for backward, unless they are large: their product with
the gradient is the gradient of the weight.

The gradient of the input turns everything round: pixel (i, j) went into output (i - k, j - l) with the weight (k, l), so

    grad_x[n, c, i, j] = sum over o, k, l of w[o, c, k, l] * grad[n, o, i - k, j - l]

which is again a convolution, of the gradient with the kernel turned by 180 degrees and its channels swapped. That holds
where the window moves by one pixel; for longer strides the transposed product gives the gradient of the columns, which are
added back, each shifted to its place.

The three maps below are bilinear, and each is the gradient of the others, so they can be differentiated again and again:

    convolution        (input, weight)    -> output
    convolution_back   (output, weight)   -> input      also the transposed convolution
    convolution_weight (output, input)    -> weight
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.saved import ACTIVE
from teachgrad.autograd.variable import TensorBase
from teachgrad.gpu import xp
from teachgrad.ops import padding as _padding  # noqa: F401 - the entry constant_pad_nd
from teachgrad.ops.sliding import Sizes, added_back, framed, output_size, reach_of, sliding
from teachgrad.ops.table import LIVE, composite, op, public, raw

KEPT_COLUMNS = 2**25
"""The columns are kept for backward if they have at most this many bytes (32 MiB), else computed again."""

BLOCK = 2**21
"""Columns that nobody keeps are made for as many images at once as give this many bytes (2 MiB), which a cache holds."""


def _as_matrices(view: Any, groups: int, n: int) -> Any:
    """(N, C, *kernel, *out), n dimensions each, to (N, groups, C/groups * kernel, out): a copy, unless the kernel is 1."""
    batch, channels, *sizes = view.shape
    return view.reshape(batch, groups, channels // groups * prod(sizes[:n]), prod(sizes[n:]))


def _grouped(weight: Any, groups: int) -> Any:
    """The weight (O, C/groups, *kernel) as one matrix per group: (groups, O/groups, C/groups * kernel)."""
    return weight.reshape(groups, weight.shape[0] // groups, prod(weight.shape[1:]))


def _turned(weight: Any, groups: int) -> Any:
    """The weight (O, C/groups, *kernel) of the convolution that goes back: (C, O/groups, *kernel turned by 180 degrees)."""
    outputs, channels, *kernel = weight.shape
    swapped = weight.reshape(groups, outputs // groups, channels, *kernel).swapaxes(1, 2)
    turned = swapped[(..., *(slice(None, None, -1),) * len(kernel))]
    return turned.reshape(groups * channels, outputs // groups, *kernel)


@raw
def convolve(
    image: Any,
    weight: Any,
    bias: Any,
    out: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    keep: bool = False,
) -> tuple[Any, Any]:
    """(N, C, *size) and (O, C/groups, *kernel) to (N, O, *out); and the columns, to be kept, or None."""
    kernel = weight.shape[2:]
    frame = framed(image, reach_of(out, kernel, stride, dilation), padding)
    pixels = _as_matrices(sliding(frame, kernel, out, stride, dilation), groups, len(out))
    product = np.matmul(_grouped(weight, groups), pixels)
    result = _with_bias(product.reshape(len(image), len(weight), *out), bias)
    return result, pixels if keep and pixels.nbytes <= KEPT_COLUMNS and pixels.dtype.kind != "c" else None


def _convolve_rows(image: Any, weight: Any, bias: Any, out: Sizes, start: Sizes, dilation: Sizes, groups: int) -> Any:
    """`convolve` with stride 1 for columns that nobody keeps: the image begins at pixel `start` of its frame.

    The outputs are computed for whole rows of the frame, so that each shifted copy is one run of memory and quick to copy.
    At the ends of rows the kernel sees the beginnings of the next; these outputs are thrown away.
    """
    kernel, ones = weight.shape[2:], (1,) * len(out)
    reach = reach_of(out, kernel, ones, dilation)
    frame = framed(image, (reach[0] + 1, *reach[1:]), start)  # one row more, for the last row to run into
    rows = (out[0], *reach[1:])
    view, matrix = sliding(frame, kernel, rows, ones, dilation), _grouped(weight, groups)
    result = xp(image).empty((len(image), len(weight), *out), image.dtype)
    block = max(1, BLOCK * len(image) // max(1, view.nbytes))
    for first in range(0, len(image), block):
        some = view[first : first + block]
        product = np.matmul(matrix, _as_matrices(some, groups, len(out))).reshape(len(some), len(weight), *rows)
        result[first : first + block] = product[(..., *(slice(o) for o in out))]
    return _with_bias(result, bias)


@raw
def convolve_back(
    output: Any, weight: Any, bias: Any, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """(N, O, *out) and (O, C/groups, *kernel) to (N, C, *size): spreads each output over the pixels it was made of."""
    batch, out, kernel = len(output), output.shape[2:], weight.shape[2:]
    if all(s == 1 for s in stride):
        start = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True))
        return _convolve_rows(output, _turned(weight, groups), bias, size, start, dilation, groups)
    matrix = _grouped(weight, groups)
    spread = np.matmul(matrix.swapaxes(1, 2), output.reshape(batch, groups, matrix.shape[1], prod(out)))
    copies = spread.reshape(batch, groups * weight.shape[1], *kernel, *out)
    return _with_bias(added_back(copies, size, stride, padding, dilation), bias)


@raw
def convolve_weight(
    output: Any, image: Any, pixels: Any, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """(N, O, *out) and (N, C, *size) to the weight's `shape`: how much each output moved with each pixel it saw.

    `pixels` are the columns of the image, or None to compute them.
    """
    batch, out = len(output), output.shape[2:]
    if pixels is None:
        frame = framed(image, reach_of(out, shape[2:], stride, dilation), padding)
        pixels = _as_matrices(sliding(frame, shape[2:], out, stride, dilation), groups, len(out))
    products = np.matmul(output.reshape(batch, groups, shape[0] // groups, prod(out)), pixels.swapaxes(2, 3))
    return products.sum(0).reshape(shape)


def _with_bias(image: Any, bias: Any) -> Any:
    """Adds to each channel of `image`, in place, its bias."""
    if bias is not None:
        image += bias.reshape(-1, *(1,) * (image.ndim - 2))
    return image


@composite
def channel_sum(F: Any, grad: Any) -> Any:
    """The sum over everything but the channels: (N, C, *size) to (C,)."""
    return F.sum(grad, (0, *range(2, grad.ndim)), False)


op(
    "convolution(self, weight, bias; out=1, stride=1, padding=0, dilation=1, groups=1, keep=False) -> result, !columns",
    "ConvolutionBackward0",
    "convolve(self, weight, bias, out, stride, padding, dilation, groups, keep)",
    self="convolution_back(grad, conj(weight), None, self_shape[2:], stride, padding, dilation, groups)",
    weight="convolution_weight(grad, conj(self), columns, weight_shape, stride, padding, dilation, groups)",
    shown={"weight": "convolution_weight(grad, conj(self), None, weight_shape, stride, padding, dilation, groups)"},
    bias="channel_sum(grad)",
    samples=[
        "F.conv1d(b, b[:, :, :2])", "F.conv1d(b, b, u[:2])", "F.conv1d(b[0], b[:, :, :2], v[:2])", "torch.conv1d(b, b)",
        "F.conv1d(b, b, padding=1, stride=2)", "F.conv1d(b, b[:, :, :2], padding='same')", "F.conv1d(b, b, padding='valid')",
        "F.conv1d(b, b[:, :, :3], padding='same')", "F.conv1d(c, c.view(4, 2, 5)[:, :, :3], groups=2, dilation=2)",
        "F.conv1d(c, c.view(4, 1, 10)[..., :2], groups=4)", "F.conv2d(b.view(2, 1, 3, 4), m[None, None, :2, :2])",
        "F.conv2d(b, b.view(1, 2, 3, 4)[..., :2], padding=1)", "torch.conv2d(b, b[None])",
        "F.conv2d(c.view(1, 2, 4, 5), b.view(1, 2, 3, 4), s[None], stride=(2, 1), padding=(1, 2))",
        "F.conv2d(k[None, None], m[None, None, :2], dilation=(2, 1), padding='same')",
        "F.conv3d(b[None, None], b[None, None, :, :2, :2])", "torch.conv3d(b[None], b[None, None])",
        "F.conv1d(c, c[:, :, :1], v[:2])", "F.conv1d(c, c[:, :, :2], padding=3, stride=3)",
    ],
)  # fmt: skip
op(
    "convolution_back(self, weight, bias; size=1, stride=1, padding=0, dilation=1, groups=1)", "ConvolutionBackward0",
    "convolve_back(self, weight, bias, size, stride, padding, dilation, groups)",
    self="convolution(grad, conj(weight), None, self_shape[2:], stride, padding, dilation, groups)[0]",
    weight="convolution_weight(conj(self), grad, None, weight_shape, stride, padding, dilation, groups)",
    bias="channel_sum(grad)",
    samples=[
        "F.conv_transpose1d(c, k[:, None, :3])", "F.conv_transpose1d(c, c.view(4, 2, 5), v[:2], stride=2, padding=1)",
        "F.conv_transpose1d(c, c.view(4, 1, 10)[..., :3], groups=2, stride=3, output_padding=2, dilation=2)",
        "F.conv_transpose2d(c.view(1, 2, 4, 5), b.view(2, 1, 3, 4), s[None], stride=2, output_padding=(1, 0))",
        "F.conv_transpose2d(b, b.view(2, 1, 3, 4))", "F.conv_transpose3d(b[None, None], b[None, None])",
        "torch.conv_transpose1d(c, c.view(4, 2, 5))", "torch.conv_transpose2d(b, b.view(2, 1, 3, 4))",
        "torch.conv_transpose3d(b[None, None], b[None, None])",
        "F.conv_transpose1d(c, c.view(4, 2, 5), dilation=3, output_padding=2)",
        "F.conv_transpose1d(c, k[:, None, :1], padding=2)",
    ],
)  # fmt: skip
op(
    "convolution_weight(self, image, columns=None; shape=1, stride=1, padding=0, dilation=1, groups=1)",
    "ConvolutionBackward0", "convolve_weight(self, image, columns, shape, stride, padding, dilation, groups)",
    self="convolution(conj(image), grad, None, self_shape[2:], stride, padding, dilation, groups)[0]",
    image="convolution_back(conj(self), grad, None, image_shape[2:], stride, padding, dilation, groups)",
    samples=["F.conv1d(b, b, stride=2, padding=1)"],
)  # fmt: skip


# -- the faces -------------------------------------------------------------------------------------------------
def sizes(name: str, value: Any, n: int) -> Sizes:
    """One number for every dimension, or one each, as a tuple of `n`. Raises RuntimeError for another number of them."""
    numbers = (int(value),) * n if isinstance(value, int | np.integer) else tuple(int(number) for number in value)
    if len(numbers) == 1:
        numbers *= n
    if len(numbers) != n:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to match the convolution dimensions, "
            f"but got {name}={list(numbers)}"
        )
    return numbers


def _check(function: str, input: Any, weight: Any, bias: Any, n: int) -> None:
    """Raises TypeError or RuntimeError unless these are tensors of matching dtypes and numbers of dimensions."""
    for position, (name, tensor) in enumerate((("input", input), ("weight", weight), ("bias", bias)), 1):
        if not isinstance(tensor, TensorBase) and not (name == "bias" and tensor is None):
            raise errors.not_a_tensor(function, name, position, tensor)
    shape = list(input._data.shape)
    if len(shape) not in (n + 1, n + 2):
        raise errors.explained(
            RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {function}, but got input of size: {shape}"
            ),
            f"The dimensions are (batch, channels, {', '.join(('depth', 'height', 'width')[-n:])}); the batch may be left "
            "out. To add a channel dimension: x.unsqueeze(1).",
        )
    for name, tensor in (("weight", weight), ("bias", bias)):
        if (
            tensor is not None
            and tensor._data.dtype is not input._data.dtype
            and tensor._data.dtype != input._data.dtype
        ):
            kinds = [dtypes.of(array._data.dtype).c_name for array in (input, bias if bias is not None else tensor)]
            raise RuntimeError(
                f"Input type ({kinds[0]}) and {'bias' if bias is not None else name} type ({kinds[1]}) should be the same"
            )


def _check_channels(shape: list[int], size: list[int], bias: list[int] | None, groups: int, transposed: bool) -> None:
    """Raises RuntimeError unless the weight, of `size`, fits to the input's channels and the bias to the output's."""
    channels = shape[1]
    if not transposed and size[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"[{size}] instead"
        )
    expected = size[0] if transposed else size[1] * groups
    if channels != expected:
        given = "transposed=1" if transposed else f"groups={groups}"
        raise errors.explained(
            RuntimeError(
                f"Given {given}, weight of size {size}, expected input{shape} to have {expected} channels, but got "
                f"{channels} channels instead"
            ),
            "The second dimension of the input counts its channels; a Conv layer was made for in_channels of them.",
        )
    outputs = size[1] * groups if transposed else size[0]
    if bias is not None and bias != [outputs]:
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {size}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {bias} instead"
        )


def _check_steps(stride: Sizes, padding: Sizes, dilation: Sizes) -> None:
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")


@functools.lru_cache(1024)
def _steps(
    shape: Sizes, weight: Sizes, bias: Sizes | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    """The output's size, stride, padding and dilation as tuples. Raises RuntimeError where the shapes do not fit.

    Cached, since a training loop asks for the same again and again.
    """
    kernel, n = weight[2:], len(shape) - 2
    stride, dilation = sizes("stride", stride, len(kernel)), sizes("dilation", dilation, len(kernel))
    padding = sizes("padding", padding, n)
    _check_steps(stride, padding, dilation)
    _check_channels(list(shape), list(weight), None if bias is None else list(bias), groups, transposed=False)
    out = output_size(shape[2:], kernel, stride, padding, dilation)
    padded = [size + 2 * p for size, p in zip(shape[2:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(a < b for a, b in zip(padded, reach, strict=True)):
        raise errors.explained(
            RuntimeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size: "
                f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size"
            ),
            "The picture has become smaller than the kernel. Use padding, or fewer pooling layers before this one.",
        )
    return out, stride, padding, dilation


def _fixed(value: Any) -> Any:
    """A number or a sequence of numbers, as something that can be looked up in a cache."""
    if value.__class__ is int or value.__class__ is tuple:
        return value
    return int(value) if isinstance(value, int | np.integer) else tuple(value)


def _convolution(n: int) -> Callable[..., Any]:
    def convolution(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        _check(f"conv{n}d", input, weight, bias, n)
        if input._data.ndim == n + 1:
            return convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
        if isinstance(padding, str):
            input, padding = _named_padding(input, padding, weight._data.shape[2:], stride, dilation)
        steps = _steps(
            input._data.shape, weight._data.shape, None if bias is None else bias._data.shape,
            _fixed(stride), _fixed(padding), _fixed(dilation), groups,
        )  # fmt: skip
        keep = weight._requires_grad and not ACTIVE  # packing hooks shall see what PyTorch saves, no more
        return LIVE["convolution"](input, weight, bias, *steps, groups, keep)[0]

    return _described(convolution, f"conv{n}d", n, f"(N, C, *size) and (O, C / groups, *kernel) to (N, O, *out), {n}-d")


def _named_padding(input: Any, name: str, kernel: Sizes, stride: Any, dilation: Any) -> tuple[Any, Sizes]:
    """For padding="same", the padding that keeps the size; where it is uneven, one more pixel is added to the input."""
    stride, dilation = sizes("stride", stride, len(kernel)), sizes("dilation", dilation, len(kernel))
    if name == "valid":
        return input, (0,) * len(kernel)
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(t % 2 for t in total):
        around = ((0, 0), (0, 0), *((0, t % 2) for t in total))
        input = LIVE["constant_pad_nd"](input, around, 0)
    return input, tuple(t // 2 for t in total)


def _transposed(n: int) -> Callable[..., Any]:
    def transposed(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        _check(f"conv_transpose{n}d", input, weight, bias, n)
        if input._data.ndim == n + 1:
            rest = (stride, padding, output_padding, groups, dilation)
            return transposed(input.unsqueeze(0), weight, bias, *rest).squeeze(0)
        stride, padding, dilation = (
            sizes("stride", stride, n),
            sizes("padding", padding, n),
            sizes("dilation", dilation, n),
        )
        extra = sizes("output_padding", output_padding, n)
        _check_steps(stride, padding, dilation)
        shape = list(input._data.shape)
        given = None if bias is None else list(bias._data.shape)
        _check_channels(shape, list(weight._data.shape), given, groups, transposed=True)
        if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
            raise RuntimeError("output padding must be smaller than either stride or dilation")
        size = tuple(
            (length - 1) * s - 2 * p + d * (k - 1) + e + 1
            for length, k, s, p, d, e in zip(
                shape[2:], weight._data.shape[2:], stride, padding, dilation, extra, strict=True
            )
        )
        return LIVE["convolution_back"](input, weight, bias, size, stride, padding, dilation, groups)

    return _described(
        transposed, f"conv_transpose{n}d", n, f"(N, O, *size) and (O, C / groups, *kernel) to (N, C, *out), {n}-d"
    )


def _described(function: Callable[..., Any], name: str, n: int, what: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{'The transposed' if 'transpose' in name else 'The'} convolution of {what}. Mirrors `torch.{name}`.\n\n"
        f"`stride`, `padding` and `dilation` are numbers, or tuples of {n}. Raises RuntimeError where shapes do not fit."
    )
    return public(name, method=False)(function)


conv1d, conv2d, conv3d = _convolution(1), _convolution(2), _convolution(3)
conv_transpose1d, conv_transpose2d, conv_transpose3d = _transposed(1), _transposed(2), _transposed(3)
