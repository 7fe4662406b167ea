"""The colours of the pictures, light and dark, and the style sheet that carries them.

Every text colour reaches a contrast of 4.5 on the paper and on the tint of its box; the blue and the orange
are those of the Okabe-Ito palette, darkened or lightened until they do. No meaning rests on a colour alone.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

_COLOURS = {
    "light": {
        "ink": "#1a1f26",
        "paper": "#ffffff",
        "muted": "#57606d",
        "line": "#6b7684",
        "leaf": "#006aa6",
        "param": "#8a5800",
        "op": "#46505e",
        "acc": "#6a4c9c",
        "out": "#006e4c",
        "input": "#57606d",
        "active": "#a64b00",
    },
    "dark": {
        "ink": "#e8ecf1",
        "paper": "#14181d",
        "muted": "#a7b1bd",
        "line": "#8d98a6",
        "leaf": "#6cb8ef",
        "param": "#edb13c",
        "op": "#c3ccd7",
        "acc": "#bda9f2",
        "out": "#56cda0",
        "input": "#a7b1bd",
        "active": "#ffa94d",
    },
}

#: How much of its colour is in the paper of each kind of box. Boxes hide what is behind them, so they need a solid one.
_TINTS = {"leaf": 0.1, "param": 0.1, "op": 0.05, "acc": 0.06, "out": 0.1, "group": 0.1}


def _with_tints(palette: dict[str, str]) -> dict[str, str]:
    def mixed(name: str, share: float) -> str:
        colour, paper = palette.get(name, palette["op"]), palette["paper"]
        channels = ((int(c[i : i + 2], 16) for c in (colour, paper)) for i in (1, 3, 5))
        return "#" + "".join(f"{round(share * mine + (1 - share) * below):02x}" for mine, below in channels)

    return palette | {f"{name}Tint": mixed(name, share) for name, share in _TINTS.items()}


PALETTES = {name: _with_tints(palette) for name, palette in _COLOURS.items()}

# Who says that a page is dark: the reader's system, unless the page itself does (JupyterLab, VS Code, Sphinx
# themes).
_DARK_PAGES = ('body[data-jp-theme-light="false"]', "body.vscode-dark", 'body[data-theme="dark"]')
_LIGHT_PAGES = ('body[data-jp-theme-light="true"]', "body.vscode-light", 'body[data-theme="light"]')


@functools.cache
def stylesheet(theme: str = "auto") -> str:
    """CSS for a graph. ``auto`` follows the page; ``light`` and ``dark`` have their colours written in.

    Raises ValueError for another theme.
    """
    if theme != "auto":
        return rules("graph", theme)
    light, dark = (_properties(PALETTES[name]) for name in ("light", "dark"))
    return "\n".join(
        (
            f".tg-root {{ {light} color-scheme: light dark; }}",
            f"@media (prefers-color-scheme: dark) {{ .tg-root {{ {dark} }} }}",
            f"{', '.join(f'{page} .tg-root' for page in _LIGHT_PAGES)} {{ {light} }}",
            f"{', '.join(f'{page} .tg-root' for page in _DARK_PAGES)} {{ {dark} }}",
            rules("graph", theme),
        )
    )


@functools.cache
def rules(name: str, theme: str = "auto") -> str:
    """The rules of one of our style sheets, without comments; unless ``auto``, with the colours of ``theme``.

    Raises ValueError for another theme.
    """
    text = Path(__file__).with_name("static").joinpath(f"{name}.css").read_text("utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if line)
    if theme == "auto":
        return text
    if theme not in PALETTES:
        raise ValueError(f"theme must be 'auto', 'light' or 'dark', not {theme!r}.")
    return re.sub(r"var\(--tg-(\w+)\)", lambda match: PALETTES[theme][match[1]], text)


def squeezed(text: str) -> str:
    """A style sheet of ours without comments and without the spaces that only people need."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*|(?<=:) (?=[^{}]*[;}])|\n\s*", r"\1", text).replace(";}", "}")


def _properties(palette: dict[str, str]) -> str:
    return " ".join(f"--tg-{name}: {colour};" for name, colour in palette.items())
