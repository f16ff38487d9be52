# Needs Python 3.11 to 3.13 and make; everything else is installed into .venv.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
OUT ?= results/demo
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test test-fast test-oldest docs check format dist hooks clean
help:
	@echo "make demo       set up, run the digits study into $(OUT), show the summary"
	@echo "make test       set up, run all tests"
	@echo "make test-fast  set up, run the tests that are not marked slow"
	@echo "make docs       set up, build the documentation into build/docs"
	@echo "make check      set up, run linters, type checker, layer contracts, documentation and all tests"
	@echo "make format     format the code"
	@echo "make dist       build sdist and wheel into dist, try the wheel in a clean environment"
	@echo "make test-oldest  run the fast tests with the oldest allowed dependencies, in .venv-oldest"
	@echo "make hooks      let git run the linters before each commit"

demo: .venv/installed
	$(BIN)/lifelong-lb run benchmarks/studies/class-incremental-digits.yaml --out $(OUT)

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-fast: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(PYTEST_ARGS)

docs: .venv/installed-dev
	$(BIN)/python -m sphinx -W --keep-going -n -q -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MAKE) --no-print-directory docs
	$(MAKE) --no-print-directory test

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The wheel is tried with its own dependencies, or with those of .venv: make dist BORROW=1, which downloads little.
dist: .venv/installed
	$(PIP_INSTALL) -e '.[release]'
	rm -rf build/lib build/bdist.* dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	.ci/try-dist $(BIN)/python $(if $(BORROW),borrow)

test-oldest:
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct -e '.[dev]'
	.venv-oldest/bin/python -m pytest -n 2 --dist loadfile -m "not slow" $(PYTEST_ARGS)

hooks: .venv/installed-dev
	$(PIP_INSTALL) pre-commit
	$(BIN)/pre-commit install

.venv/created:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found. Name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/created pyproject.toml constraints.txt
	@echo "Installing into .venv (torch is large: minutes on a first run) ..."
	$(PIP_INSTALL) -e .
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP_INSTALL) -e '.[dev,docs]'
	@touch $@

clean:
	rm -rf .venv .venv-oldest build dist results
