"""A machine that does anything to tensors, in both libraries at once: after each step all that one can see is the same.

A step is a line of Python over the tensors made so far: a new tensor, a view, an in-place change, `out=`, a mode, a hook,
`retain_grad`, backward, `autograd.grad`, `del`. Each is run by teachgrad and by PyTorch, and then every tensor alive is
compared: numbers, `.grad`, version, `is_leaf`, `requires_grad`, whose view it is, the whole graph behind it by names, what
the hooks saw, and the first line of the error if there was one (after which nothing may have changed either).

    python -m oracle.test_states 2000      # from tests/, for more than the suite has time for: so many stories
"""

from __future__ import annotations

import re
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import HealthCheck, Phase, settings  # noqa: E402 - after the skip
from hypothesis import strategies as st  # noqa: E402
from hypothesis.internal.conjecture import providers  # noqa: E402
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test  # noqa: E402

import teachgrad  # noqa: E402
from oracle.compare import first_line, make, outcome, skeleton  # noqa: E402
from oracle.inputs import numbers  # noqa: E402

SHAPES = [(2, 3), (3,), (), (3, 3), (2, 1), (1, 3), (2, 2, 3)]
DTYPES = ["float32", "float32", "float64", "int64"]
MODES = ["", "", "", "", "torch.no_grad()", "torch.enable_grad()", "torch.inference_mode()",
         "torch.set_grad_enabled(False)", "torch.set_grad_enabled(True)", "torch.inference_mode(False)"]  # fmt: skip

VIEWS = [
    "{a}[0]", "{a}[-1]", "{a}[1:]", "{a}[..., 0]", "{a}[..., ::2]", "{a}[None]", "{a}[:]", "{a}[0:1]", "{a}.t()",
    "{a}.T", "{a}.mT", "{a}.view(-1)", "{a}.view({b}.shape)", "{a}.reshape(-1)", "{a}.reshape({b}.shape)",
    "{a}.unsqueeze(0)", "{a}.unsqueeze(-1)", "{a}.squeeze()", "{a}.squeeze(0)", "{a}.transpose(0, 1)",
    "{a}.transpose(0, -1)", "{a}.permute(1, 0)", "{a}.flatten()", "{a}.unbind(0)[0]", "{a}.unbind(-1)[1]",
    "{a}.chunk(2)[1]", "{a}.split(1)[0]", "{a}.split([1, 2], -1)[1]", "{a}.tensor_split(2)[0]", "{a}.detach()",
    "{a}.data", "{a}.diagonal()", "{a}.expand(2, 3)", "{a}.expand({b}.shape)", "{a}.expand_as({b})",
    "{a}.narrow(0, 0, 1)", "{a}.select(-1, 0)", "{a}.view_as({b})", "{a}.movedim(0, -1)", "{a}.swapaxes(0, 1)",
    "{a}.unflatten(0, (-1, 1))", "{a}.contiguous()", "{a}.broadcast_to({b}.shape)", "{a}.real", "{a}.alias_name",
    "{a}.view_as({a})", "{a}.requires_grad_()[0]",
]  # fmt: skip
VIEWS.remove("{a}.alias_name")
NEW = [
    "{a} * 0.5", "{a} + {b}", "{a} * {b}", "{a}.tanh()", "{a}.exp()", "{a}.sigmoid()", "-{a}", "{a}.clone()",
    "{a}.sum(0)", "{a}.sum()", "{a}.max()", "{a}.mean()", "{a}[[0, 1]]", "{a}[{a} > 0]", "{a} / {b}", "{a} - 1",
    "{a}.float()", "{a}.double()", "{a}.to(torch.float64)", "torch.where({a} > 0, {a}, {b})", "{a} @ {b}", "{a} ** 2",
    "{a}.relu()", "{a}.abs()", "torch.cat([{a}, {b}])", "{a}.prod()", "{a}.max(-1)[0]",
    "torch.zeros_like({a})", "{a}.clamp(-0.5, 0.5)", "{a}.masked_fill({a} > 0, 0.5)", "{a}.requires_grad_() * 2",
    "{a}.detach().requires_grad_()", "{a}.sqrt()", "{a} > 0", "{a}.index_select(0, torch.tensor([1, 0]))",
]  # fmt: skip
CHANGES = [
    "{a}.mul_(0.5)", "{a}.add_({b})", "{a}.mul_({b})", "{a}.sub_({b}, alpha=2)", "{a}.div_({b})", "{a}.tanh_()",
    "{a}.exp_()", "{a}.sigmoid_()", "{a}.relu_()", "{a}.neg_()", "{a}.abs_()", "{a}.zero_()", "{a}.copy_({b})",
    "{a}.fill_(0.25)", "{a}.fill_({b})", "{a}.clamp_(-0.5, 0.5)", "{a}.clamp_(min=0.1)", "{a}[0] = 0.5",
    "{a}[..., 0] = 0.25", "{a}[0] = {b}[0]", "{a}[...] = {b}", "{a}[:] = {b}", "{a}[1:] *= 0.5",
    "{a}[..., 0].add_(0.5)", "{a}.view(-1).mul_(0.5)", "{a}.t().add_(0.5)", "{a}[{a} > 0] = 0.5", "{a}[{a} > 0] *= 0.5",
    "{a}[[0, 1]] = 0.5", "{a}[torch.tensor([0, 0])] = {b}", "{a}.masked_fill_({a} > 0, 0.1)",
    "{a}.detach().mul_(0.5)", "{a}.data.mul_(0.5)", "{a}.unbind(0)[0].mul_(0.5)", "{a}.pow_(2)", "{a}.t_()",
    "{a}.unsqueeze_(0)", "{a}.squeeze_()", "{a}.transpose_(0, 1)", "torch.manual_seed(0); {a}.normal_()",
    "torch.manual_seed(1); {a}.uniform_()", "{a}.diagonal().add_(1)", "{a}.expand(2, 3).add_(1)",
    "{a}.index_fill_(0, torch.tensor([0]), 0.5)", "{a}.round_()",
    "{a}.sqrt_()", "{a}.index_add_(0, torch.tensor([0]), {b})", "{a}.scatter_(0, torch.tensor([[0]]), 0.5)",
    "torch.relu_({a})", "torch.add({a}, {b}, out={c})", "torch.mul({a}, 2, out={c})", "torch.exp({a}, out={c})",
    "torch.sum({a} * 1, 0, out={c})", "torch.cat([{a} * 1, {b} * 1], out={c})", "torch.neg({a}, out={c})",
]  # fmt: skip
OPERATORS = ["{a} += 1", "{a} *= {b}", "{a} -= {b}", "{a} /= 2", "{a} **= 2"]
STATE = [
    "{a}.retain_grad()", "{a}.requires_grad_()", "{a}.requires_grad_(False)", "{a}.requires_grad = True", "{a}.detach_()",
    "{a}.grad = None", "{a}.grad.zero_()", "{a}.grad = torch.ones_like({a})", "{a}.grad.mul_(2)",
    "{a}.is_inference() or {a}._is_view() or setattr({a}, 'data', {a}.detach() * 0.5)",
]  # fmt: skip
BACKWARD = [
    "{a}.sum().backward()", "{a}.backward()", "{a}.backward(torch.ones_like({a}))", "({a} * {b}).sum().backward()",
    "{a}.sum().backward(retain_graph=True)", "{a}.sum().backward(create_graph=True)",
    "({a} ** 2).sum().backward(inputs=[{b}])", "{a}.sum().backward(inputs=[{b}], retain_graph=True)",
    "torch.autograd.backward([{a}.sum(), {b}.sum()])",
    "torch.autograd.backward([{a}, {b}], [{a}.cos().detach(), {b}.cos().detach()])",
]  # fmt: skip
GRADS = [
    "torch.autograd.grad({a}.sum(), {b})[0].clone()", "torch.autograd.grad({a}, {b}, {a}.detach())[0].clone()",
    "torch.autograd.grad({a}.sum(), {b}, retain_graph=True)[0].clone()",
    "torch.autograd.grad({a}.sum(), {b}, create_graph=True)[0].clone()",
    "torch.autograd.grad({a}.exp().sum(), [{b}, {c}], allow_unused=True, create_graph=True)[0].clone()",
    "torch.autograd.grad({a}.sum(), [{b}, {c}], allow_unused=True)[1].clone()",
    "torch.autograd.grad({a}.sum(), {b}, materialize_grads=True, create_graph=True)[0].clone()",
]  # fmt: skip
HOOKS = [
    "{a}.register_hook(watch)", "{a}.register_hook(lambda g: g * 2)", "{a}.register_hook(watch).remove()",
    "{a}.register_post_accumulate_grad_hook(watch)", "{a}.grad_fn.register_hook(watch_all)",
    "{a}.grad_fn.register_prehook(watch_all)",
    "torch.autograd.graph.register_multi_grad_hook([{a}, {b}], watch_all)", "{a}.register_hook(fail)",
]  # fmt: skip


ENDS = (
    "Inplace update to inference tensor outside InferenceMode",  # which PyTorch says when it has made the change
    "is out of bounds for dimension",  # PyTorch may have written some elements by then; we none
    "setStorage",  # PyTorch's memory stays as large as it once was
    "more than one element of the written-to tensor",  # of an expanded tensor; PyTorch sometimes warns and does it
)
"""Errors after which a story is over, as after any failed `out=`: both refuse, but PyTorch has changed something by then."""
ANY_ORDER = (
    "its base or another view of its base has been modified inplace",
    "some elements of the input tensor and the written-to tensor",
    "m1 and m2 to have the same dtype",
    "invalid index of a 0-dim tensor",
    "index_add_()",
    "expand(",
    "Inference tensors cannot be saved",
    "source tensor shape must match",
)
"""What a line with two mistakes may be told first."""


def array_of(tensor):
    """The numbers, copied: PyTorch does not resize memory that NumPy has seen."""
    return np.array(tensor.detach().clone().numpy() if isinstance(tensor, torch.Tensor) else tensor._data)


class Space:
    """The names of one library, and what its hooks have seen."""

    def __init__(self, library):
        self.log = []
        self.names = {"torch": library, "watch": self.watch, "watch_all": self.watch_all, "fail": self.fail}

    def watch(self, grad):
        self.log.append(array_of(grad))

    def watch_all(self, *grads):
        for part in grads:
            self.log += [None if g is None else array_of(g) for g in part]

    def fail(self, grad):
        raise ValueError("a hook that raises")

    def run(self, line):
        log = len(self.log)
        _, error = outcome(lambda: exec(line, self.names))
        return None if error is None else (type(error).__name__, first_line(error)), self.log[log:]

    def tensors(self):
        return {n: t for n, t in self.names.items() if n.startswith("t") and n[1:].isdigit()}


def facts_of(tensor, others):
    """What one can see of a tensor."""
    facts = {"version": outcome(lambda: tensor._version), "requires_grad": tensor.requires_grad}
    facts["version"] = facts["version"][0] if facts["version"][1] is None else first_line(facts["version"][1])
    leaf, error = outcome(lambda: tensor.is_leaf)
    facts["is_leaf"] = leaf if error is None else first_line(error)
    facts["graph"] = skeleton(tensor) if error is None else None
    facts["output_nr"] = tensor.output_nr
    facts["inference"] = tensor.is_inference()
    base = tensor._base
    facts["view of"] = [name for name, other in others.items() if other is base]
    facts["is view"] = tensor._is_view()
    facts["dtype"] = str(tensor.dtype)
    facts["shape"] = tuple(tensor.shape)
    if tensor._is_view():
        facts["strides"] = [s for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1 and tensor.numel()]
    facts["values"] = array_of(tensor)
    gradient = tensor.grad if error is None and (leaf or tensor.retains_grad) else None
    facts["grad"] = None if gradient is None else array_of(gradient)
    return facts


def agree(one, other):
    if isinstance(other, np.ndarray):
        if not isinstance(one, np.ndarray) or one.shape != other.shape or one.dtype != other.dtype:
            return False
        return np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)
    if isinstance(other, list) and isinstance(one, list):
        return len(one) == len(other) and all(map(agree, one, other))
    return not isinstance(one, np.ndarray) and one == other


COUNT = [0]
STORIES = 290


class States(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.begin()

    def begin(self):
        self.spaces = [Space(teachgrad), Space(torch)]
        self.story = []
        self.made = 0
        self.began = {}
        self.doubled = False
        for shape, dtype, wants in (((2, 3), "float32", True), ((2, 3), "float32", False), ((3,), "float32", True)):
            self.make(shape, dtype, wants)

    def make(self, shape, dtype, wants):
        name = self.new_name()
        array = numbers(name, shape, dtype)
        for space, library in zip(self.spaces, (teachgrad, torch), strict=True):
            leaf = make(library, array)  # a copy, since PyTorch cannot resize NumPy's memory
            space.names[name] = (leaf if library is teachgrad else leaf.clone()).requires_grad_(
                wants and dtype != "int64"
            )
        self.story.append(f"{name} = numbers({shape}, {dtype}, {wants})")

    def new_name(self):
        self.made += 1
        return f"t{self.made - 1}"

    def pick(self, line, dice):
        names = list(self.spaces[1].tensors())[::-1]
        a, b, c = (names[dice // 8**place % 8 % len(names)] for place in range(3))
        return line.format(a=a, b=b, c=c)

    def step(self, line, mode="", new=None):
        text = f"{new} = {line}" if new else line
        if mode:
            text = f"with {mode}: {text}"
        self.doubled |= "create_graph" in line
        inference = [name for name, tensor in self.spaces[1].tensors().items() if tensor.is_inference()]
        used = set(re.findall(r"t\d+", line))
        if used & set(inference) and re.search(r"data|detach|requires_grad", line):
            return  # PyTorch: half an inference tensor
        COUNT[0] += 1
        self.story.append(text)
        mine, theirs = self.spaces
        shapes = {name: tensor.shape for name, tensor in theirs.tensors().items()}
        my_error, my_log = mine.run(text)
        their_error, their_log = theirs.run(text)
        both = f"{my_error} {their_error}"
        if (
            any(words in both for words in ENDS)
            or (my_error and their_error and ("out=" in line or "register_hook" in line))
            or ("out=" in line and any(shapes[name] != tensor.shape for name, tensor in theirs.tensors().items()))
        ):  # what else shows the memory of a resized tensor sees it change in PyTorch
            self.begin()
            return
        if my_error and their_error and any(words in both for words in ANY_ORDER):
            my_error = their_error
        assert my_error == their_error, self.told(f"error {my_error}, PyTorch {their_error}")
        assert agree(my_log, their_log), self.told(f"hooks saw {my_log}, PyTorch's {their_log}")
        ours = mine.tensors()
        fresh = theirs.names.get(new)
        if (
            isinstance(fresh, torch.Tensor)
            and not fresh.is_inference()
            and not any(
                name != new and other.untyped_storage().data_ptr() == fresh.untyped_storage().data_ptr()
                for name, other in theirs.tensors().items()
            )
        ):
            self.began[new] = fresh._version  # some ops of PyTorch count their own writing
        for name, tensor in list(theirs.tensors().items()):
            if not isinstance(tensor, torch.Tensor):
                assert not isinstance(ours[name], teachgrad.Tensor), self.told(f"{name} is no tensor in PyTorch")
                del theirs.names[name], mine.names[name]
                continue
            seen, wanted = facts_of(ours[name], ours), facts_of(tensor, theirs.tensors())
            if isinstance(wanted["version"], int):
                wanted["version"] -= self.began.get(name, 0)
            if self.doubled and wanted["graph"]:  # a backward written down has other nodes here
                wanted["graph"], seen["graph"] = wanted["graph"][0].split("#")[0], seen["graph"][0].split("#")[0]
            for fact, value in wanted.items():
                assert agree(seen[fact], value), self.told(f"{name}, {fact}: {seen[fact]}, PyTorch {value}")

    def told(self, what):
        return "\n".join([*self.story, what])

    dice = st.integers(0, 8**3 * len(MODES) - 1)  # one throw decides about three tensors and a mode: quicker than four

    @rule(shape=st.sampled_from(SHAPES), dtype=st.sampled_from(DTYPES), wants=st.booleans())
    @precondition(lambda self: len(self.spaces[1].tensors()) < 8)
    def new_leaf(self, shape, dtype, wants):
        self.make(shape, dtype, wants)

    @rule(line=st.sampled_from(VIEWS), dice=dice)
    def view(self, line, dice):
        self.step(self.pick(line, dice), MODES[dice // 8**3], self.new_name())

    @rule(line=st.sampled_from(NEW), dice=dice)
    def new(self, line, dice):
        self.step(self.pick(line, dice), MODES[dice // 8**3], self.new_name())

    @rule(line=st.sampled_from(CHANGES), dice=dice)
    def change(self, line, dice):
        self.step(self.pick(line, dice), MODES[dice // 8**3])

    @rule(line=st.sampled_from(OPERATORS), dice=dice)
    def operator(self, line, dice):
        self.step(self.pick(line, dice), MODES[dice // 8**3])

    @rule(line=st.sampled_from(STATE), dice=dice)
    def state(self, line, dice):
        self.step(self.pick(line, dice), "" if "'data'" in line else MODES[dice // 8**3])

    @rule(line=st.sampled_from(BACKWARD), dice=dice)
    def backward(self, line, dice):
        self.step(self.pick(line, dice))

    @rule(line=st.sampled_from(GRADS), dice=dice)
    def grad(self, line, dice):
        self.step(self.pick(line, dice), new=self.new_name())

    @rule(line=st.sampled_from(HOOKS), dice=dice)
    def hook(self, line, dice):
        self.step(self.pick(line, dice))

    @rule(dice=dice)
    @precondition(lambda self: len(self.spaces[1].tensors()) > 3)
    def forget(self, dice):
        self.step(self.pick("del {a}", dice))


def run(stories, steps, **how):
    """So many random stories of at most so many steps each; returns how many steps were done."""
    COUNT[0] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_state_machine_as_test(
            States,
            settings=settings(
                max_examples=stories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                **how,
            ),
        )
    return COUNT[0]


@pytest.mark.slow
def test_ten_thousand_steps(capsys, monkeypatch):
    """The same stories each time (`derandomize`); by hand, the file tells new ones.

    Hypothesis also draws numbers that it finds in the source of whatever modules are loaded: without them, so that the
    stories do not depend on which tests ran before.
    """
    nothing = type(providers._local_constants)()
    monkeypatch.setattr(providers, "_get_local_constants", lambda: nothing)
    steps = run(STORIES, 40, derandomize=True, phases=[Phase.generate])
    with capsys.disabled():
        sys.stdout.write(f"\n{steps} steps, each the same in PyTorch\n")
    assert steps >= 10_000


if __name__ == "__main__":
    sys.stdout.write(f"{run(int(sys.argv[1]), 40, phases=[Phase.generate, Phase.shrink])} steps, each the same\n")
