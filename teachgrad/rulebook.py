"""The local rules of every op, as text: the one thing the engine and the pictures both know.

The op table (`teachgrad.ops`) writes each op's vector-Jacobian products in here when it is loaded; the pictures
(`teachgrad.viz`) read them to say what a node does. Neither imports the other, so the pictures can explain a real
PyTorch graph just as well: its nodes carry the same names.

    RULES["MulBackward0"] == {"self": "grad * other", "other": "grad * self"}
"""

RULES: dict[str, dict[str, str]] = {}
"""Node name -> name of the differentiable input -> expression for the gradient that flows to it.

The expressions use `grad` (the gradient of the output), the inputs by name, `result` (the output) and the op's plain
arguments. What a node does that kept an `alpha` other than 1 stands under "AddBackward0.alpha"."""

COMPLEX_RULES: dict[str, dict[str, str]] = {}
"""The same for complex numbers, where that differs: conj(other) in place of other."""
