"""Tests of other folders that are not run away from the CPU, and why."""

from __future__ import annotations

import re

LEFT_OUT = {
    "test_random|test_a_seed_decides|test_generators_are_streams|test_random_fills_in_place|test_dropout_draws": (
        "a GPU's random numbers are another stream"
    ),
    r"random_numbers|randn\(2, dtype=torch.int64|seeds": "the same, or its own message",
    r"nn/test_module\.py|nn/test_parametrize|nn/test_init": "compares with PyTorch's random numbers on the CPU",
    r"nn/test_(serialization|safetensors)": "about the bytes of files; tests/gpu/test_devices.py saves and loads",
    "shares_memory|memory_that_views_share|numpy_arrays_do_not_mix|teachgrad-numpy": "about sharing memory with NumPy",
    r"x.numpy\(\)|array_protocol|what_conj_returned": "the same",
    r"test_index.*(x\[\[0, 5\]\]|idx \+ 9|i \+ 4)|Target 3 is|Target -1|smaller than num_clas|embedding\(i \+ 9": (
        "numbers on a GPU are not looked at before they are used: that would mean to wait for it"
    ),
    "all elements of input should be|zero division|a_failed_call_changes": "the same",
    r"device='cuda'\)|answer_as_a_cpu_build|names_from_before_amp|test_grad_scaler|without_one": "about having no GPU",
    "test_device_comes_first|test_functions_run": "names devices of its own",
    "test_old_constructors": "makes tensors on the CPU, and asks for their classes",
    r"gpu/test_none\.py": "about having no GPU",
    "TestTwoThreads": "a new thread's default device is the CPU, as in PyTorch",
    "test_recurrent_layers_are_their_cells": "its layers are made when the file is read, on the CPU",
    "million": "a million kernels: about time and recursion, which no device changes",
    "test_every_derivative": "element by element; tests/gpu/test_ops.py compares every entry with the CPU instead",
}


def reason(name):
    """Why the test of this name is left out, or None."""
    for pattern, why in LEFT_OUT.items():
        if re.search(pattern, name):
            return why
    return None
