# One command each; `make help` lists them. Only Python 3.11-3.13, git and make are needed first.
.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint bench peers providers docs lock clean
.NOTPARALLEL:

# Another Python:  make setup PYTHON=/path/to/python3.12
# Without it: the first of python3, python3.13, python3.12, python3.11 that is supported.
PYTHON ?=
bin := .venv/bin

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: ## make or refresh .venv and .venv-airflow; instant when nothing changed
	@sh scripts/setup $(if $(PYTHON),"$(PYTHON)")

demo: setup ## Windlass, a local Airflow and sample repositories; ONCE=1 runs the whole story and exits
	@$(bin)/windlass demo $(if $(filter-out 0,$(ONCE)),--once)

up: setup ## everything on this machine, with your own repositories; AIRFLOW=1 runs an Airflow too
	@$(bin)/windlass up $(if $(filter-out 0,$(AIRFLOW)),--airflow)

test: lint ## lint, types and all tests
	@sh scripts/test

providers: setup ## import and run compiled pipelines, in two Airflows with every provider
	@sh scripts/setup --tests $(if $(PYTHON),"$(PYTHON)")
	@$(bin)/python -m pytest tests/acceptance/test_pipelines.py -m providers

lint: setup ## style, format, types, the direction of imports, and pins that satisfy pyproject.toml
	@$(bin)/uv pip check --quiet --python $(bin)/python
	@$(bin)/uv pip check --quiet --python .venv-airflow/bin/python
	@$(bin)/ruff check --quiet .
	@$(bin)/ruff format --quiet --check . || { $(bin)/ruff format --check .; exit 1; }
	@$(bin)/mypy --no-error-summary
	@$(bin)/mypy --no-error-summary --cache-dir .mypy_cache/airflow-provider \
		--python-executable .venv-airflow/bin/python airflow-provider
	@report=$$($(bin)/lint-imports --no-logo) || { echo "$$report"; exit 1; }
	@echo 'lint: style, format, types and imports are fine'

bench: setup ## how long a push takes to become a release
	@$(bin)/windlass bench sync

peers: setup ## .venv-peers and .venv-peers3, with what `windlass bench gate` and `compile` are measured beside
	@for name in peers peers3; do \
		$(bin)/uv venv --quiet --allow-existing --no-python-downloads --python $(bin)/python .venv-$$name && \
		UV_SYSTEM_CERTS=$${UV_SYSTEM_CERTS:-1} $(bin)/uv pip sync --quiet --require-hashes --compile-bytecode \
			--python .venv-$$name/bin/python requirements/$$name.txt || exit 1; \
	done

docs: setup ## rewrite the pages of docs/ that are made from the code
	@$(bin)/python scripts/generate_docs.py

lock: setup ## pin again what pyproject.toml and requirements/*.in ask for; UPGRADE=1 takes the newest
	@sh scripts/lock $(if $(filter-out 0,$(UPGRADE)),--upgrade)
	@sh scripts/setup $(if $(PYTHON),"$(PYTHON)")

clean: ## remove the environments, caches and builds; what Windlass stored (.windlass) stays
	@rm -rf .venv .venv-airflow .venv-peers .venv-peers3 .venv-providers2 .venv-providers3 .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find . -name .git -prune -o -name .windlass -prune -o \
		\( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
