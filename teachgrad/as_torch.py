"""Lets a lesson that says `import torch` run on teachgrad, unchanged.

    import teachgrad.as_torch

    import torch                               # teachgrad
    from torch import nn                       # teachgrad.nn
    import torch.nn.functional as F            # teachgrad.nn.functional

Importing this module puts a finder in front of `sys.meta_path` that answers for `torch` and everything below it with
the teachgrad module of the same path, and for `safetensors.torch` with `teachgrad.safetensors`. It refuses
(ImportError) when the real PyTorch has been imported already, since two libraries cannot share one name. `uninstall()`
takes it back: later imports of torch find the real one, names that are already bound stay bound.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from teachgrad import errors

__all__ = ["install", "uninstall"]


class _Finder(MetaPathFinder, Loader):
    """Finds `torch.x` as `teachgrad.x`, the same module object under both names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "safetensors.torch":
            return ModuleSpec(fullname, self)
        if fullname.partition(".")[0] != "torch":
            return None
        ours = "teachgrad" + fullname.removeprefix("torch")
        if importlib.util.find_spec(ours) is None:
            raise errors.explained(
                ModuleNotFoundError(f"No module named '{fullname}'", name=fullname),
                "This import was answered by teachgrad (see teachgrad.as_torch), which has no such part.",
            )
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        safe = spec.name == "safetensors.torch"
        module = importlib.import_module("teachgrad." + "safetensors" if safe else "teachgrad" + spec.name[5:])
        self._own_spec = module.__spec__  # the import system is about to overwrite it
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own_spec


_finder = _Finder()


def install() -> None:
    """Makes `import torch` mean teachgrad. Importing this module does it; doing it twice is harmless.

    Raises ImportError when the real PyTorch is loaded.
    """
    loaded = sys.modules.get("torch")
    if loaded is not None and loaded is not sys.modules["teachgrad"]:
        raise errors.explained(
            ImportError("teachgrad cannot stand in for torch: the real PyTorch has already been imported."),
            "Put `import teachgrad.as_torch` above the first import of torch (and of anything that imports it), and restart "
            "the notebook's kernel.",
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Makes `import torch` mean PyTorch again."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "torch" or name == "safetensors.torch"]:
            del sys.modules[name]


install()
