"""What several tests of the pictures use: graphs made of plain data, hostile names, the rules of the golden files."""

from __future__ import annotations

import random
from pathlib import Path

from teachgrad.viz.model import WORDS, Edge, Event, Graph, Node, Trace, Value

GOLDEN = Path(__file__).with_name("golden")

#: Rules of the graphs drawn here. They stand here, and not in the op table, so that the golden files stay what they
#: are when the table says a rule in other words.
RULES = {
    "AddBackward0": {"self": "grad", "other": "grad"},
    "ExpBackward0": {"self": "grad * result"},
    "MulBackward0": {"self": "grad * other", "other": "grad * self"},
    "PowBackward0": {"self": "grad * exponent * self ** (exponent - 1)"},
    "SubBackward0": {"self": "grad", "other": "-grad"},
    "SumBackward0": {"self": "expand(grad, self_shape)"},
}

#: Names that would do harm if any surface took them for markup, for code, or for layout.
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</svg></style><script>alert(1)</script>",
    "<b>bold</b>",
    "a \"quoted\" 'name' & more &lt;",
    "back\\slash\\",
    "\\N \\G \\E",
    "nul\0 bell\a tab\t line\nfeed",
    "right\u202eleft \u2066iso\u2069",
    "שלום עולם",
    "表 🧮👩‍👩‍👧 é ﷽",
    "lone \ud800 surrogate",
    "w" * 5000,
    "${jndi} {{template}} %s %d",
    "",
    " ",
)


def value(*numbers: float) -> Value:
    text = f"[{', '.join(map(str, numbers))}]"
    return Value((len(numbers),), "float32", text, text[:24], numbers=numbers)


def random_graph(seed: int, size: int = 25) -> Graph:
    """A connected graph of ``size`` operations with shared and repeated arguments; a few hostile names."""
    dice = random.Random(seed)
    nodes = [Node("n0", "output", title=dice.choice(HOSTILE), word="output", value=value(1.0))]
    edges: list[Edge] = []

    def join(source: str, target: str, slot: int = 0) -> None:
        edges.append(Edge(f"e{len(edges)}", source, target, slot, input_name=dice.choice(("self", "other", ""))))

    for i in range(1, size + 1):
        source = nodes[0] if i == 1 else dice.choice([node for node in nodes if node.kind == "op"])
        kind = "op" if i == 1 or dice.random() < 0.6 else "accumulate"
        nodes.append(
            Node(f"n{len(nodes)}", kind, "MulBackward0", "Mul", WORDS[kind], detail=dice.choice(("", "p = 2")))
        )
        join(source.id, nodes[-1].id, dice.randrange(3))
        if kind == "accumulate":
            nodes.append(Node(f"n{len(nodes)}", "leaf", title=dice.choice(HOSTILE), word="leaf", grad=value(2.0, -1.5)))
            join(nodes[-2].id, nodes[-1].id)
    ops = [node.id for node in nodes if node.kind == "op"]
    for _ in range(size // 3):  # an op's result used again, nearer the output
        first, second = sorted(dice.choices(range(len(ops)), k=2))
        if first != second:
            join(ops[first], ops[second], 5)
    return Graph(tuple(nodes), tuple(edges), title=dice.choice(HOSTILE))


def trace_over(graph: Graph) -> Trace:
    """A trace with one gradient on every edge."""
    events = tuple(
        Event(
            i,
            "contribute",
            edge.source,
            edge.id,
            gradient=value(1.0),
            out=value(float(i), -0.25),
            sentence=f"step {i}.",
        )
        for i, edge in enumerate(graph.edges)
    )
    return Trace(graph, events, (0,))
