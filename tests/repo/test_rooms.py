"""The rooms that open late: the directory is true, and each room works as the first that is opened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_the_directory_says_what_the_rooms_bring() -> None:
    done = run(str(HERE / "directory.py"))
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each room is opened in a copy of the process")
def test_each_room_brings_what_it_needs() -> None:
    done = run(str(HERE / "rooms_alone.py"))
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("lesson", "room", "answer"),
    [
        ("torch.tensor([0.0]).erf().tolist()", "ops.errorfunction", "[0.0]"),
        ("torch.einsum('i,i', torch.ones(2), torch.ones(2)).item()", "ops.einsum", "2.0"),
        ("torch.tensor([1., 4.]).erfinv_().shape", "ops.special", "torch.Size([2])"),
        ("torch.FloatTensor([2.]).item()", "legacy", "2.0"),
        ("hasattr(torch, 'new_zeros'), hasattr(torch.Tensor, 'vander')", "likes", "False False"),
        ("torch.Tensor.digamma is torch.Tensor.digamma", "ops.gammas", "True"),
        ("(torch.tensor([1j], requires_grad=True).abs().sum().backward())", "ops.complexes", "None"),
    ],
)
def test_a_name_opens_its_room(lesson: str, room: str, answer: str) -> None:
    code = f"import sys, teachgrad as torch; was = 'teachgrad.{room}' in sys.modules; print({lesson}, was)"
    done = run("-c", code)
    assert (done.stdout, done.stderr) == (f"{answer} False\n", "")


def test_a_subclass_reaches_a_late_method_through_super() -> None:
    code = (
        "import teachgrad as torch\n"
        "class Mine(torch.Tensor):\n"
        "    def det(self): return super().det() * 2\n"
        "print(Mine([[3.]]).det().item())"
    )
    assert run("-c", code).stdout == "6.0\n"


def test_the_pictures_know_the_rules_of_shut_rooms() -> None:
    code = (
        "import sys; from teachgrad.rulebook import RULES; print('teachgrad.ops.errorfunction' in sys.modules);"
        "print(RULES['ErfBackward0']['self'], 'Nothing' in RULES)"
    )
    assert run("-c", code).stdout == "False\ngrad * exp(-self * self) * 1.1283791670955126 False\n"


@pytest.mark.parametrize("opened_first", ["", "torch.addcmul(one, one, one.clone().requires_grad_()).backward()"])
def test_a_room_has_its_bars_whether_it_opens_before_the_first_complex_number_or_after(opened_first: str) -> None:
    code = (
        f"import sys, teachgrad as torch\none = torch.tensor(1.)\n{opened_first}\n"
        "a, b = torch.tensor(1 + 2j, requires_grad=True), torch.tensor(3j)\n"
        "was = 'teachgrad.ops.elements' in sys.modules\n"
        "torch.addcmul(b, a, b).real.backward()\n"
        "print(was, a.grad.item())"
    )
    done = run("-c", code)
    assert (done.stdout, done.stderr) == (f"{bool(opened_first)} -3j\n", "")


def test_autocast_knows_the_ops_of_rooms_that_were_shut() -> None:
    code = (
        "import teachgrad as torch\n"
        "x = torch.ones(1, 1, 3)\n"
        "with torch.autocast('cpu'): print(torch.conv1d(x, x).dtype, x.baddbmm(x[:, :, :1], x).dtype)\n"
        "print(torch.conv1d(x, x).dtype)"
    )
    assert run("-c", code).stdout == "torch.bfloat16 torch.bfloat16\ntorch.float32\n"
