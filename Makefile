# `make demo` and `make test` are all that a newcomer needs; plain `make` runs both the checks and the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# uv reads wheels from the same folder as pip where one is set; elsewhere this is empty and harmless.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Compiled at once, or the first --help of every command would compile what it imports.
INSTALL = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints/ci.txt

.PHONY: test demo lint types layers unit runtime wheel docs install dev clean
.DEFAULT_GOAL := test

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	@touch $@

$(VENV)/.installed: $(VENV)/.uv pyproject.toml constraints/ci.txt
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	@touch $@

install: $(VENV)/.installed
dev: $(VENV)/.dev

demo: install
	$(BIN)/mggc demo

test: lint types layers unit

lint: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: dev
	$(BIN)/mypy

layers: dev
	$(BIN)/lint-imports

# Tests that need more than this repository and its packages run when it is named: MGGC_REAL_IMAGES=FOLDER, MGGC_BROWSER=1.
SPACE := $() $()
LEFT_OUT := $(strip $(if $(MGGC_REAL_IMAGES),,real_images) $(if $(filter 1,$(MGGC_BROWSER)),,browser))

# One thread for each of two workers: two torch processes with two threads each stall each other on two cores.
unit: dev $(if $(filter 1,$(MGGC_BROWSER)),runtime)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 $(if $(LEFT_OUT),-m 'not ($(subst $(SPACE), or ,$(LEFT_OUT)))') $(PYTEST_ARGS)

# ONNX Runtime for browsers, 33 MB of the npm registry's, checked against pinned digests: what mggc web serves. Not in git.
runtime: install
	$(BIN)/python -c 'from mggc.web.runtime_files import VENDORED, fetch_runtime; fetch_runtime(VENDORED)'

# With the runtime inside, so that mggc web needs no network where the wheel is installed.
wheel: runtime
	$(BIN)/uv build --wheel --quiet --python $(BIN)/python

# The command line's reference, from the commands themselves; a test compares.
docs: install
	$(BIN)/python -m mggc.cli.reference > docs/cli.md

clean:
	rm -rf $(VENV)
