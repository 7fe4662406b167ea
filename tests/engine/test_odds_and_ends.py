"""Names that lessons use in passing: old wrappers, switches of compiled backends, printing options."""

import pytest


def test_variable_is_a_leaf_with_the_same_memory(torch):
    x = torch.ones(2)
    v = torch.autograd.Variable(x, requires_grad=True)
    v.data[0] = 5.0
    assert v.is_leaf and v.requires_grad and not x.requires_grad and x[0] == 5.0
    with pytest.raises(TypeError, match=r"^Variable data has to be a tensor, but got list"):
        torch.autograd.Variable([1.0])


def test_backends_answer_as_a_cpu_build(torch):
    assert not torch.backends.mps.is_available()
    assert not torch.accelerator.is_available() and torch.accelerator.device_count() == 0
    assert torch.accelerator.current_accelerator() is None
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    assert torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = before


def test_printoptions_are_found_on_the_face(torch):
    torch.set_printoptions(precision=2)
    try:
        assert repr(torch.tensor([1.23456])) == "tensor([1.23])"
    finally:
        torch.set_printoptions(profile="default")
    assert repr(torch.tensor([1.23456])) == "tensor([1.2346])"
