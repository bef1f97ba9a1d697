# `make` lists what there is. Everything happens in .venv; it is (re)built when what goes into it has changed.

# The first Python that is new enough; override with `make PYTHON=/path/to/python …`.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INPUTS := pyproject.toml clients/python/pyproject.toml clients/wire/python/pyproject.toml constraints.txt
NODE_PROJECTS := $(patsubst %/package-lock.json,%,$(wildcard clients/node/package-lock.json demo/gates/package-lock.json))
NODE_STAMPS := $(addsuffix /node_modules/.package-lock.json,$(NODE_PROJECTS))
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

OURS := --editable clients/wire/python --editable clients/python

PYTEST := $(BIN)/python -m pytest --nbval --nbval-sanitize-with notebooks/sanitize.cfg

.PHONY: help demo test lint format bench bench-diagnose bench-flows bench-indexes bench-large bench-small notebooks install clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: .venv/.demo $(NODE_STAMPS) ## Run the demo system with its fault, show the trace, name the root cause (ARGS=--list)
	$(BIN)/godot demo $(ARGS)

test: install ## Run every test, notebooks included (ARGS="-k name" for some)
	$(PYTEST) $(ARGS)

lint: .venv/.dev ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev ## Repair what style can be repaired
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: install ## Measure a log call, redaction, ingestion beside COPY, loading beside ADBC, a million messages
	$(BIN)/python benchmarks/client.py
	$(BIN)/python benchmarks/redaction.py
	$(BIN)/python benchmarks/client_node.py
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/flows.py
	$(BIN)/python benchmarks/widget.py

bench-diagnose: install ## Diagnose random systems with planted faults, print precision and recall
	$(BIN)/python benchmarks/diagnose.py $(ARGS)

bench-indexes: install ## Measure what each index of logs costs, and the alternatives (ARGS="--only pending")
	$(BIN)/python benchmarks/indexes.py $(ARGS)

bench-flows: install ## Rebuild and diagnose up to a million messages (ARGS="--messages 10000 100000")
	$(BIN)/python benchmarks/flows.py $(ARGS)

bench-small: install ## Measure a diagnosis of two records, --help, and a file of a hundred lines (ARGS="--rounds 3")
	$(BIN)/python benchmarks/small.py $(ARGS)

bench-large: install ## Fill 10 million records, measure every query and the retention (ARGS="--records 1000000")
	$(BIN)/python benchmarks/large.py $(ARGS)

notebooks: install ## Run the notebooks and compare their outputs
	$(PYTEST) notebooks $(ARGS)

install: .venv/.dev $(NODE_STAMPS) ## Install everything for development

clean: ## Remove what was installed and cached, never data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis $(addsuffix /node_modules,$(NODE_PROJECTS))

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later found: install one, or make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { echo "make: $(PYTHON) cannot make a venv (Debian: apt install python3-venv)" >&2; rm -rf .venv; exit 1; }

.venv/.demo: $(INPUTS) | $(BIN)/python
	$(PIP) $(OURS) --editable '.[demo]'
	@touch $@

.venv/.dev: $(INPUTS) | $(BIN)/python
	$(PIP) $(OURS) --editable '.[dev]'
	@touch .venv/.demo $@

# Node of this machine, or the wheel's where there is none or only an old one.
%/node_modules/.package-lock.json: %/package-lock.json | .venv/.demo
	$(BIN)/python -m godot_demo.install_node $*
	@touch $@
