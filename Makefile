# Every target sets up what it needs in .venv; Python >= 3.11 and make are enough.
#
#   make demo [DATA=diabetes]   the quick start, offline once set up; DATA=adult: the census
#   make test                   tests and doctests (WORKERS=2, ARGS="-k name")
#   make lint                   ruff check and ruff format --check
#   make bench                  every benchmarks/bench_*.py
#   make bench-neural           every script in benchmarks/neural: hours, needs SKUNLEARN_DATA
#   make bench-features         forgetting a feature, beside other libraries (about an hour)
#   make doc                    HTML in doc/_build/html
#   make clean                  removes .venv and what was built

PYTHON ?= python3
DATA ?= diabetes
WORKERS ?= 2
ARGS ?=

DEMO_diabetes := plot_quickstart.py
DEMO_adult := demo_adult.py

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A worker per core, a BLAS thread per worker: more threads than cores only wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-features doc clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.demo
	$(BIN)/python examples/$(or $(DEMO_$(DATA)),$(error DATA=$(DATA), expected diabetes or adult))

test: $(VENV)/.tests
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(VENV)/.bench
	@set -e; for script in benchmarks/bench_*.py; do \
	    test -e "$$script" || { echo "no benchmarks/bench_*.py to run" >&2; exit 1; }; \
	    echo "== $$script"; $(BIN)/python "$$script"; \
	done

bench-features: $(VENV)/.bench
	$(ONE_THREAD) $(BIN)/python benchmarks/feature_unlearning.py $(ARGS)

bench-neural: $(VENV)/.bench
	@set -e; for script in benchmarks/neural/[!_]*.py; do \
	    echo "== $$script"; $(BIN)/python "$$script"; \
	done

doc: $(VENV)/.doc
	MPLBACKEND=Agg $(BIN)/python -m sphinx -W --keep-going -b html doc doc/_build/html

clean:
	rm -rf $(VENV) doc/_build doc/generated doc/auto_examples build dist
	rm -rf .pytest_cache .ruff_cache *.egg-info
	find skunlearn tests examples benchmarks doc -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || \
	    { echo "error: $(PYTHON) not found; name a Python >= 3.11: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: skunlearn needs Python >= 3.11, $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=/path/to/python3")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "error: $(PYTHON) -m venv failed (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }

# One stamp an extra: $(VENV)/.tests is there once skunlearn[tests] is installed under the constraints.
$(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e '.[$*]'
	@touch $@
