"""Lines for the functions that make tensors from nothing, and for others that are no entries of the op table."""

from __future__ import annotations

SEEDED = "(torch.manual_seed({}), {})[1]"

LINES = [
    "torch.tensor([[1, 2], [3, 4.5]])", "torch.tensor(np.array([1, 2], np.int32))", "torch.tensor([True, 2])",
    "torch.tensor([])", "torch.tensor([[1, 2], [3]])", "torch.as_tensor([1., 2.])",
    "torch.as_tensor(i, dtype=torch.float64)", "torch.as_tensor(x)", "torch.from_numpy(np.array([1., 2.]))",
    "torch.asarray([1, 2])", "torch.asarray(x, copy=True)", "torch.scalar_tensor(2)", "torch.zeros(2, 3)",
    "torch.zeros((2, 3), dtype=torch.int64)", "torch.ones(size=(2,))", "torch.full((2, 2), 7)",
    "torch.full((2,), 0.5)", "torch.empty(2, 3).shape", "torch.eye(2, 3)", "torch.eye(2, dtype=torch.int64)",
    "torch.zeros_like(x)", "torch.ones_like(i, dtype=torch.float32)", "torch.full_like(x, 2)",
    "torch.empty_like(x).shape", "x.new_zeros(2, 3)", "x.new_ones((2,), dtype=torch.int32)", "i.new_full((2,), 3.5)",
    "x.new_tensor([1, 2])", "x.new_empty(2).shape", "torch.arange(5)", "torch.arange(1, 2.5, 0.5)",
    "torch.arange(5, 1, -2)", "torch.arange(-3, 3, 0.01)", "torch.arange(0, 5, step=2)", "torch.arange(5, 1)",
    "torch.arange(1, 5, 0)", "torch.arange(3, dtype=torch.float64)", "torch.linspace(0, 1, 11)",
    "torch.linspace(-5, 5, 100)", "torch.linspace(0, 10, 4, dtype=torch.int64)", "torch.linspace(3, 3, 1)",
    "torch.linspace(0, 1, -1)", "torch.logspace(0, 2, 5)", "torch.logspace(0, 4, 5, base=2)",
    "torch.tril_indices(3, 4)", "torch.triu_indices(2, 3, 1)", "torch.Tensor([1, 2])", "torch.Tensor(2, 3).shape",
    "torch.FloatTensor([[1], [2]])", "torch.LongTensor([1.5])", "torch.set_default_tensor_type(torch.FloatTensor)",
    "x.new([1, 2])", "torch.is_tensor(x)", "torch.numel(x)", "torch.is_floating_point(x)", "torch.is_complex(x)",
    "torch.is_nonzero(s)", "torch.real(x)", "torch.imag(torch.complex(v, u))", "torch.imag(x)",
    "torch.real(torch.complex(x, v))", "torch.nonzero(x > 0)", "x.nonzero(as_tuple=True)", "torch.argwhere(mask)",
    "torch.isin(idx, i)", "torch.isin(i, 1, invert=True)", "torch.bincount(idx.flatten())",
    "torch.bincount(labels, weights=i.double(), minlength=5)", "labels.bincount(minlength=2)", "torch.bincount(idx)",
    "torch.searchsorted(torch.arange(5.), x)", "torch.searchsorted(torch.arange(5), 2, right=True)",
    "torch.searchsorted(torch.arange(6.).view(2, 3), x)", "torch.bucketize(x, torch.tensor([-1., 0., 1.]))",
    "torch.meshgrid(v, u, indexing='ij')", "torch.meshgrid(v, x[0, :2], indexing='xy')",
    "torch.meshgrid(x, v, indexing='zz')", "torch.Generator().manual_seed(5).get_state()",
    "torch.rand(20, generator=torch.Generator().manual_seed(5))", "torch.rand(2, dtype=torch.int64)",
    "torch.randn(2, 3, generator=torch.Generator().manual_seed(5))",
    "torch.randint(7, (2, 3), generator=torch.Generator().manual_seed(5))", "torch.randint(5, 1, (2,))",
    "torch.randint(5, 2)", "torch.randperm(9, generator=torch.Generator().manual_seed(5))",
    "torch.normal(v.detach(), 2., generator=torch.Generator().manual_seed(5))", "torch.normal(0., 1.)",
    "torch.bernoulli(p.detach() / 4, generator=torch.Generator().manual_seed(5))",
    "torch.multinomial(p.detach(), 2, generator=torch.Generator().manual_seed(5))",
    "torch.multinomial(p.detach(), 4)", "torch.seed() > 0", "torch.set_rng_state([1])",
    *(
        SEEDED.format(seed, line)
        for seed, line in enumerate((
            "torch.rand_like(x)", "torch.randn_like(b)", "torch.randint_like(x, 3, 9)", "torch.normal(1, 2, (3, 4))",
            "torch.rand(size=(2,))", "torch.randint(high=9, size=(4,))", "torch.randint(-5, 5, (20,))",
            "torch.initial_seed()", "torch.get_rng_state()", "torch.set_rng_state(torch.get_rng_state())",
            "torch.bernoulli(x.detach(), 0.25)", "torch.normal(v.detach(), p.detach())", "(x * 1).normal_(1, 2)",
            "(b * 1).normal_()", "(b * 1).transpose(0, 2).normal_()", "(x * 1).uniform_(-1, 1)",
            "(x * 1).t().uniform_()", "(x * 1).exponential_(2)", "(x * 1).random_()", "(x * 1).random_(9)",
            "(i * 1).random_(3, 9)", "(x * 1).bernoulli_(0.3)", "(x * 1).bernoulli_(p.detach() / 4)",
            "torch.zeros(3, 40).normal_()", "x.normal_()", "x[0].uniform_()",
        ))
    ),
]  # fmt: skip
