"""Lines for functions that no entry of the table calls by name: in-place ones, switches, and what is composed of others."""

from __future__ import annotations

_IN_PLACE = (
    "abs_ arctan_ atan_ ceil_ celu_ cos_ cosh_ deg2rad_ erf_ erfc_ exp2_ exp_ expm1_ fix_ floor_ frac_ "
    "i0_ log10_ log1p_ log2_ log_ neg_ negative_ rad2deg_ reciprocal_ relu_ round_ rsqrt_ selu_ sigmoid_ sin_ sinc_ "
    "sinh_ sqrt_ square_ tan_ tanh_ trunc_ conj_physical_ detach_"
).split()
_BELOW_ONE = "acos_ arccos_ arcsin_ asin_ logit_".split()

_WITHOUT_GRADIENT = "acosh_ arccosh_ arcsinh_ arctanh_ asinh_ atanh_".split()  # PyTorch has no derivative in place

LINES = [
    *(f"torch.{name}(p * 1)" for name in _IN_PLACE),
    *(f"torch.{name}(p / 9)" for name in _BELOW_ONE),
    *(f"torch.{name}(p.detach() / {'9' if 'tan' in name else '0.2'})" for name in _WITHOUT_GRADIENT),
    "torch.addmv_(v * 1, m, u)", "torch.clamp_(x * 1, -0.5, 0.5)",
    "torch.clamp_max_(x * 1, 0.5)", "torch.clamp_min_(x * 1, 0.5)", "torch.clip_(x * 1, 0.1)", "torch.gcd_(i * 4, 6)",
    "torch.gcd_(i * 4, i + 6)", "torch.lcm_(i * 4, i + 6)", "torch.ldexp_(x * 1, i[0])", "torch.xlogy_(x * 1, p)",
    "torch.threshold_(x * 1, 0.1, 2)", "torch.dropout_(x * 1, 0.5, False)", "torch.rrelu_(p * 1)",
    "torch.resize_as_(v.detach() * 1, u)", "(x.detach() * 1).t().resize_(6)", "(x.detach() * 1)[1:].resize_(2)",
    *(
        f"torch.{name}(x)"
        for name in (
            "get_device is_conj is_neg is_signed is_storage isreal resolve_conj resolve_neg typename corrcoef cov histc "
            "eig symeig matrix_rank"
        ).split()
    ),
    "torch.lstsq(x, y)", "torch.solve(x, y)", "torch.combinations(v, 2)", "torch.is_same_size(x, y)",
    "torch.as_strided_scatter(x.detach(), v, (3,), (2,))",
    "torch.adaptive_avg_pool1d(b, 2)", "torch.block_diag(x, v, s)", "torch.constant_pad_nd(x, (1, 2), 3)",
    "torch.cumulative_trapezoid(x)", "torch.trapezoid(x, dx=2)", "torch.trapz(x, v)", "torch.float_power(p, 3)",
    "torch.gradient(v)[0]", "torch.histogram(v.detach(), 3)[0]", "torch.histogramdd(x.detach(), [2, 2, 2])[0]",
    "torch.cdist(x, y, 0)", "(x * 1).renorm_(2, 0, 0.5)", "torch.addmv(i, idx, i, alpha=0.5)",
    "torch.addmv(i.float(), idx, i)", "torch.addr(idx, i, i, alpha=0.5)", "torch.addr(idx, i, i, beta=3)",
    "torch.addbmm(idx, idx[None], idx[None], beta=0.5)", "torch.baddbmm(idx[None], idx[None], idx[None], alpha=0.5)",
    "torch.kron(x, v)", "torch.nanquantile(x, 0.5)", "torch.norm_except_dim(x, 2, 0)", "torch.renorm(x, 2, 0, 0.5)",
    "torch.rms_norm(x, (3,))", "torch.unravel_index(i, (2, 2))[0]", "torch.range(1, 4)",
    "torch.hinge_embedding_loss(x, y.sign().detach())", "torch.triplet_margin_loss(x, y, p)",
    "torch.poisson_nll_loss(x, p, True, False, 1e-8, 1)", "torch._weight_norm(x, p[:, :1], 0)",
    "torch.empty_strided((2, 3), (3, 1)).stride()", "torch.frombuffer(bytearray(8), dtype=torch.float32)",
    "F.grid_sample(b[None], m[None, :, :2, None].mT.expand(1, 3, 2, 2) / 3, align_corners=True)",
    "torch.scatter(x, 1, idx, y, reduce='multiply')", "torch.scatter(x, 1, idx, 2, reduce='add')",
    "torch.ctc_loss(b.log_softmax(-1), torch.tensor([[1], [2], [3]]), torch.tensor([2, 2, 1]), torch.tensor([1, 1, 1]))",
    "torch.manual_seed(3) and torch.nn.LSTM(3, 2)(x.detach().float()[:, None])[0]",
    "torch.get_num_threads() > 0", "torch.set_num_threads(torch.get_num_threads())",
    "torch.get_num_interop_threads() > 0", "torch.get_float32_matmul_precision()",
    "torch.set_float32_matmul_precision('highest')", "torch.get_deterministic_debug_mode()",
    "torch.set_deterministic_debug_mode(0)", "torch.use_deterministic_algorithms(False)",
    "torch.are_deterministic_algorithms_enabled()", "torch.is_deterministic_algorithms_warn_only_enabled()",
    "torch.is_warn_always_enabled()", "torch.set_warn_always(False)", "torch.set_flush_denormal(False)",
]  # fmt: skip
