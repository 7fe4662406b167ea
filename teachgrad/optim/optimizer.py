"""What all optimisers share: groups of parameters with their settings, a state per parameter, and `step()`.

An optimiser says in `_update` what one step does to one parameter, given its gradient; this file does the rest. The
formulas run on tensors, outside the graph, in the order in which PyTorch computes them.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from teachgrad.autograd.graph import Hook, RemovableHandle
from teachgrad.autograd.modes import enable_grad, set_grad_enabled
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.autograd.views import own_array
from teachgrad.errors import explained
from teachgrad.nn.module import clear_gradients, type_name

__all__ = ["Optimizer"]


class Optimizer:
    """The base of all optimisers. Mirrors `torch.optim.Optimizer`.

    Args:
        params: tensors to optimise, `(name, tensor)` pairs, or dicts with the key "params" and settings of their own.
        defaults: the settings of groups that do not say them.

    Raises:
        TypeError: for what is not a list of tensors or dicts.
        ValueError: for an empty list, for computed tensors and for a parameter that comes twice.
    """

    param_groups: list[dict[str, Any]]
    state: defaultdict[Any, dict[str, Any]]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._pre_hooks: dict[int, Hook] = {}
        self._post_hooks: dict[int, Hook] = {}
        if isinstance(params, TensorBase):
            raise explained(
                TypeError(
                    "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                    f"but got {type_name(params)}"
                ),
                "Put the tensor into a list: [tensor].",
            )
        groups = list(params)
        if not groups:
            raise explained(
                ValueError("optimizer got an empty parameter list"),
                "Does the model assign its layers to attributes (self.layer = ...)? Modules in a plain list or dict are not "
                "found; nn.ModuleList and nn.ModuleDict are. A generator, as model.parameters() is, can be used once.",
            )
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with settings of their own (those not given are the optimiser's defaults)."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, TensorBase) else list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        params = [param[1] if isinstance(param, tuple) else param for param in params]
        for param in params:
            if not isinstance(param, TensorBase):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type_name(param)}")
            if not param.is_leaf:  # type: ignore[attr-defined]
                raise explained(
                    ValueError("can't optimize a non-leaf Tensor"),
                    "This tensor was computed from others; optimise those, or a copy made by .detach().requires_grad_().",
                )
        taken = {id(param) for group in self.param_groups for param in group["params"]}
        if len({id(param) for param in params}) != len(params) or taken & {id(param) for param in params}:
            raise ValueError("some parameters appear in more than one parameter group")
        if self.param_groups and bool(names) != ("param_names" in self.param_groups[0]):
            current = "with names" if names else "without names"
            raise ValueError(
                "all optimizer param groups should be with/without names. "
                f"cannot add param group {current} to the optimizer"
            )
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Takes the `.grad` of all parameters away, or fills it with zeros."""
        for group in self.param_groups:
            clear_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes every parameter that has a `.grad`. `closure`, if given, computes the loss first, and it is returned."""
        args = () if closure is None else (closure,)
        for hook in tuple(self._pre_hooks.values()):
            hook(self, args, {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            for group in self.param_groups:
                for param in group["params"]:
                    if param._grad is not None:
                        grad = -param._grad if group.get("maximize") else param._grad
                        state = self.state.get(param, {})
                        self._update(param, grad, state, group)
                        if state:
                            self.state[param] = state
        for hook in tuple(self._post_hooks.values()):
            hook(self, args, {})
        return loss

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of one parameter, in place. `state` is empty at the first step."""
        raise NotImplementedError

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before every step."""
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after every step."""
        return RemovableHandle(self._post_hooks, hook)

    # -- saving -----------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """The settings and the state, with numbers 0, 1, 2, ... in the place of the parameters."""
        params = [param for group in self.param_groups for param in group["params"]]
        numbers = {id(param): number for number, param in enumerate(params)}
        groups = [
            {name: value for name, value in group.items() if name != "params"}
            | {"params": [numbers[id(param)] for param in group["params"]]}
            for group in self.param_groups
        ]
        return {
            "state": {numbers[id(param)]: state for param, state in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from what `state_dict` returned. Raises ValueError if the groups have other sizes."""
        groups = copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, self.param_groups, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        params: dict[int, Any] = {}
        for loaded, own in zip(groups, self.param_groups, strict=True):
            params.update(zip(loaded["params"], own["params"], strict=True))
            loaded["params"] = own["params"]
            if "param_names" in own:
                loaded.setdefault("param_names", own["param_names"])
        self.state = defaultdict(dict)
        for number, state in state_dict["state"].items():
            param = params[number]
            self.state[param] = {
                name: value.to(param.dtype) if isinstance(value, TensorBase) and name != "step" else value  # type: ignore[attr-defined]
                for name, value in state.items()
            }
        self.param_groups = groups

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(_pre_hooks={}, _post_hooks={}, **state)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            text += "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        return text + ")"


_NAMES = {"lr": "learning rate", "eps": "epsilon value"}


def check_settings(**settings: Any) -> None:
    """Raises ValueError for a negative setting, and for decay rates `betas` outside [0, 1)."""
    for name, value in settings.items():
        if name == "betas":
            for index, beta in enumerate(value):
                if not 0.0 <= beta < 1.0:
                    raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        elif not value >= 0.0:
            raise ValueError(f"Invalid {_NAMES.get(name, f'{name} value')}: {value}")


def own_settings(arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings among the `locals()` of an optimiser's `__init__`: all its arguments but the parameters."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


def as_number(value: Any) -> Any:
    """A setting as a Python number, also when it was given as a tensor of one element."""
    return value.item() if isinstance(value, TensorBase) else value  # type: ignore[attr-defined]


def number(value: float) -> Any:
    """A 0-d float32 tensor, in which PyTorch's optimisers keep single numbers of their state."""
    return wrap(np.array(value, np.float32))


def counter(state: dict[str, Any]) -> float:
    """The number of this step, counted in `state["step"]`: 1.0 at the first."""
    if "step" not in state:
        state["step"] = number(0.0)
    state["step"] += 1
    return as_number(state["step"])  # type: ignore[no-any-return]


def zeros_like(param: Any, value: float = 0.0) -> Any:
    """A new tensor of the shape and dtype of `param`, all zeros (or all `value`)."""
    return wrap(np.full_like(own_array(param), value))
