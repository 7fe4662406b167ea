"""Which form a picture takes in a notebook: the environment variable ``TEACHGRAD_VIZ`` chooses.

html     the picture or the player as HTML, which needs no kernel and works in a saved notebook (the default)
widget   a replay as a Stepper, whose step Python can read and set; what is no replay stays html
svg      a still picture, for places that show images and take scripts out
text     words
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from html import escape
from typing import Any

MODES = ("html", "widget", "svg", "text")

# The SVG is parsed as SVG, never as HTML, and it is our own writer's.
_CELL = """\
<div class="tg-drawing" data-tg="{prefix}" style="overflow-x: auto">
<img alt="{words}" src="data:image/svg+xml;base64,{data}">
<script>
for (const image of document.querySelectorAll('[data-tg="{prefix}"] > img')) {{
  const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (char) => char.charCodeAt(0));
  const picture = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "image/svg+xml");
  image.replaceWith(document.importNode(picture.documentElement, true));
}}
</script>
</div>
"""


def mode() -> str:
    """What ``TEACHGRAD_VIZ`` says, or "html" where it says nothing. Raises ValueError for another word."""
    said = os.environ.get("TEACHGRAD_VIZ", "").strip().lower() or "html"
    if said not in MODES:
        raise ValueError(f"TEACHGRAD_VIZ is {said!r}; it should be html, widget, svg or text.")
    return said


def bundle(
    text: Callable[[], str],
    svg: Callable[[], str],
    html: Callable[[], str],
    widget: Callable[[], Any] | None = None,
) -> Any:
    """What a notebook's ``_repr_mimebundle_`` gives in the mode of ``TEACHGRAD_VIZ``; words are always with it.

    What cannot be shown (a graph too large, no Graphviz, a wrong ``TEACHGRAD_VIZ``) is one sentence in its place.
    """
    try:
        how = mode()
        if how == "widget" and widget is not None:
            return widget()._repr_mimebundle_()
        shown = {"svg": ("image/svg+xml", svg), "text": None}.get(how, ("text/html", html))
        return ({shown[0]: shown[1]()} if shown else {}) | {"text/plain": text()}
    except (ImportError, RuntimeError, ValueError) as problem:
        return {"text/plain": str(problem)}


def inline(svg: str, words: str, prefix: str) -> str:
    """A picture for a notebook cell: an image, which a small script turns into inline SVG.

    Inline, the picture follows the page's theme and its boxes answer to pointer, keyboard and screen reader.
    Where scripts are taken out (a notebook that is not trusted, or a preview), the image stays and looks the
    same. ``prefix`` begins the ids in ``svg``; a fresh one each time keeps outputs in a page apart.
    """
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return _CELL.format(prefix=prefix, data=data, words=escape(words))


def unique() -> str:
    """The beginning of ids that no other output on a page has."""
    return f"tg-{secrets.token_hex(4)}"
