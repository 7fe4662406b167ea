"""Two replays that step together: which steps belong to each other, and the HTML in which they do.

Steps are paired by what happens to which box, in order; a step that only one replay has stands alone. Whoever steps in one
player sees the other at the same moment of its own replay.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from html import escape

from .assets import MODULES, OPENING, PAIR, asset, page, script
from .html import MOST_EVENTS, Player
from .model import Event, Trace
from .style import rules, squeezed

MOST_STEPS = 1500  # of a replay, for its steps to be paired: finding the pairs takes long

Pairs = list[tuple[int | None, int | None]]

_PAIR = """\
<div class="tg-pair" data-uid="{uid}">
<style>{css}</style>
<section aria-label="{titles[0]}"><h2>{titles[0]}</h2>
{cells[0]}
</section>
<section aria-label="{titles[1]}"><h2>{titles[1]}</h2>
{cells[1]}
</section>
<script type="module">{program}</script>
</div>
{words}"""


def aligned(first: Trace, second: Trace, boxes: Mapping[str, str]) -> Pairs:
    """The steps of two replays as pairs of indices, in order; None where the other has no such step.

    ``boxes`` maps the nodes of ``first`` to those of ``second`` that they are paired with.
    """

    def keys(trace: Trace, known: Mapping[str, str], side: str) -> list[tuple[str, str, str]]:
        targets = {edge.id: edge.target for edge in trace.graph.edges}
        called = {node.id: known.get(node.id, f"{side} {node.id}") for node in trace.graph.nodes} | {"": ""}
        # Where a seed goes does not matter: both replays begin with one.
        ends = (targets.get(e.edge or "", "") if e.kind != "seed" else "" for e in trace.events)
        return [(e.kind, called[e.node], called[end]) for e, end in zip(trace.events, ends, strict=True)]

    one = keys(first, boxes, "first")
    two = keys(second, {box: box for box in boxes.values()}, "second")
    pairs: Pairs = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += zip(range(a, b), range(c, d), strict=True)
        else:
            pairs += [*((i, None) for i in range(a, b)), *((None, j) for j in range(c, d))]
    return pairs


def numbers_of(event: Event) -> tuple[object, ...]:
    """The values of an event that may differ from another's."""
    return event.gradient, event.out, event.before, event.delta, event.after


def partners(pairs: Pairs) -> list[list[int]]:
    """For each replay and each number of its steps, how many of the other's belong to that moment."""
    found: list[list[int]] = [[0], [0]]
    done = [0, 0]
    for pair in pairs:
        moved = [side for side in (0, 1) if pair[side] is not None]
        for side in moved:
            done[side] += 1
        for side in moved:
            found[side].append(done[1 - side])
    for side in (0, 1):
        found[side][-1] = done[1 - side]  # at the end of one, the other is at its end
    return found


def can_step(first: Trace, second: Trace) -> bool:
    """Whether both are short enough to be stepped through side by side."""
    return max(len(first.events), len(second.events)) <= min(MOST_STEPS, MOST_EVENTS)


def cell(players: tuple[Player, Player], titles: tuple[str, str], pairs: Pairs, words: str) -> str:
    """Both players side by side, and ``words``, HTML, below."""
    cells = [player.part() for player in players]
    uid = "tg" + hashlib.sha256("".join(cells).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    css = squeezed(asset("pair.css") + rules("compare"))
    program = _program(uid, pairs)
    return _PAIR.format(uid=uid, css=css, titles=[*map(escape, titles)], cells=cells, program=program, words=words)


def whole_page(players: tuple[Player, Player], titles: tuple[str, str], pairs: Pairs, words: str) -> str:
    """The same as a page that needs nothing else."""
    html = cell(players, titles, pairs, words)
    uid = html.partition('data-uid="')[2].partition('"')[0]
    return page(" and ".join(titles), html, _program(uid, pairs))


def _program(uid: str, pairs: Pairs) -> str:
    names = (*MODULES, OPENING, PAIR)
    return f'{script(names)}mountPairs("{uid}", {{makeComposer}}, {json.dumps(partners(pairs))});\n'
