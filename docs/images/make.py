"""Take the README's picture again from a real run: `make images`. Needs a Chromium."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from teachgrad import viz
from teachgrad.demo import regression

HERE = Path(__file__).parent
STEPS = 9  # as far as the gradient that is about to reach w


def main() -> None:
    """Write player.png: the page that `make demo` saves, after STEPS steps."""
    variables = regression()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = viz.animate(variables["loss"], names=variables).save(Path(folder, "player.html"))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 860}, device_scale_factor=1.5)
        page.goto(page_file.as_uri())
        player = page.locator(".tg-player")
        for _ in range(STEPS):
            player.locator(".tg-next").click()
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(1000)  # the last pulse has faded
        player.screenshot(path=HERE / "player.png")
        browser.close()


if __name__ == "__main__":
    main()
