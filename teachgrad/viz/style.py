"""The colours of the pictures, light and dark, and the style sheet that carries them.

Every text colour reaches a contrast of 4.5 on the paper and on the tint of its box; the blue and the orange
are those of the Okabe-Ito palette, darkened or lightened until they do. No meaning rests on a colour alone.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

PALETTES = {
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


def _properties(palette: dict[str, str]) -> str:
    return " ".join(f"--tg-{name}: {colour};" for name, colour in palette.items())
