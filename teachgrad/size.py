"""`torch.Size`: a tuple of ints that prints like one of PyTorch's shapes."""

from __future__ import annotations

from math import prod
from typing import Any, SupportsIndex, overload


class Size(tuple[int, ...]):
    """A tensor's shape. Mirrors `torch.Size`.

    It is a tuple, so it unpacks, compares with and hashes like one. Slices, sums and repetitions of a Size
    are Sizes again. There is no `__new__` here on purpose: `x.shape` is asked for so often that building
    one must cost no more than building a tuple.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __reduce__(self) -> Any:
        return _again, (tuple(self),)

    def numel(self) -> int:
        """How many elements a tensor of this shape has; 1 for the empty shape of a 0-d tensor."""
        return prod(self)

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | Size:
        picked = tuple.__getitem__(self, key)
        return Size(picked) if isinstance(picked, tuple) else picked

    def __add__(self, other: Any, /) -> Size:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any, /) -> Size:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, count: SupportsIndex, /) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__


def _again(sizes: tuple[int, ...]) -> Size:
    """Unpickles a Size."""
    return Size(sizes)


Size.__module__ = "torch"  # print(type(x.shape)) shows <class 'torch.Size'>, as it does in the lessons
Size.__name__ = "torch.Size"  # x.shape() says: 'torch.Size' object is not callable
