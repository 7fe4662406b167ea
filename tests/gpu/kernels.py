"""`cupy.ElementwiseKernel` of the stand-in: takes CUDA apart line by line, and refuses what CuPy or NVRTC would refuse."""

from __future__ import annotations

import re

import numpy as np

from gpu.standin import _operand, _wrap, ndarray
from gpu.surface import SCALARS, launched

_PARAMETER = re.compile(r"(T|bool) ([A-Za-z]\w*)")
_LINE = re.compile(r"(?:const (T|bool) )?(\w+) = ([^;=]+|[^;]+ == [^;]+|[^;]+ [<>!]= [^;]+);")
_TERNARY = re.compile(r"(\w+) \? ([^?:]+) : ([^?:]+)")
_INFIX = re.compile(r"(\w+) (\+|-|\*|/|<|<=|>|>=|==|!=|&&|\|\|) (\w+)")
_CALL = re.compile(r"(\w+)\((\w+)(?:, (\w+))?\)")
_UFUNCS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal, "&&": np.logical_and,
    "||": np.logical_or,
}  # fmt: skip
_FUNCTIONS = {
    name: getattr(np, name) for name in "exp exp2 log log2 log10 log1p expm1 sqrt sin cos tan sinh cosh".split()
}
_FUNCTIONS |= {name: getattr(np, name) for name in "tanh floor ceil trunc hypot abs isnan isinf isfinite".split()}
_FUNCTIONS |= {f"a{name}": getattr(np, f"arc{name}") for name in "sin cos tan sinh cosh tanh tan2".split()}
_FUNCTIONS |= {"pow": np.power, "max": np.fmax, "min": np.fmin}


def _erf(x):
    import math

    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


class ElementwiseKernel:
    """One launch. Only what is written in single steps, with each name declared, is understood."""

    def __init__(
        self, in_params, out_params, operation, name="kernel", reduce_dims=True, return_tuple=False, options=()
    ):
        if not name.isidentifier():
            raise ValueError(f'Invalid kernel name: "{name}"')
        self.name, self.return_tuple, self.options = name, return_tuple, options
        self.inputs = [self._parameter(text) for text in in_params.split(", ")]
        self.outputs = [self._parameter(text) for text in out_params.split(", ")]
        names = [each for _, each in self.inputs + self.outputs]
        if len(set(names)) != len(names) or {"i", "n"} & set(names):
            raise ValueError(f"Invalid parameter names: {names}")
        self.lines, end = [], 0
        for match in re.finditer(r"[^;]+;\s*", operation):
            line = _LINE.fullmatch(match[0].strip())
            if line is None:
                raise SyntaxError(match[0])
            self.lines.append(line.groups())
            end = match.end()
        if end != len(operation):
            raise SyntaxError("a ; is missing")

    @staticmethod
    def _parameter(text):
        match = _PARAMETER.fullmatch(text)
        if match is None:
            raise SyntaxError(f"no parameter: {text}")
        return match.groups()

    def __call__(self, *args):
        if len(args) != len(self.inputs):
            raise TypeError(f"Wrong number of arguments for '{self.name}'")
        kinds = {"bool": np.dtype(bool)}
        for (kind, name), value in zip(self.inputs, args, strict=True):
            if isinstance(value, ndarray):
                if kinds.setdefault(kind, value.dtype) != value.dtype:
                    raise TypeError(f"Type is mismatched. {name} {value.dtype} {kinds[kind]} {kind}")
            elif not isinstance(value, SCALARS):
                raise TypeError(f"Unsupported type {type(value)}")
        if not any(isinstance(value, ndarray) for value in args):
            raise ValueError("Loop size is undecided.")
        shape = np.broadcast_shapes(*[each.shape for each in args if isinstance(each, ndarray)])
        known = {
            name: value._host if isinstance(value, ndarray) else kinds[kind].type(_operand(value))
            for (kind, name), value in zip(self.inputs, args, strict=True)
        }
        answers = {}
        with np.errstate(all="ignore"):
            for kind, name, text in self.lines:
                value = self._value(text, known)
                if kind is None:
                    assert ("T", name) in self.outputs and value.dtype == kinds["T"], name
                    answers[name] = np.array(np.broadcast_to(value, shape))
                else:
                    assert name not in known and value.dtype == kinds[kind], f"{kind} {name} = {text}: {value.dtype}"
                    known[name] = value
        launched(self.name)
        made = tuple(_wrap(answers[name]) for _, name in self.outputs)
        return made if self.return_tuple or len(made) > 1 else made[0]

    def _value(self, text, known):
        if match := _TERNARY.fullmatch(text):
            condition, one, other = (self._value(part, known) for part in match.groups())
            assert condition.dtype == bool and one.dtype == other.dtype, text
            return np.where(condition, one, other)
        if match := _INFIX.fullmatch(text):
            one, other = known[match[1]], known[match[3]]
            assert one.dtype == other.dtype and (one.dtype == bool) == (match[2] in ("&&", "||")), text
            return _UFUNCS[match[2]](one, other)
        if match := _CALL.fullmatch(text):
            function = _erf if match[1] == "erf" else _FUNCTIONS[match[1]]
            return function(*[known[part] for part in match.groups()[1:] if part])
        if text[0] in "-!":
            assert (known[text[1:]].dtype == bool) == (text[0] == "!"), text
            return -known[text[1:]] if text[0] == "-" else ~known[text[1:]]
        return known[text]
