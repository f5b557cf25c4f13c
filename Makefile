# Every target sets up what it needs. PYTHON chooses the interpreter: make test PYTHON=python3.13
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= auto

# Where this is set, every process compiles every module anew: seconds for each command and for many tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test ui lint format types check lock docs migration bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --no-compile: Python compiles the modules that are used when they are; compiling all takes half a minute.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (once, a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.ready ## Install everything into .venv

demo: setup ## Run the whole pipeline on made-up leads: no keys, no servers
	@$(BIN)/sales-agent demo

test: setup ## Run all tests, on SQLite and on a PostgreSQL that they start themselves
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term

ui: setup ## Open the Dagster UI with sensors running
	@$(BIN)/sales-agent ui

lint: setup ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Fix style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## Check types
	$(BIN)/mypy

check: setup ## Check that Dagster can load the definitions
	$(BIN)/dagster definitions validate -w workspace.yaml
	$(BIN)/dg check defs

docs: setup ## Rewrite docs/tables.md and the README's output blocks
	$(BIN)/python -m sales_agent_dagster.warehouse.docs
	$(BIN)/python -m docs.readme

lock: setup ## Bring requirements.lock in step with pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra valkey --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -o requirements.lock

migration: setup ## Write a schema migration: make migration m="what changed"
	$(BIN)/python -m sales_agent_dagster.warehouse.migrations "$(m)"

# The yardsticks want an older pandas than the lock has: an environment of their own.
$(VENV)-bench/.ready: $(VENV)/.ready
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@echo "Installing the benchmarks' yardsticks into $(VENV)-bench (once) ..."
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[bench]'
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps mismo==0.4.1
	@touch $@

bench: setup $(VENV)-bench/.ready ## Measure the figures of benchmarks/README.md
	$(BIN)/python -m benchmarks.import_csv --rows 100000
	$(BIN)/python -m benchmarks.scorecard
	$(BIN)/python -m benchmarks.run_200
	$(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.enrichment.offline
	$(BIN)/python -m benchmarks.enrichment.farm
	$(BIN)/python -m benchmarks.crm --leads 1000
	$(VENV)-bench/bin/python -m benchmarks.dedupe
	$(BIN)/python -m benchmarks.dedupe.incremental

clean: ## Remove the environment and caches; .sales_agent/ (your data) stays
	rm -rf $(VENV) $(VENV)-bench .pytest_cache .mypy_cache .ruff_cache build *.egg-info
