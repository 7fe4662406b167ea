"""Attention: every query takes a mean of the values, weighted by how well its key fits.

    softmax(Q K^T / sqrt(d)) V

A. Vaswani and others, "Attention is all you need", NeurIPS 2017.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import teachgrad as torch
from teachgrad import dtypes
from teachgrad.nn.functional.layers import dropout, linear
from teachgrad.ops.table import LIVE, OPS

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query @ key^T * scale + mask) @ value; scale is 1 / sqrt(d) if not given.

    query (..., L, d), key (..., S, d), value (..., S, v), result (..., L, v). A mask of bools says where to look, one of
    floats is added. With `is_causal` position i sees only positions up to i; with `enable_gqa` groups of query heads share
    a key. Mirrors `F.scaled_dot_product_attention`. Raises RuntimeError for a mask and `is_causal` together.
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    _check_dtypes(query, key, value)
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if dropout_p == 0.0 and _fits_one_op(query, key, value, attn_mask):
        return OPS["flash_attention"](query, key, value, attn_mask, is_causal, factor)[0]
    if is_causal:
        attn_mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
    times, root = LIVE["mul_scalar"], math.sqrt(abs(factor))  # each side gets a root, so that products stay small
    scores = times(query, math.copysign(root, factor)) @ times(key.transpose(-2, -1), root)
    if attn_mask is not None:
        scores = scores + (_as_numbers(~attn_mask, query.dtype) if attn_mask.dtype == torch.bool else attn_mask)
    weights = OPS["safe_softmax"](scores, -1)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return weights @ value


def _check_dtypes(query: Any, key: Any, value: Any) -> None:
    """Raises RuntimeError unless the three are of one floating dtype."""
    q, k, v = (dtypes.of(tensor._data.dtype).c_name for tensor in (query, key, value))
    if not q == k == v:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got "
            f"query.dtype: {q} key.dtype: {k} and value.dtype: {v} instead."
        )
    if query._data.dtype.kind not in "fcV":
        raise RuntimeError(f"expected scalar type Float but found {dtypes.of(query._data.dtype).scalar_name}")


def _fits_one_op(query: Any, key: Any, value: Any, mask: Any) -> bool:
    """Does PyTorch's build for CPUs compute this attention as one op?

    It does for (N, heads, L, d) with the same N, heads and d throughout, whose last dimension lies together in memory, and
    a mask that wants no gradient.
    """
    arrays = [tensor._data for tensor in (query, key, value)]
    shapes = [array.shape for array in arrays]
    if {len(shape) for shape in shapes} != {4} or 0 in (*shapes[0], *shapes[1]):
        return False
    if len({shape[:2] + shape[3:] for shape in shapes}) > 1 or shapes[1] != shapes[2]:
        return False
    if any(array.strides[3] != array.itemsize for array in arrays):
        return False
    if mask is None:
        return True
    if mask.requires_grad or mask.dim() not in (2, 4):
        return False
    whole = (*shapes[0][:3], shapes[1][2])
    return all(size in (1, full) for size, full in zip(mask.shape[::-1], whole[::-1], strict=False))


def _as_numbers(mask: Any, dtype: Any) -> Any:
    """-inf where a bool mask is True, else 0; a mask of floats as it is."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, dtype=dtype).masked_fill(mask, float("-inf"))


def _checked_mask(mask: Any, name: str, other: Any, dtype: Any) -> Any:
    """A mask as numbers to add. Raises AssertionError for integers; warns if two masks are of different kinds."""
    if mask is None:
        return None
    if mask.dtype != torch.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype != mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and attn_mask is deprecated. Use same type for both instead.", stacklevel=4
        )
    return _as_numbers(mask, dtype)


def _side_by_side(x: Any, weight: Any, bias: Any, count: int) -> list[Any]:
    """x times `count` matrices that lie below each other in `weight`: one product, then taken apart."""
    together = linear(x, weight, bias).unflatten(-1, (count, -1)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
    return [together[n] for n in range(count)]


def _projected(query: Any, key: Any, value: Any, weights: tuple[Any, Any, Any, Any], bias: Any) -> list[Any]:
    """Queries, keys and values times their weights: one packed matrix of the three, or one each."""
    packed, *each = weights
    if packed is not None and query is key and key is value:
        return _side_by_side(query, packed, bias, 3)
    if packed is not None and key is value:
        sizes = [len(packed) // 3, len(packed) // 3 * 2]
        first, both = packed.split(sizes)
        biases = (None, None) if bias is None else bias.split(sizes)
        return [linear(query, first, biases[0]), *_side_by_side(key, both, biases[1], 2)]
    if packed is not None:
        each = packed.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [linear(x, w, b) for x, w, b in zip((query, key, value), each, biases, strict=True)]


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attention in `num_heads` smaller spaces at once: (L, N, E) or (L, E) to the same shape, and the weights.

    Masks are True (or -inf) where not to look: `key_padding_mask` (N, S), `attn_mask` (L, S) or (N * heads, L, S). Mirrors
    `F.multi_head_attention_forward`. Raises AssertionError or RuntimeError where shapes do not fit.
    """
    batched = query.dim() == 3
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    if not batched:
        same = query is key and key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if same else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, embed = query.shape
    if embed != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed}")
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if not use_separate_proj_weight and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    padding = _checked_mask(key_padding_mask, "key_padding_mask", attn_mask, query.dtype)
    mask = _checked_mask(attn_mask, "attn_mask", None, query.dtype)
    if mask is not None:
        wanted = (length, key.shape[0]) if mask.dim() == 2 else (batch * num_heads, length, key.shape[0])
        if tuple(mask.shape) != wanted:
            raise RuntimeError(f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}.")
    weights = (in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight)
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    added = 0  # keys that are learnt, or zero, besides those of the input
    if bias_k is not None:
        k, v = torch.cat([k, bias_k.repeat(1, batch, 1)]), torch.cat([v, bias_v.repeat(1, batch, 1)])
        added += 1
    size = embed // num_heads
    q = q.view(length, batch * num_heads, size).transpose(0, 1)  # (N * heads, L, d)
    k = k.view(-1, batch * num_heads, size).transpose(0, 1) if static_k is None else static_k
    v = v.view(-1, batch * num_heads, size).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        zero = torch.zeros(batch * num_heads, 1, size, dtype=q.dtype)
        k, v = torch.cat([k, zero], 1), torch.cat([v, zero], 1)
        added += 1
    if padding is not None:
        if tuple(padding.shape) != (batch, key.shape[0]):
            raise AssertionError(
                f"Expected key_padded_mask.shape to be {(batch, key.shape[0])}, but got {tuple(padding.shape)}"
            )
        padding = padding.view(batch, 1, 1, -1).expand(-1, num_heads, -1, -1).reshape(batch * num_heads, 1, -1)
        mask = padding if mask is None else mask + padding
    if mask is not None and added:
        mask = torch.nn.functional.pad(mask, (0, added))
    dropout_p = dropout_p if training else 0.0
    steps = k.shape[1]
    if need_weights:
        scaled, keys = q * math.sqrt(1.0 / size), k.transpose(-2, -1)
        scores = torch.bmm(scaled, keys) if mask is None else torch.baddbmm(mask, scaled, keys)
        attention = torch.softmax(scores, -1)
        if dropout_p > 0.0:
            attention = dropout(attention, dropout_p)
        mixed = torch.bmm(attention, v).transpose(0, 1)
    else:
        if mask is not None and mask.dim() == 3:
            mask = mask.unflatten(0, (batch, num_heads))
        q, k, v = (x.view(batch, num_heads, -1, size) for x in (q, k, v))
        mixed = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal and padding is None and mask is None)
        mixed = mixed.permute(2, 0, 1, 3)
    output = linear(mixed.reshape(length * batch, embed), out_proj_weight, out_proj_bias)
    output = output.view(length, batch, -1)
    output = output if batched else output.squeeze(1)
    if not need_weights:
        return output, None
    attention = attention.view(batch, num_heads, length, steps)
    attention = attention.mean(1) if average_attn_weights else attention
    return output, attention if batched else attention.squeeze(0)
