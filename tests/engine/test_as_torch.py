"""`import teachgrad.as_torch`: a lesson that imports torch runs on teachgrad. Each case is a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def run(lesson):
    """What a Python program prints; its last line of stderr if it fails."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(lesson)], capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else done.stderr


def test_imports_resolve():
    assert run("""
        import teachgrad, teachgrad.as_torch
        import torch
        from torch import nn, optim
        import torch.nn.functional as F
        from torch.autograd import Function, grad
        from torch.utils.data import DataLoader
        import torch.autograd.forward_ad as fwAD
        print(torch is teachgrad, nn is teachgrad.nn, F is teachgrad.nn.functional, optim is teachgrad.optim)
        print(Function is teachgrad.autograd.Function, DataLoader is teachgrad.utils.data.DataLoader)
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        print(F.relu(x * 2))
    """).splitlines() == [
        "True True True True",
        "True True",
        "tensor([2., 4.], grad_fn=<ReluBackward0>)",
    ]


def test_one_module_under_two_names():
    """Nothing is loaded twice, and the modules know their own names still."""
    assert (
        run("""
        import sys, teachgrad.as_torch
        import torch.nn.functional, torch.autograd.graph
        for name, module in sorted(sys.modules.items()):
            if name.split(".")[0] == "torch":
                assert module is sys.modules["teachgrad" + name[5:]], name
                assert module.__name__ == module.__spec__.name == "teachgrad" + name[5:], name
        import importlib
        print(importlib.reload(torch.autograd.graph) is torch.autograd.graph)
    """)
        == "True\n"
    )


def test_parts_that_do_not_exist():
    assert run("""
        import teachgrad.as_torch
        try:
            import torch.distributed
        except ModuleNotFoundError as error:
            print(error)
            print(error.__notes__[0])
        try:
            from torch.nn import Nonsense
        except ImportError as error:
            print(str(error).split(" (")[0])
    """).splitlines() == [
        "No module named 'torch.distributed'",
        "This import was answered by teachgrad (see teachgrad.as_torch), which has no such part.",
        "cannot import name 'Nonsense' from 'teachgrad.nn'",
    ]


def test_installing_twice_is_harmless():
    assert (
        run("""
        import sys, teachgrad.as_torch
        teachgrad.as_torch.install()
        import torch
        teachgrad.as_torch.install()
        print(sum(type(finder).__name__ == "_Finder" for finder in sys.meta_path))
    """)
        == "1\n"
    )


def test_uninstall_without_pytorch():
    assert run("""
        import sys, teachgrad.as_torch
        import torch, torch.nn
        sys.path[:] = [p for p in sys.path if "site-packages" not in p]  # as if PyTorch were not installed
        teachgrad.as_torch.uninstall()
        teachgrad.as_torch.uninstall()
        print([name for name in sys.modules if name.split(".")[0] == "torch"], torch.ones(1))
        try:
            import torch
        except ModuleNotFoundError as error:
            print(error)
    """).splitlines() == ["[] tensor([1.])", "No module named 'torch'"]


@pytest.mark.oracle
def test_refuses_beside_pytorch():
    pytest.importorskip("torch")
    shown = run("""
        import torch
        import teachgrad.as_torch
    """)
    lines = shown.splitlines()
    assert "ImportError: teachgrad cannot stand in for torch: the real PyTorch has already been imported." in lines
    assert lines[-1].startswith("Put `import teachgrad.as_torch` above the first import of torch")


@pytest.mark.oracle
def test_uninstall_gives_pytorch_back():
    pytest.importorskip("torch")
    assert (
        run("""
        import teachgrad.as_torch
        import torch
        mine = torch
        teachgrad.as_torch.uninstall()
        import torch
        print(mine.__name__, torch.__name__, torch.__version__[:4])
    """)
        == "teachgrad torch 2.13\n"
    )
