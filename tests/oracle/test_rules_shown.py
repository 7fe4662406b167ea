"""The formulas in the pictures against the rules that run: as text and read back from LaTeX they give the same numbers.

Every sample line of the op table is run, and lines of its own; each node on top of a result is given a gradient for each
of its outputs. What the formula says, evaluated with the values that the node has kept, must be what the node's rule
returns. Every formula of the table is met, or told in words and listed here with the reason.
"""

from __future__ import annotations

import ast
import re
import warnings

import numpy as np
import pytest

import teachgrad
from oracle.inputs import FACES, call_of, numbers, sample_arrays
from teachgrad.autograd.fit import unbroadcast
from teachgrad.autograd.variable import TensorBase
from teachgrad.ops.table import OPS, RAW
from teachgrad.rulebook import COMPLEX_RULES, RULES
from teachgrad.viz.formulas import READS, rule_for

WORDS = {
    "the op has no derivative, in PyTorch either": {
        "NotImplemented", "Unique2Backward0", "UniqueConsecutiveBackward0", "UniqueDimBackward0",
    },
    "each element has its own case, which one formula cannot say": {
        "AminmaxBackward0", "AngleBackward0", "GluBackward0", "IndexPutBackward0", "IndexReduceBackward0",
        "MultiMarginLossBackward0", "MvlgammaBackward0", "NllLoss2DBackward0", "NllLossBackward0",
        "RenormBackward0", "ScatterReduceBackward0", "StdMeanBackward0", "VarMeanBackward0",
    },
    "needs a quantity with a name of its own, and words to say what it is": {
        "CdistBackward0", "CholeskySolveBackward0", "EmbeddingBagBackward0", "LinalgCholeskyExBackward0",
        "CholeskyBackward0", "LinalgSolveTriangularBackward0", "NativeBatchNormBackward0", "NativeGroupNormBackward0",
        "NativeLayerNormBackward0", "ScaledDotProductFlashAttentionForCpuBackward0", "WeightNormInterfaceBackward0",
    },
    "several lines of matrix algebra, which the code has and a formula would only repeat": {
        "CholeskyInverseBackward0", "LinalgEigBackward0", "LinalgEighBackward0", "LinalgLstsqBackward0",
        "LinalgLuBackward0", "LinalgLuFactorExBackward0", "LinalgLuSolveBackward0", "LinalgMatrixExpBackward0",
        "LinalgPinvBackward0", "LinalgQrBackward0", "LinalgSvdBackward0", "LuUnpackBackward0",
    },
    "a program with loops": {"CtcLossBackward0", "GridSampler2DBackward0", "MkldnnRnnLayerBackward0"},
}  # fmt: skip
"""Why a formula is told in words, and not evaluated -> the nodes that have such a formula."""

SPECIAL = {
    "grad * result / self": "copysign: at 0 the rule says 0; prod: the rule does not divide by 0",
    "expand(grad * result, self_shape, dim, keepdim) / self": "prod: the same",
    "grad / (self * (1 - self))": "logit with eps: where the input was held at a bound the rule says 0",
    "exp(self) * cumsum_from_the_end(grad * exp(-result), dim)": "logcumsumexp: without overflow",
    "cumsum_from_the_end(grad * result, dim) / self": "cumprod: the rule does not divide by 0",
    "where(self == result, grad, 0) / sum(self == result)": "max, min, median: nan counts as equal to nan",
    "spread(grad, self_shape, reduction) * (sigmoid(self) - target)": "cross entropy: without weights of the classes",
    "-solve(A.mT, grad, left) @ solution.mT": "solve: for a vector the product is an outer one, from the right exchanged",
    "sgn(self) * abs(self) ** (ord - 1) * expand(grad / result ** (ord - 1), self_shape, dim, keepdim)":
        "norm: the limit where ord is inf, and 0 where the norm is 0",
}  # fmt: skip
"""Formulas that leave out a special case, which the samples may meet -> which."""

SHARED = {
    "gelu.tanh": "GeluBackward0 is drawn as the exact gelu, of which this is an approximation",
    "convolution_back": "the backward of a backward, under the name of the first",
    "as_strided": "AsStridedBackward0 is what in-place changes of views leave behind, with places instead of steps",
}
"""Ops whose node has the name of another op's, and is drawn with that one's formula -> what it is."""


NAMES = {
    "cumsum_from_the_end", "sum_per_channel", "sum_per_slice", "conv_transpose", "correlate", "count", "spread", "sizes",
    "erfcx", "i1", "i0e", "i1e", "lu_solve", "solve_triangular", "share", "inside", "pick", "like", "len", "slice",
    "col2im", "im2col", "diagonal_backward", "embedding_backward", "select_backward", "slice_backward", "unfold_backward",
}  # fmt: skip
"""What a formula may call besides functions of `torch`: it says itself what it does, or PyTorch's backward calls it."""
_NUMBERED = re.compile(
    r"(adaptive_)?avg_pool\dd_backward|(reflection|replication)_pad\dd(_backward)?|upsample_[a-z_]+\dd(_aa)?"
)
"""More of PyTorch's own."""


# -- LaTeX, back to Python -------------------------------------------------------------------------------------
_COMMANDS = {
    r"\cdot": "*", r"\,": "@", r"\bmod": "%", r"\le": "<=", r"\ge": ">=", r"\ne": "!=", r"\pi": "pi", r"\left[": "(",
    r"\right]": ")", r"\left(": "(", r"\right)": ")", r"\left|": "abs(", r"\right|": ")", "=": "==",
}  # fmt: skip
_TOKEN = re.compile(
    r"\\begin\{cases\}|\\end\{cases\}|\\left[\[(|]|\\right[\])|]|\\[a-zA-Z]+|\\[,\\]|[0-9.]+(?:e-?[0-9]+)?|[A-Za-z_]+|\S"
)


class Reader:
    """Reads the LaTeX that `formulas.latex` writes, which has no ambiguities, as the Python that it came from."""

    def __init__(self, text):
        self.verbatim = []

        def keep(match):
            self.verbatim.append(re.sub(r"\\([_#%&{}$])", r"\1", match[2]))
            return f"\\{match[1]}@{len(self.verbatim) - 1}@"

        text = re.sub(r"\\(mathtt|mathrm|operatorname|text)\{((?:\\.|[^{}\\])*)\}", keep, text)
        self.tokens = re.findall(r"\\(?:mathtt|mathrm|operatorname|text)@\d+@|" + _TOKEN.pattern, text)
        self.place = 0

    def next(self):
        self.place += 1
        return self.tokens[self.place - 1]

    def peek(self):
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def until(self, *ends):
        """The Python of all tokens up to one of `ends`, which is read too."""
        parts = []
        while self.peek() not in ends:
            parts.append(self.piece(parts))
        if ends != ("",):
            self.next()
        return " ".join(parts)

    def group(self):
        assert self.next() == "{"
        return self.until("}")

    def piece(self, parts):
        token = self.next()
        if token.startswith((r"\mathtt@", r"\mathrm@", r"\operatorname@")):
            return f" {self.verbatim[int(token.split('@')[1])]} "
        if token == r"\frac":
            return f"(({self.group()}) / ({self.group()}))"
        if token == r"\sqrt":
            return f"sqrt({self.group()})"
        if token == r"\overline":
            return f"conj({self.group()})"
        if token == r"\bar":
            assert self.group() == "result"
            return "grad"
        if token == "r":
            return "result"
        if token == "e" and self.peek() == "^":
            self.next()
            return f"exp({self.group()})"
        if token == "^":
            if self.tokens[self.place : self.place + 3] == ["{", r"\top", "}"]:
                self.place += 3
                return ".mT"
            return f"** ({self.group()})"
        if token == r"\begin{cases}":
            yes, condition = self.until("&"), self.until(r"\\")
            no = self.until("&")
            self.until(r"\end{cases}")
            return f"where({condition}, {yes}, {no})"
        if token.startswith(r"\text@"):
            return ""
        return _COMMANDS.get(token, token.removeprefix("\\"))


def python_of(latex):
    return Reader(latex).until("")


def test_reading_latex():
    for text in (
        "grad * (1 - result * result)", "where(self > 0, grad, 0)", "-grad / (other * other)", "grad - (self - other)",
        "grad * exponent * self ** (exponent - 1)", "exp(-self) / sqrt(abs(self))", "2 ** self * -grad", "grad @ other.T",
    ):  # fmt: skip
        RULE = rule_for("N", "self", {}, {"N": {"self": text}})
        space = {"grad": 2.0, "result": 0.3, "self": 1.5, "other": 0.7, "exponent": 3.0}
        if "@" not in text:
            assert eval(python_of(RULE.latex), dict(RAW, **space)) == pytest.approx(eval(text, dict(RAW, **space)))
    assert re.sub(r"\s", "", python_of(rule_for("N", "x", {}, {"N": {"x": "grad @ other.T"}}).latex)) == "grad@other.mT"


# -- the nodes of all samples ----------------------------------------------------------------------------------
def back(function, tensor):
    """The gradient of `tensor`, with a graph: the node on top of it is that of the op's backward."""
    result = function(tensor)
    grad = teachgrad.tensor(gradient_like(result), requires_grad=True)
    return teachgrad.autograd.grad(result, tensor, grad, create_graph=True)[0]


TWICE = [
    "back(lambda t: F.avg_pool2d(t, 2), b)", "back(lambda t: F.avg_pool3d(t, 2), b[None])",
    "back(lambda t: F.max_pool2d(t, 2), b)", "back(lambda t: torch.diagonal(t), m)",
    "back(lambda t: F.embedding(i, t), x)", "back(lambda t: t[i], x)", "back(lambda t: t[0], x)",
    "back(lambda t: t[:, 1:], x)", "back(lambda t: t.unfold(0, 2, 1), v)", "back(torch.relu, x)",
    "back(lambda t: t.masked_scatter(mask, x), y)", "back(lambda t: x.masked_scatter(mask, t), y)",
    "back(torch.view_as_real, torch.view_as_complex(k[:, :2].contiguous()))", "torch.view_as_complex(k[:, :2] * 1)",
    "back(lambda t: F.pad(t, (1, 1), 'reflect'), x)", "back(lambda t: F.pad(t, (1, 1), 'replicate'), x)",
    "back(lambda t: F.pad(t, (1, 1, 1, 1), 'reflect'), b)", "back(lambda t: F.pad(t, (1, 1, 1, 1), 'replicate'), b)",
    "back(lambda t: F.pad(t, (1, 1, 1, 1, 1, 1), 'reflect'), b[None])",
    "back(lambda t: F.pad(t, (1, 1, 1, 1, 1, 1), 'replicate'), b[None])",
]  # fmt: skip
"""Lines whose gradient has a node of its own."""

ONCE_MORE = [
    "torch.sub(x, 2, alpha=3)", "torch.add(x, 2)", "torch.sub(x, 2)", "torch.mul(x, 2)", "torch.rsub(x, y, alpha=2)",
    "torch.rsub(x, 2, alpha=2)", "(x * 1).bernoulli_()", "(x * 1).bernoulli_(torch.full((2, 3), 0.5))",
    "(x * 1).bernoulli_(torch.sigmoid(y))", "torch.bernoulli(torch.sigmoid(x))", "(x * 1).cauchy_()",
    "(p * 1).geometric_(0.5)", "(x * 1).log_normal_()", "(x * 1).random_()", "(x * 1).random_(3)",
    "torch.normal(x, 1.0)", "torch.normal(0.0, p)", "torch.normal(x, p)",
    "F.binary_cross_entropy(torch.sigmoid(x), torch.sigmoid(y))",
    "F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), reduction='none')", "F.batch_norm(b, None, None, v, u, True)",
    "OPS['trilinear'](x, m[None], y)", "OPS['safe_softmax'](x, 1)",
    "OPS['add.scalar'](x, 2)", "OPS['sub.scalar'](x, 2)", "OPS['mul.scalar'](x, 2)", "(x * 1).random_(1, 5)",
    "OPS['read_flat'](x, np.array([0, 2, 5]))", "OPS['write_flat'](x, v, np.array([0, 2, 5]))",
    "OPS['index_put_impl'](x, v, (np.array([1, 0]),))",
]  # fmt: skip
"""Lines for nodes that no sample of the table has on top."""


def graphs():
    """(line, tensors) for all samples and the lines above; `back` is among what a line may name."""
    lines = [line for op in OPS.values() for line in op.samples] + FACES + TWICE + ONCE_MORE
    for line in dict.fromkeys(lines):
        yield (
            line,
            {name: teachgrad.tensor(a, requires_grad=True) for name, a in sample_arrays("float64")[0].items()}
            | {name: teachgrad.tensor(a) for name, a in sample_arrays()[1].items()},
        )
    for op in OPS.values():
        if op.pointwise and op.node_name and not op.samples:
            arrays = {n: numbers(f"{op.name}{n}", (2, 3), "float64", op.domain) for n in "AB"[: len(op.inputs)]}
            mask = teachgrad.arange(6).reshape(2, 3) % 2 == 0
            yield call_of(op), {n: teachgrad.tensor(a, requires_grad=True) for n, a in arrays.items()} | {"C": mask}


def nodes_of(line, tensors):
    """(node, its outputs by number) for each node on top of a line's results."""
    space = dict(tensors, torch=teachgrad, F=teachgrad.nn.functional, np=np, back=back, OPS=OPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = eval(line, space)
        except Exception:  # noqa: BLE001 - samples of errors
            return []
    met, stack = {}, [result]
    while stack:
        each = stack.pop()
        if isinstance(each, TensorBase):
            if each.grad_fn is not None:
                met.setdefault(each.grad_fn, {})[each.output_nr] = each
        elif isinstance(each, tuple | list):
            stack.extend(each)
    return list(met.items())


def in_words(text):
    """Is this formula told in words?"""
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return True
    return False


def value(item):
    return item._data if isinstance(item, TensorBase) else item


def gradient_like(tensor, number=0):
    """A gradient for `tensor`, without ties, zeros or a sign that changes; a different one for each output."""
    data = np.asarray(tensor._data)
    grad = (np.cos(np.arange(1, data.size + 1) * 0.7 + number).reshape(data.shape) + 1.5).astype(data.dtype)
    return grad[()]


def agree(says, runs):
    """Is what a formula says what the rule returns, when summed to its shape as edges do? Lists element by element."""
    if isinstance(runs, list | tuple):
        return len(says) == len(runs) and all(agree(s, r) for s, r in zip(says, runs, strict=True) if r is not None)
    runs = np.asarray(runs)
    says = np.broadcast_to(says, np.broadcast_shapes(np.shape(says), runs.shape))
    return np.allclose(unbroadcast(says, runs.shape, runs.dtype), runs, rtol=1e-5, atol=1e-6, equal_nan=True)


def compare(node, outputs, found):
    """Notes in `found` each formula of `node` that was evaluated, and whether it agrees with the rule."""
    op = next((op for op in OPS.values() if type(node) in op.nodes.values()), None)
    if op is None or op.name in SHARED or node.saved is None:
        return
    grads = [gradient_like(outputs[i], i) if i in outputs else None for i in range(node.outputs)]
    is_complex = any(np.iscomplexobj(item._data) for item in outputs.values())
    book = COMPLEX_RULES if is_complex else RULES
    several = op.list_output or len(op.tracked) > 1
    values = {n: value(v) for n, v in zip(node.saved_names, node.saved, strict=True)}
    entry = f"{node.name()}.alpha" if values.get("alpha", 1) != 1 else node.name()
    entry = entry if entry in book else node.name()
    shapes = {f"{n}_shape": np.shape(v) for n, v in values.items() if n in op.inputs and not op.list_input}
    space = dict(RAW, pi=np.pi, **shapes | values, **({"grads": grads} if several else {"grad": grads[0]}))
    with np.errstate(all="ignore"):
        try:
            gradients = node.vjp(grads if several else grads[0], True)
        except (NotImplementedError, RuntimeError):  # an op without a derivative
            return
        inputs = [name for name in op.inputs if name in op.rules]
        wanted = [edge is not None for edge in node.edges]
        pairs = [(inputs[0], list(gradients))] if op.list_input else list(zip(inputs, gradients, strict=False))
        for (name, runs), wants in zip(pairs, [any(wanted)] if op.list_input else wanted, strict=False):
            rule = rule_for(node.name(), name, values, book)
            if not wants or runs is None or rule is None or in_words(rule.text):
                continue
            key = (entry, name, rule.text)
            read = {READS[n]: RAW[n] for n in re.findall(r"\w+", book[entry][name]) if n in READS}
            for form in (rule.text, python_of(rule.latex)):
                try:
                    says = eval(form.strip(), space | read)
                    fits = agree(says, runs)
                except Exception as error:  # noqa: BLE001 - a formula that cannot be evaluated is a finding
                    found.setdefault(key, set()).add(f"{type(error).__name__}: {error} in {form}")
                    continue
                found.setdefault(key, set()).add("" if fits else f"{form} says {says}, the rule {runs}")


def test_formulas_say_what_rules_do():
    found = {}
    for line, tensors in graphs():
        for node, outputs in nodes_of(line, tensors):
            compare(node, outputs, found)
    wrong = {key: said - {""} for key, said in found.items() if said - {""}}
    wrong = {key: said for key, said in wrong.items() if key[2] not in SPECIAL or "" not in found[key]}
    report = "\n".join(f"{key}: {sorted(said)[:2]}" for key, said in wrong.items())
    assert not wrong, f"{len(wrong)} of {len(found)}:\n{report}"
    one = {(node, name) for node, rules in RULES.items() for name, text in rules.items() if not in_words(text)}
    met = {(entry, name) for entry, name, _ in found}
    assert one == met, sorted(one ^ met)


def test_names_in_formulas_can_be_known():
    """A formula names arguments, what `torch` offers and what NAMES lists; the bar of complex numbers only for those."""
    arguments = {entry: {"grad", "grads", "result", "pi"} for entry in RULES}
    for op in OPS.values():
        if op.node_name is not None:
            facts = {f"{name}_{fact}" for name in op.inputs for fact in ("shape", "dtype")}
            arguments[op.node_name] |= {*op.inputs, *op.plain, *op.outputs} | facts
    faces = (teachgrad, teachgrad.nn.functional, teachgrad.special, teachgrad.linalg, teachgrad.Tensor)
    unknown, called = [], set()
    for entry, rules in RULES.items():
        for name, text in rules.items():
            rule = rule_for(entry, name, {})
            assert "conj" not in text and "overline" not in rule.latex
            if in_words(text):
                continue
            names = {node.id for node in ast.walk(ast.parse(rule.text)) if isinstance(node, ast.Name)}
            names -= arguments[entry.removesuffix(".alpha")]
            called |= names
            unknown += [
                (entry, n)
                for n in names - NAMES
                if not _NUMBERED.fullmatch(n) and not any(hasattr(face, n) for face in faces)
            ]
    assert not unknown
    assert called >= NAMES, NAMES - called


def test_words_and_exceptions_are_used():
    """No list above names what is not there any more."""
    assert {node for node, rules in RULES.items() if any(map(in_words, rules.values()))} == set().union(*WORDS.values())
    texts = {text for rules in RULES.values() for text in rules.values()}
    tidy = {rule_for("N", "x", {}, {"N": {"x": text}}).text for text in texts}
    assert set(SPECIAL) <= tidy and set(SHARED) <= set(OPS)
