"""Shapes as arguments: `zeros(2, 3)`, `zeros((2, 3))` and `zeros(size=[2, 3])` all mean the shape (2, 3)."""

from __future__ import annotations

from operator import index
from typing import Any

from teachgrad import errors


def whole_numbers(function: str, name: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The ints that `function` was given as `*args` or as one sequence, as its argument `name`.

    Raises TypeError if there are none, or other things among them.
    """
    if not args:
        raise errors.missing(function, name)
    try:
        return shape_of(args)
    except TypeError:
        raise bad_size(function, args, name) from None


def shape_of(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape that the positional arguments `args` spell, as ints or as one sequence of ints.

    Raises TypeError if they do not; the caller says it in PyTorch's words (`bad_size`, `bad_arguments`).
    """
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = tuple(args[0])
    for size in args:
        if size.__class__ is not int:
            return tuple(map(_whole, args))
    return args


def _whole(value: Any) -> int:
    if isinstance(value, bool):  # an int to Python, a mistake to PyTorch
        raise TypeError
    return index(value)


def new_shape(function: str, args: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The shape of a tensor that `function` is to make, given as `*args` or as the keyword `size`.

    Raises TypeError for anything but ints, RuntimeError for negative ones.
    """
    if size is not None:
        args = (size,)
    elif not args:
        raise errors.missing(function, "size")
    try:
        shape = shape_of(args)
    except TypeError:
        raise bad_size(function, args) from None
    for each in shape:
        if each < 0:
            raise negative_size(function, shape)
    return shape


def bad_size(function: str, args: tuple[Any, ...], name: str = "size") -> TypeError:
    """A shape (or other list of whole numbers, the argument `name`) with something in it that is no whole number."""
    head = f"{function}(): argument '{name}'"
    if len(args) == 1 and not isinstance(args[0], tuple | list):
        return TypeError(f"{head} (position 1) must be tuple of ints, not {errors.type_name(args[0])}")
    values = args[0] if len(args) == 1 else args
    for place, value in enumerate(values):
        try:
            _whole(value)
        except TypeError:
            kind = type(value).__name__
            if place == 0 and len(args) > 1:
                if function in ("rand", "randn"):
                    return bad_arguments(function, args)
                return TypeError(f"{function}() takes 1 positional argument but {len(args)} were given")
            if place == 0:
                return TypeError(
                    f"{head} (position 1) must be tuple of ints, but found element of type {kind} at pos 0"
                )
            return TypeError(
                f'{head} failed to unpack the object at pos {place + 1} with error "type must be tuple of '
                f'ints,but got {kind}"'
            )
    return TypeError(f"{function}() takes 1 positional argument but {len(args)} were given")


def negative_size(function: str, shape: tuple[int, ...]) -> RuntimeError:
    """A shape with a negative size in it."""
    if function in ("zeros", "ones"):
        message = f"{function}: Dimension size must be non-negative."
    else:
        smallest = next(size for size in shape if size < 0)
        message = f"Trying to create tensor with negative dimension {smallest}: {list(shape)}"
    return errors.explained(RuntimeError(message), "The sizes of a tensor are zero or more.")


def bad_arguments(function: str, args: tuple[Any, ...], **named: Any) -> TypeError:
    """A call that none of the forms of `function` fits."""
    given = [errors.type_name(value) for value in args]
    given += [f"{name}={errors.type_name(value)}" for name, value in named.items()]
    return errors.explained(
        TypeError(
            f"{function}() received an invalid combination of arguments - got ({', '.join(given)}), but expected one of:"
        ),
        f"help(torch.{function}) shows which arguments it takes.",
    )
