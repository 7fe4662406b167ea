"""How Sphinx turns these Markdown files, and the notebooks as they were saved, into pages: `make docs`."""

from importlib.metadata import version as installed_version
from pathlib import Path
from shutil import copy

project = "teachgrad"
author = "The teachgrad authors"
copyright = "2026, " + author
version = release = installed_version(project)

extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"  # the notebooks carry the outputs that their authors saw
html_theme = "furo"
html_title = f"{project} {version}"
exclude_patterns = ["images"]

# Sphinx reads only what lies in this folder, and the notebooks have a better place in the repository.
here = Path(__file__).parent
(here / "notebooks").mkdir(exist_ok=True)
for notebook in sorted((here.parent / "notebooks").glob("*.ipynb")):
    copy(notebook, here / "notebooks")
