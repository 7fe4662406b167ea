"""Windows that slide over pictures: what convolution, pooling and unfolding look through.

A picture is (N, C, *size), with one, two or three dimensions of pixels. A window has `kernel` positions in each dimension,
`dilation` pixels apart; it moves by `stride` and begins `padding` pixels before the picture. What it sees can be written
without copying anything, since pixel o of position k lies at o * stride + k * dilation: a step along the output and a step
along the kernel are both steps in memory.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from teachgrad.gpu import xp

Sizes = tuple[int, ...]


@functools.lru_cache(4096)
def window(place: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Any, ...]:
    """Which pixels of the padded image the outputs see at kernel position `place`."""
    starts = (k * d for k, d in zip(place, dilation, strict=True))
    return (..., *(slice(a, a + (o - 1) * s + 1, s) for a, o, s in zip(starts, out, stride, strict=True)))


@functools.lru_cache(1024)
def reach_of(out: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """How many pixels `out` windows cover in each dimension."""
    return tuple((o - 1) * s + d * (k - 1) + 1 for o, k, s, d in zip(out, kernel, stride, dilation, strict=True))


@functools.lru_cache(1024)
def _overlap(size: Sizes, room: Sizes, start: Sizes) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Where an image of `size` that begins at pixel `start` lies in a frame of `room` pixels; and which part of it."""
    inside = (..., *(slice(max(a, 0), max(a + n, 0)) for n, a in zip(size, start, strict=True)))
    part = (..., *(slice(max(-a, 0), max(r - a, 0)) for r, a in zip(room, start, strict=True)))
    return inside, part


def framed(image: Any, room: Sizes, start: Sizes, fill: Any = 0) -> Any:
    """`image` (*rest, *size) from pixel `start` of planes of `room` pixels on, `fill` around it; what sticks out is cut off.

    The image itself, not a copy, where that is all of it.
    """
    rest, size = image.shape[: -len(room)], image.shape[-len(room) :]
    if size == room and not any(start):
        return image
    frame: Any = xp(image).zeros((*rest, *room), image.dtype)
    if fill != 0:
        frame.fill(fill)
    inside, part = _overlap(size, room, start)
    frame[inside] = image[part]
    return frame


def sliding(frame: Any, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """A view (N, C, *kernel, *out) of the frame (N, C, *room): at [n, c, *k] what the outputs see at kernel position k."""
    steps = frame.strides
    by_place = (d * step for d, step in zip(dilation, steps[2:], strict=True))
    by_pixel = (s * step for s, step in zip(stride, steps[2:], strict=True))
    shape, strides = (*frame.shape[:2], *kernel, *out), (*steps[:2], *by_place, *by_pixel)
    if frame.__class__ is np.ndarray and frame.flags.c_contiguous:
        return np.ndarray(shape, frame.dtype, frame, 0, strides)  # as_strided does the same, but takes its time
    return xp(frame).lib.stride_tricks.as_strided(frame, shape, strides)


def columns(image: Any, kernel: Sizes, out: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The shifted copies of `image` (N, C, *size) for each kernel position: shape (N, C, *kernel, *out)."""
    frame = framed(image, reach_of(out, kernel, stride, dilation), padding)
    return sliding(frame, kernel, out, stride, dilation).copy()


def added_back(copies: Any, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The transpose of `columns`: adds each copy (N, C, *kernel, *out) to its place in an image (N, C, *size)."""
    n = len(size)
    kernel, out = copies.shape[2 : 2 + n], copies.shape[2 + n :]
    frame: Any = xp(copies).zeros((*copies.shape[:2], *reach_of(out, kernel, stride, dilation)), copies.dtype)
    for place in np.ndindex(*kernel):
        frame[window(place, out, stride, dilation)] += copies[(slice(None), slice(None), *place)]
    return framed(frame, size, tuple(-p for p in padding))


def output_size(size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    """How many places of each dimension the kernel fits in."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
