"""Finding groups in a graph: the nodes of a module, a structure that is repeated, and what is simply too much.

Every group is a stretch of the program: its operations ran one after another. That is more than neat. Operations
in the order of the program are sorted so that each stands after those it uses, and whoever closes stretches of a
sorted list gets a graph without cycles, so that every picture with closed groups still has a top and a bottom.

1. Modules: neighbours with the same module are a group, and so on inside it.
2. Repetition: `a b c a b c a b c` is `a b c`, times 3, when the edges inside each turn are the same too.
3. What is still too long for a picture is cut into parts.

Leaves belong to the smallest group that holds everything that uses them.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .calls import Call
from .model import Graph, Group, Node
from .values import shorten

BUDGET = 60  # nodes that a picture shows before groups are closed
LONGEST = 48  # items of a group before it is cut into parts
PART = 12  # items of a part, at least, and parts where everything uses everything, at most
CROWDED = 4  # lines for each part, above which the parts are larger and fewer
DEEPEST = 12  # modules inside modules
CANDIDATES = 6  # periods that are tried at one place

_VIEWS = {"Alias", "Expand", "Permute", "Select", "Slice", "Split", "Squeeze", "T", "Transpose", "Unsqueeze", "View"}

Calls = Mapping[str, tuple[Call, ...]]


@dataclass(eq=False)
class _Item:
    """One operation, or a group of items. ``token`` is the same for items that are built the same way."""

    ops: list[str]
    token: int
    kind: str = "op"
    title: str = ""
    detail: str = ""
    times: int = 1
    items: list[_Item] = field(default_factory=list)


def grouped(graph: Graph, births: Mapping[str, int] | None = None, calls: Calls | None = None) -> Graph:
    """``graph`` with its groups, and with each node's smallest group.

    ``births`` says in which order the operations ran (by default, as the edges have it), ``calls`` which modules
    each was made in (by default, as the names of the parameters have it). A graph that is small and without
    modules has no groups.
    """
    ops = [node.id for node in graph.nodes if node.kind == "op"]
    order = _program_order(graph, ops, births or {op: -i for i, op in enumerate(ops)})
    paths = dict(calls) if calls and any(calls.values()) else _paths_by_parameters(graph, order)
    is_large = len(graph.nodes) > BUDGET
    if not is_large and not any(paths.values()):
        return graph
    items = _Finder(graph, paths, is_large).level(order, 0)
    groups, home = _number(items)
    _place_leaves(graph, groups, home)
    if is_large:
        _bundle(graph, groups, home)
    return _finished(graph, groups, home)


def _program_order(graph: Graph, ops: Sequence[str], births: Mapping[str, int]) -> list[str]:
    """Operations, each after those it uses; the oldest first where there is a choice."""
    waiting = dict.fromkeys(ops, 0)
    users: dict[str, list[str]] = {op: [] for op in ops}
    for edge in graph.edges:
        if edge.source in waiting and edge.target in waiting:
            waiting[edge.source] += 1
            users[edge.target].append(edge.source)
    ready = [(births[op], op) for op in ops if not waiting[op]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, op = heapq.heappop(ready)
        order.append(op)
        for user in users[op]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, (births[user], user))
    return order


def _paths_by_parameters(graph: Graph, order: Sequence[str]) -> dict[str, tuple[Call, ...]]:
    """The modules of each operation, as far as the parameters it uses tell: `model.fc.weight` is of `model.fc`.

    An operation between two others is in all modules that both are in: the ReLU between two layers is in the model.
    """
    targets: dict[str, list[str]] = {}
    for edge in graph.edges:
        if not edge.constant:
            targets.setdefault(edge.source, []).append(edge.target)
    nodes = {node.id: node for node in graph.nodes}
    path: dict[str, tuple[Call, ...] | None] = {}
    still_parameters: set[str] = set()  # a parameter, also seen from another side: a transposed weight
    for node in graph.nodes:
        if node.kind == "accumulate":
            leaf = nodes[targets[node.id][0]]
            if leaf.kind == "parameter" and "." in leaf.title:
                parts = leaf.title.split(".")[:-1][:DEEPEST]
                path[node.id] = tuple((".".join(parts[: i + 1]), "", 0) for i in range(len(parts)))
                still_parameters.add(node.id)
    for op in order:
        used = targets.get(op, [])
        path[op] = _common([found for name in used if name in still_parameters and (found := path[name])])
        if nodes[op].title.split()[0] in _VIEWS and still_parameters.issuperset(used):
            still_parameters.add(op)
    after: list[tuple[Call, ...]] = []  # for each operation, the modules of the next one that has some
    last: tuple[Call, ...] = ()
    for op in reversed(order):
        last = path[op] or last
        after.append(last)
    before: tuple[Call, ...] = ()
    filled = {}
    for op, coming in zip(order, reversed(after), strict=True):
        known = path[op]
        filled[op] = known if known is not None else _common([before, coming]) or ()
        before = known or before
    return filled


def _common(paths: Sequence[tuple[Call, ...]]) -> tuple[Call, ...] | None:
    """The modules that all ``paths`` begin with; None when there is no path."""
    if not paths:
        return None
    same = itertools.takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))
    return tuple(level[0] for level in same)


class _Finder:
    """Finds the items of one graph, level by level."""

    def __init__(self, graph: Graph, paths: Mapping[str, tuple[Call, ...]], is_large: bool) -> None:
        self.paths = paths
        self.is_large = is_large
        self.ops = {node.id: node for node in graph.nodes if node.kind == "op"}
        self.uses: dict[str, list[str]] = {}
        self.with_leaves = set()
        for edge in graph.edges:
            self.uses.setdefault(edge.source, []).append(edge.target)
            if edge.target not in self.ops and not edge.constant:
                self.with_leaves.add(edge.source)
        self.tokens: dict[tuple[object, ...], int] = {}

    def level(self, ops: Iterable[str], depth: int) -> list[_Item]:
        """The items that these operations, all of one module at ``depth``, are shown as."""
        items: list[_Item] = []
        for call, run in itertools.groupby(ops, key=lambda op: self.paths.get(op, ())[depth : depth + 1]):
            members = list(run)
            if not call or (len(members) < 2 and members[0] not in self.with_leaves):
                items += (_Item([op], self.token("op", self.ops[op].op)) for op in members)
            else:
                name, kind, _ = call[0]
                items.append(self.group("module", self.level(members, depth + 1), name or kind, kind if name else ""))
        if self.is_large:
            items = self.parts(self.repeats(items))
        # A group that is all there is in another adds nothing to it.
        return items[0].items if depth and len(items) == 1 and items[0].kind in ("module", "part") else items

    def group(self, kind: str, items: list[_Item], title: str, detail: str = "", times: int = 1) -> _Item:
        token = self.token(kind, times, *(item.token for item in items))
        return _Item([op for item in items for op in item.ops], token, kind, title, detail, times, items)

    def token(self, *structure: object) -> int:
        return self.tokens.setdefault(structure, len(self.tokens))

    def repeats(self, items: list[_Item]) -> list[_Item]:
        """The same items with each repetition as one item; inner loops first, then what repeats them."""
        while len(folded := self._fold_once(items)) < len(items):
            items = folded
        return items

    def _fold_once(self, items: list[_Item]) -> list[_Item]:
        """The items with each repetition of the shortest kind as one: of one item, of two, of up to four, and so on."""
        tokens = [item.token for item in items]
        ends = [0, *itertools.accumulate(len(item.ops) for item in items)]  # operations up to each item
        alike = _Alike(tokens)
        for level in sorted(alike.levels):
            folded, done = [], 0
            for i in alike.levels[level]:
                if i < done:
                    continue  # inside the last repetition
                best = (0, 0, 0)  # how many items it takes in, minus the period, how often
                for period in alike.periods(i, level):
                    times = alike.times(i, period)
                    size = ends[i + period] - ends[i]
                    if (times * period, -period) > best[:2] and _is_worth_it(size, times):
                        times = self._same_inside(items, i, period, times)
                        if _is_worth_it(size, times):
                            best = max(best, (times * period, -period, times))
                taken, period, times = best[0], -best[1], best[2]
                if taken:
                    folded += [*items[done:i], self._repeat(items[i : i + taken], period, times)]
                    done = i + taken
            if done:
                return folded + items[done:]
        return items

    def _same_inside(self, items: Sequence[_Item], first: int, period: int, times: int) -> int:
        """How many turns from the first on have the same edges inside, and to the turn before."""
        found: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]] = []
        before: dict[str, int] = {}
        for start in range(first, first + times * period, period):
            ops = [op for item in items[start : start + period] for op in item.ops]
            place = {op: i for i, op in enumerate(ops)}
            used = [(i, target) for i, op in enumerate(ops) for target in self.uses.get(op, ())]
            inside = [(i, place[target]) for i, target in used if target in place]
            back = [(i, before[target]) for i, target in used if target in before]
            if (found and inside != found[0][0]) or (len(found) > 1 and back != found[1][1]):
                break
            found.append((inside, back))
            before = place
        return len(found)

    def _repeat(self, items: list[_Item], period: int, times: int) -> _Item:
        turns = []
        for number in range(times):
            body = items[number * period : (number + 1) * period]
            alone = period == 1 and body[0].kind != "op"
            words = ", ".join(dict.fromkeys(self.ops[op].title for item in body for op in item.ops))
            turns.append(body[0] if alone else self.group("turn", body, f"{number + 1} of {times}", words))
        first, last = turns[0], turns[-1]
        title = f"{first.title} to {last.title}" if first.kind == "module" else shorten(first.detail, 40)
        return self.group("repeat", self.parts(turns), title, first.detail if first.kind == "module" else "", times)

    def parts(self, items: list[_Item]) -> list[_Item]:
        """The items of a level that is too long, in parts."""
        if len(items) <= LONGEST:
            return items
        size = max(PART, -(-len(items) // (LONGEST - 8)))
        while len(items) > PART * size and self._lines(items, size) > CROWDED * len(items) / size:
            size *= 2
        cut = [items[i : i + size] for i in range(0, len(items), size)]
        return [
            self.group(
                "part", self.parts(part), f"part {i} of {len(cut)}", self._words(op for x in part for op in x.ops)
            )
            for i, part in enumerate(cut, 1)
        ]

    def _lines(self, items: Sequence[_Item], size: int) -> int:
        """How many lines there would be between parts of so many items."""
        part = {op: i // size for i, item in enumerate(items) for op in item.ops}
        return len(
            {(i, j) for op, i in part.items() for target in self.uses.get(op, ()) if (j := part.get(target, i)) != i}
        )

    def _words(self, ops: Iterable[str]) -> str:
        """What is in a group: its kinds of operations, the most frequent first."""
        counted = Counter(self.ops[op].title for op in ops).most_common()
        return ", ".join(title for title, _ in counted[:3]) + (" …" if len(counted) > 3 else "")


class _Alike:
    """Where in a list of tokens the same may come again, and how often.

    ``levels`` has, for each size of period (1, 2, up to 4, up to 8, ...), the places that have the same token so far on.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = tokens
        self.same: dict[int, list[int]] = {}
        self.rank: list[int] = []  # of each place, among those with the same token
        for i, token in enumerate(tokens):
            places = self.same.setdefault(token, [])
            self.rank.append(len(places))
            places.append(i)
        self.levels: dict[int, list[int]] = {}
        for i in range(len(tokens)):
            for level in {(place - i - 1).bit_length() for place in self._later(i)}:
                if 2**level <= len(tokens) // 2:
                    self.levels.setdefault(level, []).append(i)
        self.ends: dict[int, int] = {}  # period -> the end of the stretch last found that repeats itself with it

    def _later(self, i: int) -> list[int]:
        return self.same[self.tokens[i]][self.rank[i] + 1 : self.rank[i] + 1 + CANDIDATES]

    def periods(self, i: int, level: int) -> Iterator[int]:
        """The periods of this size to try at place ``i``."""
        return (place - i for place in self._later(i) if (place - i - 1).bit_length() == level)

    def times(self, i: int, period: int) -> int:
        """How many times the ``period`` tokens at ``i`` come in a row."""
        tokens, end = self.tokens, max(i, self.ends.get(period, 0))
        while end + period < len(tokens) and tokens[end] == tokens[end + period]:
            end += 1
        self.ends[period] = end
        return 1 + (end - i) // period


def _is_worth_it(size: int, times: int) -> bool:
    """Whether a box that says "times N" says more than the nodes themselves, ``size`` of them each time."""
    return (times > 2 and times * size >= 12) or (times == 2 and size >= 8)


def _number(items: Iterable[_Item]) -> tuple[dict[str, Group], dict[str, str]]:
    """The groups in the order of the picture, parents first, and the smallest group of each operation."""
    groups: dict[str, Group] = {}
    home: dict[str, str] = {}
    todo: list[tuple[_Item, str | None]] = [(item, None) for item in reversed(list(items))]
    while todo:
        item, parent = todo.pop()
        if item.kind == "op":
            if parent is not None:
                home[item.ops[0]] = parent
            continue
        name = f"g{len(groups)}"
        groups[name] = Group(name, item.title, (), item.kind, item.detail, parent, item.times)
        todo.extend((child, name) for child in reversed(item.items))
    return groups, home


def _chain(group: str | None, groups: Mapping[str, Group]) -> list[str | None]:
    """``group`` and all groups around it, the smallest first; None stands for the whole graph."""
    chain: list[str | None] = []
    while group is not None:
        chain.append(group)
        group = groups[group].parent
    return [*chain, None]


def _place_leaves(graph: Graph, groups: Mapping[str, Group], home: dict[str, str]) -> None:
    """Give each leaf and input to the smallest group with all its users; what turns share stays beside them."""
    users: dict[str, set[str | None]] = {}
    leaf_of: dict[str, str] = {}
    kinds = {node.id: node.kind for node in graph.nodes}
    for edge in graph.edges:
        if kinds[edge.source] == "accumulate":
            leaf_of[edge.source] = edge.target
        elif kinds[edge.target] != "op":
            users.setdefault(edge.target, set()).add(home.get(edge.source) if kinds[edge.source] == "op" else None)
    for node, used_in in users.items():
        chains = [_chain(group, groups) for group in used_in]
        shared = set(chains[0]).intersection(*chains[1:])
        place = next(group for group in chains[0] if group in shared)
        while place is not None and groups[place].kind == "repeat":
            place = groups[place].parent
        if place is not None:
            for member in (node, leaf_of.get(node, node)):
                home[member] = place


def _bundle(graph: Graph, groups: dict[str, Group], home: dict[str, str]) -> None:
    """Where a level is too full, its leaves, or its outputs, become one group each: nothing lies beyond them."""
    level = Counter(group.parent for group in groups.values())
    level.update(home.get(node.id) for node in graph.nodes)
    for place in [place for place, count in level.items() if count > BUDGET]:
        members = [node for node in graph.nodes if home.get(node.id) == place and node.kind != "op"]
        for is_output in (False, True):
            ends = [node for node in members if (node.kind == "output") == is_output]
            named = [node for node in ends if node.kind != "accumulate"]
            if len(named) > PART // 2:
                name = f"g{len(groups)}"
                groups[name] = Group(name, _count(named), (), "ends", "", place)
                home.update((node.id, name) for node in ends)


def _count(nodes: Sequence[Node]) -> str:
    """``12 parameters``, ``3 inputs``, or ``15 leaves`` when there are several kinds."""
    words = {node.word for node in nodes}
    return f"{len(nodes)} {f'{words.pop()}s' if len(words) == 1 else 'leaves'}".replace("leafs", "leaves")


def _finished(graph: Graph, groups: dict[str, Group], home: Mapping[str, str]) -> Graph:
    """The graph with all members of each group, at any depth, in the order of the graph."""
    members: dict[str, list[str]] = {}
    for node in graph.nodes:
        for group in _chain(home.get(node.id), groups):
            if group is not None:
                members.setdefault(group, []).append(node.id)
    made = tuple(replace(group, nodes=tuple(members[name])) for name, group in groups.items())
    nodes = tuple(node.in_group(home[node.id]) if node.id in home else node for node in graph.nodes)
    return replace(graph, nodes=nodes, groups=made)
