"""Take the README's pictures again from a real run: `make images`. Needs a Chromium."""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import teachgrad as torch
from teachgrad import viz

HERE = Path(__file__).parent
STEPS = 13  # as far as the gradient that is about to reach a
COLOURS = 256  # enough for flat colours and the edges of letters, at half of the bytes


def lesson() -> viz.Player:
    """The README's first lesson."""
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    loss = (3 * a**3 - b**2).sum()
    return viz.animate(loss)


def main() -> None:
    """Write player.png and player-dark.png: the lesson's page, after STEPS steps, as wide as GitHub shows it."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = lesson().save(Path(folder, "player.html"))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme, name in (("light", "player.png"), ("dark", "player-dark.png")):
            page = browser.new_page(viewport={"width": 880, "height": 860}, device_scale_factor=2, color_scheme=scheme)
            page.goto(page_file.as_uri())
            player = page.locator(".tg-player")
            for _ in range(STEPS):
                player.locator(".tg-next").click()
            page.evaluate("document.activeElement.blur()")
            page.wait_for_timeout(1000)  # the last pulse has faded
            picture = Image.open(io.BytesIO(player.screenshot())).convert("RGB")
            picture.quantize(COLOURS, dither=Image.Dither.NONE).save(HERE / name, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
