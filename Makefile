# Each target does its own set-up. `make PYTHON=python3.12 demo` chooses the interpreter.
PYTHON ?= python3
VENV := .venv
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
# A user's indexes serve; a user's constraints do not change the lock, nor do packages elsewhere.
PIP := PIP_CONSTRAINT=/dev/null PIP_USER=0 $(VENV)/bin/python -m pip --disable-pip-version-check
unexport PYTHONPATH
# What takes minutes and needs no service: pages and commands, followed in every order.
FOLLOWED := tests/services/test_docs_pages.py tests/services/test_orders.py
PYTEST := -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

.PHONY: setup demo test coverage test-services lint bench notebook calibration closure lock lowest clean help

help:           ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(READY) ## the environment in .venv, exactly as in requirements.lock

$(LOCKED): requirements.lock
	@test -f $(VENV)/pyvenv.cfg || rm -rf $(VENV)/bin # cleared by halves: an activated python would link to itself
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "xyy needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --no-deps --require-hashes -r requirements.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

# An interpreter chosen by hand that is not the one of .venv: .venv is made anew.
VERSION := -c 'import sys; print(sys.version)'
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) $(VERSION)),$(shell $(VENV)/bin/python $(VERSION) 2>/dev/null))
.PHONY: $(LOCKED)
endif
endif

demo: $(READY)  ## the main job: course samples, a universe, a verdict, in results/demo
	$(VENV)/bin/xyy run --universe 5 --unblind "the demonstration is over" --out results/demo

test: $(READY)  ## the whole test suite, doctests included; `make test ORDER=7` in the random order 7
	$(if $(ORDER),XYY_TEST_ORDER=$(ORDER) PYTHONHASHSEED=$(ORDER)) $(VENV)/bin/python $(PYTEST)

coverage: $(READY) ## the same, and what the tests do not reach; fails below 90 %
	$(VENV)/bin/python $(PYTEST) --cov --cov-fail-under=90

test-services: $(READY) ## Slurm, XRootD and nginx on loopback, Chromium, RooFit, the tests that need them; hostile input
	$(VENV)/bin/python -m pytest tests/services $(addprefix --ignore=,$(FOLLOWED))
	$(VENV)/bin/python -m pytest --numprocesses=2 --dist=loadfile tests/hostile
	$(VENV)/bin/python -m pytest --numprocesses=2 --dist=worksteal $(FOLLOWED)

lint: $(READY)  ## ruff and mypy, strict
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(READY) ## speed, side by side in one run
	$(VENV)/bin/xyy bench
	$(VENV)/bin/python tests/bench_convert.py

notebook: $(READY) ## the course, in JupyterLab (root too: then on this machine alone)
	$(VENV)/bin/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root --ip=localhost) docs/course.ipynb

calibration: $(READY) ## the statistics on toys of known truth: docs/{statistics,statistics_categories,spectra,resonances}.json and their pages (two hours and a half)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m analysis.validation
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m analysis.validation --categories
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m analysis.validation --spectra
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m analysis.validation --resonances

closure: $(READY) ## the whole analysis on 5,000 parallel universes: docs/calibration.json and its page (half an hour)
	$(VENV)/bin/xyy closure --universes 1000 --empty 2000 --with-x 2000 --seed 2026 --out results/closure
	cp results/closure/closure.json docs/calibration.json
	$(VENV)/bin/xyy closure --page docs/calibration.json

lock:           ## renew requirements.lock (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --extra bench --extra dev --extra notebook pyproject.toml --output-file requirements.lock

lowest:         ## the whole test suite with the oldest releases that pyproject.toml allows (needs uv)
	uv venv --quiet --clear --python $(PYTHON) $(VENV)-lowest
	uv pip install --quiet --python $(VENV)-lowest --resolution lowest-direct --editable ".[bench,dev,notebook]"
	$(VENV)-lowest/bin/python $(PYTEST)

clean:          ## remove the environment and the caches
	rm -rf $(VENV) $(VENV)-lowest .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
