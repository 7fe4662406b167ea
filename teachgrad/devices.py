"""`torch.device`: where a tensor's numbers live."""

from __future__ import annotations

_TYPES = ("cpu", "cuda", "meta")


class device:  # noqa: N801 - PyTorch's name
    """A place for tensors, such as `device("cpu")` or `device("cuda", 0)`; two with the same type and index are equal.

    Raises RuntimeError for a type that PyTorch does not know. Mirrors `torch.device`.
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if not isinstance(type, str):
            index = type.index
            type = type.type
        name, colon, number = type.partition(":")
        if colon:
            if index is not None or not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        if name not in _TYPES:
            raise RuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, "
                "vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: " + type
            )
        self.type, self.index = name, index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


class layout:  # noqa: N801 - PyTorch's name
    """How a tensor lies in memory. Mirrors `torch.layout`; only `strided` exists here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "torch.strided"


strided = layout()
CPU = device("cpu")


def resolve(where: device | str | int | None) -> device:
    """The device named by `where`; None means the CPU.

    Raises AssertionError, as a CPU build of PyTorch does, when a GPU is asked for.
    """
    if where is None:
        return CPU
    place = device("cuda", where) if isinstance(where, int) else device(where)
    if place.type == "cuda":
        error = AssertionError("Torch not compiled with CUDA enabled")
        error.add_note("This teachgrad computes on the CPU. Write device='cpu', or leave `device` out.")
        raise error
    return place
