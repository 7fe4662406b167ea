"""The op table: one entry per op says everything about it.

    pointwise("mul(self, other)", "MulBackward0", "self * other",
              self="grad * other", other="grad * self")

reads: the op `mul` takes the tensors `self` and `other`; its graph node is called MulBackward0; forwards it computes
`self * other`; backwards, given the gradient `grad` of its result, the gradient of `self` is `grad * other` and that of
`other` is `grad * self` (the vector-Jacobian products). From such an entry are derived

- the function `torch.mul` and the methods `x.mul(y)`, `x.mul_(y)`, written out as Python source by `writer.py` when first
  called (`print(OPS["mul"].source)` shows it);
- what a node keeps: exactly the names that its rules mention, for the arguments that want a gradient;
- the same rule on tensors instead of arrays, for `create_graph=True`;
- the formulas that the pictures show (`rulebook.py`), and the tests against PyTorch (`samples`).

In a signature the tensors come first, plain arguments after a semicolon, outputs after an arrow when there are several
(`!` marks one that has no gradient, `*` a list): `max.dim(self; dim, keepdim) -> values, !indices`. A rule may name the
inputs, `result` (or the outputs by name), the plain arguments, and `self_shape`, `self_dtype` or `self_strides` for those
of an input.

PyTorch keeps the same kind of table in `tools/autograd/derivatives.yaml`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from teachgrad import conjugates, rooms
from teachgrad.autograd.graph import Node
from teachgrad.conjugates import BARRED, conj_of, real_form
from teachgrad.rulebook import ENTRIES

OPS: dict[str, Op] = {}
"""Every op by its name, `mul` or `sum.dim`."""

RAW: dict[str, Any] = {"__name__": "teachgrad.ops.generated", "conj": conj_of}
"""What a name in a rule means when the rule runs on arrays."""

LIVE: dict[str, Any] = {"__name__": "teachgrad.ops.generated"}
"""What the same name means when the rule runs on tensors."""

FUNCTIONS: dict[str, Any] = {}
"""What `import teachgrad as torch` offers as `torch.name`: an Op, or a plain function over ops."""

METHODS: dict[str, Any] = {}
"""What every tensor offers as `x.name`."""

_Face = TypeVar("_Face", bound=Callable[..., Any])
_SIGNATURE = re.compile(r"([\w.]+)\(([^;)]*)(?:;([^)]*))?\)(?:\s*->\s*(.*))?")
_NAME = re.compile(r"\b[A-Za-z_]\w*")


class Op:
    """One entry of the table, taken apart. See the module's text for what the parts mean."""

    inputs: tuple[str, ...]
    plain: tuple[str, ...]
    defaults: dict[str, str]
    outputs: tuple[str, ...]
    tracked: tuple[str, ...]  # the outputs that have a gradient
    list_input: bool
    list_output: bool
    rules: dict[str, str]  # those in force: without bars until a complex number is met
    saved: tuple[str, ...]  # the names that the rules mention

    def __init__(
        self,
        signature: str,
        node_name: str | None,
        forward: str,
        rules: dict[str, str],
        *,
        pointwise: bool = False,
        view: bool = False,
        floats: bool = False,
        numbers: bool = False,
        in_place: bool = False,
        domain: str = "real",
        samples: Iterable[str] = (),
        promotes: Iterable[str] = (),
        numbers_first: bool = False,
        keeps: Iterable[str] = (),
        mixed: str = "",
        refuses: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.signature = signature.partition("(")[0], signature
        self.node_name, self.forward, self.complex_rules = node_name, forward, rules
        if conjugates.have_met:
            self.rules = rules
        elif any("conj(" in rule for rule in rules.values()):
            BARRED.append(self)
        self.pointwise, self.view, self.floats, self.numbers = pointwise, view, floats, numbers
        self.in_place, self.domain, self.samples = in_place, domain, tuple(samples)
        self.promotes, self.numbers_first = tuple(promotes), numbers_first
        self.keeps, self.mixed, self.refuses = tuple(keeps), mixed, dict(refuses or {})
        self.nodes: dict[str, type[Node]] = {}
        self.source = ""

    def __getattr__(self, name: str) -> Any:
        """What the signature says, read when first asked for: most programs use few of the ops."""
        if name not in Op.__annotations__:
            raise AttributeError(f"'Op' object has no attribute '{name}'")
        self._read_signature()
        return getattr(self, name)

    def _read_signature(self) -> None:
        match = _SIGNATURE.fullmatch(self.signature)
        assert match, self.signature
        inputs = [word.strip() for word in match[2].split(",") if word.strip()]
        self.list_input = inputs[0].startswith("*")
        self.inputs = tuple(word.lstrip("*").partition("=")[0].strip() for word in inputs)
        arguments = [word.strip().partition("=") for word in (match[3] or "").split(",") if word.strip()]
        self.plain = tuple(name.strip() for name, _, _ in arguments)
        self.defaults = {
            name.strip(): value.strip()
            for name, equals, value in (*(word.partition("=") for word in inputs), *arguments)
            if equals
        }
        outputs = [word.strip() for word in (match[4] or "result").split(",")]
        self.list_output = outputs[0].startswith("*")
        self.outputs = tuple(word.lstrip("*!") for word in outputs)
        self.tracked = tuple(word.lstrip("*") for word in outputs if not word.startswith("!"))
        if "rules" not in self.__dict__:
            self.rules = {name: real_form(rule) for name, rule in self.complex_rules.items()}
        self.saved = self._names_to_save()
        unknown = set(self.rules) - set(self.inputs)
        assert not unknown, f"{self.signature}: neither an input nor an option is called {unknown}"

    @property
    def identifier(self) -> str:
        """The op's name as a Python name: `sum.dim` is `sum_dim`."""
        return self.name.replace(".", "_")

    def _names_to_save(self) -> tuple[str, ...]:
        mentioned = set(_NAME.findall(" ".join(self.rules.values())))
        facts = tuple(f"{name}_{fact}" for name in self.inputs for fact in ("shape", "dtype", "strides"))
        return tuple(n for n in (*self.inputs, *self.outputs, *self.plain, *facts) if n in mentioned)

    def is_optional(self, name: str) -> bool:
        """May the input `name` be None?"""
        return self.defaults.get(name) == "None" or name in ("weight", "bias")

    def needs(self, saved: str) -> tuple[str, ...]:
        """The inputs whose gradient needs the saved value `saved`."""
        return tuple(name for name, rule in self.rules.items() if saved in _NAME.findall(rule))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the op on tensors."""
        return self.front(*args, **kwargs)

    # Each is written and compiled when first asked for, so that `import teachgrad` stays cheap.
    @functools.cached_property
    def front(self) -> Callable[..., Any]:
        """The function on tensors."""
        from teachgrad.ops import writer

        return writer.compile_front(self)

    @functools.cached_property
    def operator(self) -> Callable[..., Any]:
        """The same for `x * other`: returns NotImplemented, as operators do, where `front` raises TypeError."""
        from teachgrad.ops import writer

        return writer.compile_operator(self)

    @functools.cached_property
    def raw(self) -> Callable[..., Any]:
        """The forward computation on bare arrays."""
        from teachgrad.ops import writer

        return writer.compile_raw(self)


class Late:
    """Stands in for an op that nobody has called yet: compiles it at the first use and then steps aside.

    In a namespace it is called; in the class Tensor it is a descriptor, found as a method.
    """

    __slots__ = ("key", "kind", "op", "space")

    def __init__(self, op: Op, kind: str, key: str, space: dict[str, Any] | None = None) -> None:
        self.op, self.kind, self.key, self.space = op, kind, key, space

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compiles the op, puts it in its own place, runs it."""
        function = getattr(self.op, self.kind)
        if self.space is not None and self.space.get(self.key) is self:
            self.space[self.key] = function
        return function(*args, **kwargs)

    def __get__(self, tensor: Any, cls: type) -> Any:
        function = getattr(self.op, self.kind)
        for owner in cls.__mro__:
            if owner.__dict__.get(self.key) is self:
                setattr(owner, self.key, function)
        return function if tensor is None else function.__get__(tensor, cls)


NO_RULE = "no derivative is known"
"""What the pictures say of a rule that only raises PyTorch's refusal."""

_OPTIONS = {*(Op.__init__.__kwdefaults__ or ()), "shown"}


def op(signature: str, node_name: str | None, forward: str, **entry: Any) -> Op:
    """Adds an op to the table and returns it. Keywords that name an input are its rule; the others are options of `Op`.

    `shown` gives, for an input whose rule calls a helper, the formula that the pictures show instead: the same mathematics
    without the special cases. `forward` is an expression over arrays in the namespace RAW; `node_name` None says that the
    op has no gradient. The options:

    pointwise       treats each element alike: arguments broadcast and dtypes promote (the function of that name sets it)
    view            the result shows the memory of `self`
    floats          integers become floats first
    numbers         `other` may be a Python number; numbers_first: `self` may be one
    promotes        names plain arguments that are numbers and take part in promotion
    mixed           names a check in `convert.py` for operands of different dtypes
    refuses         maps dtype kinds that the op has no computation for to PyTorch's name of its kernel, or its message:
                    "b", "fc", ...; "C": complex numbers, which NumPy refuses by itself; "G": a gradient of them
    keeps           plain arguments that PyTorch holds as tensors, so that a second backward fails where it does there
    in_place        there is an in-place form, `name_`
    samples         calls for the tests, compared with PyTorch
    domain          from which numbers the tests of a pointwise op draw: "real", "positive", "unit" or "above one"
    """
    rules = {name: entry.pop(name) for name in list(entry) if name not in _OPTIONS}
    shown = {name: NO_RULE for name, rule in rules.items() if rule.startswith(("no_rule(", "no_derivative("))}
    shown |= entry.pop("shown", {})
    made = Op(signature, node_name, forward, rules, **entry)
    assert made.name not in OPS, f"{made.name} stands in the table twice"
    OPS[made.name] = made
    RAW.setdefault(made.identifier, Late(made, "raw", made.identifier, RAW))
    LIVE[made.identifier] = Late(made, "front", made.identifier, LIVE)
    key = f"{node_name}.alpha" if "alpha" in signature and node_name in ENTRIES else node_name
    if key is not None and key not in ENTRIES:
        ENTRIES[key] = {**rules, **shown}
    return made


def pointwise(signature: str, node_name: str | None, forward: str, *, also: Iterable[str] = (), **entry: Any) -> Op:
    """An op that treats each element alike: arguments broadcast, dtypes promote, Python numbers are welcome.

    It becomes a function and a method of its name (and of the names in `also`), and an in-place method `name_`.
    """
    entry.setdefault("numbers", "other" in signature)
    entry.setdefault("in_place", True)
    made = op(signature, node_name, forward, pointwise=True, **entry)
    if "." not in made.name:
        for name in (made.name, *also):
            FUNCTIONS[name] = METHODS[name] = made
    return made


def public(*names: str, function: bool = True, method: bool = True) -> Callable[[_Face], _Face]:
    """Decorator: makes a plain Python function part of the face, as `torch.name` and as `Tensor.name`."""

    def note(face: _Face) -> _Face:
        for name in names or (face.__name__,):
            LIVE.setdefault(name, face)
            if function:
                FUNCTIONS[name] = face
            if method:
                METHODS[name] = face
        return face

    return note


class Namespace:
    """`F` in a composite rule: the ops as functions of arrays, or of tensors. Its attributes are the names of that space."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__ = names

    def __getattr__(self, name: str) -> Any:
        """A name that nobody has brought yet: its room is shut."""
        if rooms.open_for(name) is None or name not in self.__dict__:
            raise AttributeError(name)
        return self.__dict__[name]


def composite(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes `function(F, ...)` known to the rules by its name. It is written once over `F` and serves arrays and tensors."""
    RAW[function.__name__] = functools.partial(function, Namespace(RAW))
    LIVE[function.__name__] = functools.partial(function, Namespace(LIVE))
    return function


def raw(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes an array function known to forward expressions by its name, which nobody else may have."""
    known = RAW.get(function.__name__)
    assert known is None or isinstance(known, Late) or not hasattr(known, "__code__"), function.__name__
    RAW[function.__name__] = function
    return function
