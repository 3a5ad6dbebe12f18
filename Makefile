# Every target installs what it needs; `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for servers, so more run at a time than there are cores; each process has servers of its own.
IN_PARALLEL ?= -n 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help

.PHONY: help setup demo up down check format lint types contracts unit test test-all bench bench-gateway docs histories lock clean

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.installed ## Create the environment in .venv

demo: setup ## Boot the whole stack, run an example agent end to end, shut down
	$(BIN)/perdure demo

up: setup ## Start the whole stack in the foreground (Ctrl-C stops it)
	$(BIN)/perdure up

down: setup ## Stop the stack that `make up` or `perdure up --detach` started here
	$(BIN)/perdure down

format: setup ## Rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint types contracts ## Format, lint, types, import contracts

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/pyright

contracts: setup
	$(BIN)/lint-imports

unit: setup ## The quick part of the tests: without servers
	$(BIN)/python -m pytest -n auto --dist loadfile tests/unit tests/architecture -q

test: setup ## All tests but the long ones, on real servers
	$(BIN)/python -m pytest $(IN_PARALLEL)

test-all: setup ## All tests, the long ones too
	$(BIN)/python -m pytest $(IN_PARALLEL) -m "long or not long"

bench: setup ## Measure the product against a hand-written Temporal workflow
	$(BIN)/python -m bench.run

bench-gateway: setup ## Measure the gateway against a bare route that reads one row
	$(BIN)/python -m bench.gateway

docs: setup ## Write docs/cli.md and docs/blocks anew from the code
	$(BIN)/python -m services.cli.reference > docs/cli.md.new && mv docs/cli.md.new docs/cli.md
	$(BIN)/python -m services.cli.block_reference docs/blocks

histories: setup ## Record new workflow histories for the replay tests
	$(BIN)/python -m tests.replay.record

UV_COMPILE := $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

lock: setup ## Renew requirements/*.txt from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(UV_COMPILE) pyproject.toml -o requirements/runtime.txt
	$(UV_COMPILE) --extra embedded --group dev pyproject.toml -o requirements/dev.txt
	echo hatchling | $(UV_COMPILE) -c requirements/dev.txt - -o requirements/build.txt

clean: ## Remove the environment, caches and the local stack's data
	rm -rf $(VENV) .perdure .pytest_cache .ruff_cache .hypothesis
