"""Convolution: every output pixel is the same weighted sum of the input pixels around it.

    y[n, o, i, j] = sum over c, k, l of w[o, c, k, l] * x[n, c, i + k, j + l]

For one kernel position (k, l), the input pixels that all outputs need are the input itself, shifted. Copying these shifted
inputs under each other gives the columns, of shape (N, C, kh, kw, output pixels), and the convolution is one matrix
product with the weight seen as (O, C*kh*kw). Backwards everything is turned round: the transposed product gives the
gradient of the columns, and adding them back, each shifted to its place, gives the gradient of the input.

The three maps below are bilinear, and each is the gradient of the others, so they can be differentiated again and again:

    convolution        (input, weight)    -> output
    convolution_back   (output, weight)   -> input      also the transposed convolution
    convolution_weight (output, input)    -> weight
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase
from teachgrad.gpu import xp
from teachgrad.ops.table import LIVE, composite, op, public, raw

Sizes = tuple[int, ...]


def columns(image: Any, kernel: Sizes, out: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The shifted copies of `image` (N, C, *size) for each kernel position: shape (N, C, *kernel, *out)."""
    around = [(0, 0), (0, 0), *((p, p) for p in padding)]
    padded = np.pad(image, around) if any(padding) else image
    copies = xp(image).empty((*image.shape[:2], *kernel, *out), image.dtype)
    for place in np.ndindex(*kernel):
        copies[(slice(None), slice(None), *place)] = padded[_window(place, out, stride, dilation)]
    return copies


def added_back(copies: Any, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The transpose of `columns`: adds each copy (N, C, *kernel, *out) to its place in an image (N, C, *size)."""
    n = len(size)
    kernel, out = copies.shape[2 : 2 + n], copies.shape[2 + n :]
    around = (s + 2 * p for s, p in zip(size, padding, strict=True))
    padded: Any = xp(copies).zeros((*copies.shape[:2], *around), copies.dtype)
    for place in np.ndindex(*kernel):
        padded[_window(place, out, stride, dilation)] += copies[(slice(None), slice(None), *place)]
    return padded[(..., *(slice(p, p + s) for s, p in zip(size, padding, strict=True)))]


def _window(place: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Any, ...]:
    """Which pixels of the padded image the outputs see at kernel position `place`."""
    starts = (k * d for k, d in zip(place, dilation, strict=True))
    return (..., *(slice(a, a + (o - 1) * s + 1, s) for a, o, s in zip(starts, out, stride, strict=True)))


def output_size(size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    """How many places of each dimension the kernel fits in."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def _grouped(weight: Any, groups: int) -> Any:
    """The weight (O, C/groups, *kernel) as one matrix per group: (groups, O/groups, C/groups * kernel)."""
    return weight.reshape(groups, weight.shape[0] // groups, int(np.prod(weight.shape[1:])))


@raw
def convolve(image: Any, weight: Any, bias: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """(N, C, *size) and (O, C/groups, *kernel) to (N, O, *out)."""
    kernel = weight.shape[2:]
    out = output_size(image.shape[2:], kernel, stride, padding, dilation)
    matrix = _grouped(weight, groups)
    pixels = columns(image, kernel, out, stride, padding, dilation)
    product = np.matmul(matrix, pixels.reshape(len(image), groups, matrix.shape[2], int(np.prod(out))))
    return _with_bias(product.reshape(len(image), weight.shape[0], *out), bias)


@raw
def convolve_back(
    output: Any, weight: Any, bias: Any, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """(N, O, *out) and (O, C/groups, *kernel) to (N, C, *size): spreads each output over the pixels it was made of."""
    matrix = _grouped(weight, groups)
    batch, out = len(output), output.shape[2:]
    spread = np.matmul(matrix.swapaxes(1, 2), output.reshape(batch, groups, matrix.shape[1], int(np.prod(out))))
    copies = spread.reshape(batch, groups * weight.shape[1], *weight.shape[2:], *out)
    return _with_bias(added_back(copies, size, stride, padding, dilation), bias)


@raw
def convolve_weight(
    output: Any, image: Any, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """(N, O, *out) and (N, C, *size) to the weight's `shape`: how much each output moved with each pixel it saw."""
    batch, out = len(output), output.shape[2:]
    count = int(np.prod(out))
    pixels = columns(image, shape[2:], out, stride, padding, dilation)
    pixels = pixels.reshape(batch, groups, int(np.prod(shape[1:])), count)
    products = np.matmul(output.reshape(batch, groups, shape[0] // groups, count), pixels.swapaxes(2, 3))
    return products.sum(0).reshape(shape)


def _with_bias(image: Any, bias: Any) -> Any:
    return image if bias is None else image + bias.reshape(-1, *(1,) * (image.ndim - 2))


@composite
def channel_sum(F: Any, grad: Any) -> Any:
    """The sum over everything but the channels: (N, C, *size) to (C,)."""
    return F.sum(grad, (0, *range(2, grad.ndim)), False)


op(
    "convolution(self, weight, bias; stride=1, padding=0, dilation=1, groups=1)", "ConvolutionBackward0",
    "convolve(self, weight, bias, stride, padding, dilation, groups)",
    self="convolution_back(grad, conj(weight), None, self_shape[2:], stride, padding, dilation, groups)",
    weight="convolution_weight(grad, conj(self), weight_shape, stride, padding, dilation, groups)",
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
    ],
)  # fmt: skip
op(
    "convolution_back(self, weight, bias; size=1, stride=1, padding=0, dilation=1, groups=1)", "ConvolutionBackward0",
    "convolve_back(self, weight, bias, size, stride, padding, dilation, groups)",
    self="convolution(grad, conj(weight), None, stride, padding, dilation, groups)",
    weight="convolution_weight(conj(self), grad, weight_shape, stride, padding, dilation, groups)",
    bias="channel_sum(grad)",
    samples=[
        "F.conv_transpose1d(c, k[:, None, :3])", "F.conv_transpose1d(c, c.view(4, 2, 5), v[:2], stride=2, padding=1)",
        "F.conv_transpose1d(c, c.view(4, 1, 10)[..., :3], groups=2, stride=3, output_padding=2, dilation=2)",
        "F.conv_transpose2d(c.view(1, 2, 4, 5), b.view(2, 1, 3, 4), s[None], stride=2, output_padding=(1, 0))",
        "F.conv_transpose2d(b, b.view(2, 1, 3, 4))", "F.conv_transpose3d(b[None, None], b[None, None])",
        "torch.conv_transpose1d(c, c.view(4, 2, 5))", "torch.conv_transpose2d(b, b.view(2, 1, 3, 4))",
        "torch.conv_transpose3d(b[None, None], b[None, None])",
    ],
)  # fmt: skip
op(
    "convolution_weight(self, image; shape, stride, padding, dilation, groups)", "ConvolutionBackward0",
    "convolve_weight(self, image, shape, stride, padding, dilation, groups)",
    self="convolution(conj(image), grad, None, stride, padding, dilation, groups)",
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
        if tensor is not None and tensor._data.dtype != input._data.dtype:
            kinds = [dtypes.of(array._data.dtype).c_name for array in (input, bias if bias is not None else tensor)]
            raise RuntimeError(
                f"Input type ({kinds[0]}) and {'bias' if bias is not None else name} type ({kinds[1]}) should be the same"
            )


def _check_channels(weight: Any, bias: Any, channels: int, shape: list[int], groups: int, transposed: bool) -> None:
    """Raises RuntimeError unless the weight fits to the input's channels and the bias to the output's."""
    size = list(weight._data.shape)
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
    if bias is not None and list(bias._data.shape) != [outputs]:
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {size}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {list(bias._data.shape)} instead"
        )


def _check_steps(stride: Sizes, padding: Sizes, dilation: Sizes) -> None:
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")


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
        kernel = weight._data.shape[2:]
        stride, dilation = sizes("stride", stride, len(kernel)), sizes("dilation", dilation, len(kernel))
        if isinstance(padding, str):
            input, padding = _named_padding(input, padding, kernel, stride, dilation)
        padding = sizes("padding", padding, n)
        _check_steps(stride, padding, dilation)
        shape = list(input._data.shape)
        _check_channels(weight, bias, shape[1], shape, groups, transposed=False)
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
        return LIVE["convolution"](input, weight, bias, stride, padding, dilation, groups)

    return _described(convolution, f"conv{n}d", n, f"(N, C, *size) and (O, C / groups, *kernel) to (N, O, *out), {n}-d")


def _named_padding(input: Any, name: str, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Any, Sizes]:
    """For padding="same", the padding that keeps the size; where it is uneven, one more pixel is added to the input."""
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
        _check_channels(weight, bias, shape[1], shape, groups, transposed=True)
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
