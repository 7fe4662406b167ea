# Two commands do all the set-up: `make demo` and `make test`. Only git, make and Python 3.11 or newer are needed.
VENV ?= .venv
PYTHON = $(VENV)/bin/python
PIP = $(PYTHON) -m pip install --quiet --constraint constraints.txt
PYTEST = $(PYTHON) -m pytest -n auto

.NOTPARALLEL:
.PHONY: help demo test lab oracle standin test-gpu conformance browser lint format bench bench-quick bench-viz docs notebooks images dist hooks clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(VENV)/.has-core  ## a regression: its backward in words, and its pictures in demo-out/
	$(PYTHON) -m teachgrad demo --out demo-out

test: $(VENV)/.has-test  ## the tests (those that compare with PyTorch run where it is installed)
	$(PYTEST) -m "not browser"

lab: $(VENV)/.has-lessons $(VENV)/.has-notebook  ## JupyterLab, opened on lesson 1
	$(PYTHON) -m jupyter lab $(firstword $(sort $(wildcard notebooks/*.ipynb)))

oracle: $(VENV)/.has-oracle $(VENV)/.has-test  ## the tests, with PyTorch 2.13 installed to compare with
	$(PYTEST) -m "not browser"

conformance: $(VENV)/.has-oracle $(VENV)/.has-core  ## PyTorch's own samples in both libraries; writes docs/conformance.md
	PYTHONPATH=tests $(PYTHON) -W ignore -m conformance --write

standin: $(VENV)/.has-test  ## the engine's and the networks' tests on a stand-in for a GPU
	$(PYTEST) -m "not browser" --device standin tests/engine tests/nn

test-gpu: $(VENV)/.has-test  ## all that a GPU can run, where CuPy finds one (skipped elsewhere)
	@$(PYTHON) -c "import cupy" 2> /dev/null || $(PIP) "cupy-cuda12x[ctk]>=14"
	@$(PYTHON) -c "from teachgrad import cuda, gpu; print(gpu.why_not() or cuda.get_device_name())"
	$(PYTHON) -m pytest --device cuda tests/gpu tests/engine tests/nn

browser: $(VENV)/.has-test  ## the tests that drive a real Chromium, one at a time
	$(PYTHON) -m pytest -m browser

lint: $(VENV)/.has-dev  ## ruff and mypy, as the continuous check runs them
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: $(VENV)/.has-dev  ## let ruff tidy the code
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: $(VENV)/.has-oracle $(VENV)/.has-benchmark  ## speed and memory beside PyTorch and others; writes docs/performance.md
	$(PYTHON) benchmarks/bench.py --write

bench-quick: $(VENV)/.has-oracle $(VENV)/.has-benchmark  ## a first impression of the same, in under two minutes
	$(PYTHON) benchmarks/bench.py --quick

bench-viz: $(VENV)/.has-oracle $(VENV)/.has-benchmark  ## what the pictures cost, beside torchviz; writes docs/performance.md
	$(PYTHON) benchmarks/viz.py --write

docs: $(VENV)/.has-docs  ## the documentation as pages, in build/docs/
	$(PYTHON) -m sphinx --fail-on-warning --quiet docs build/docs
	@echo "Open build/docs/index.html"

notebooks: $(VENV)/.has-test  ## run the lessons from top to bottom and save what they show
	$(PYTHON) notebooks/run.py

images: $(VENV)/.has-test  ## take the README's pictures again, from a real run in Chromium
	$(PYTHON) docs/images/make.py

dist: $(VENV)/.has-dev  ## wheel and source archive, in dist/
	$(PYTHON) -m build --outdir dist

hooks: $(VENV)/.has-dev  ## run ruff and mypy before every commit
	$(PYTHON) -m pre_commit install

clean:  ## remove what was built, the environment included
	rm -rf $(VENV) build dist demo-out .pytest_cache .ruff_cache .mypy_cache .hypothesis

# The oracle goes in first and alone: with nothing else to satisfy, pip takes exactly this build.
$(VENV)/.has-oracle: pyproject.toml | $(PYTHON)
	$(PYTHON) -m pip install --quiet torch==2.13.0
	$(PIP) expecttest
	@touch $@

$(VENV)/.has-core: pyproject.toml constraints.txt | $(PYTHON)
	$(PIP) --editable .
	@touch $@

$(VENV)/.has-%: pyproject.toml constraints.txt | $(PYTHON)
	$(PIP) --editable ".[$*]"
	@touch $@

# The first Python that is new enough and can make an environment; a half-made environment is not left behind.
$(PYTHON):
	@for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    $$python -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	done; \
	echo "teachgrad needs Python 3.11 or newer with its venv module, and found none: install it, then run make again." >&2; \
	exit 1
