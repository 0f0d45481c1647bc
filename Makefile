# Two commands do everything: `make demo` and `make test`. All others are here too; `make help` lists them.
SHELL := /bin/bash
PYTHON :=
VENV := .venv
BIN := $(VENV)/bin
TORCH := cpu
export PYTHONPATH := $(CURDIR)
# make demo|up|down|status|logs|reset PROVIDER=fake-runpod|fake-kubernetes: rented machines without renting any, a
# cluster's nodes without a cluster.
ifdef PROVIDER
export BRIGHTRUN_PROVIDER := $(PROVIDER)
endif
# make demo|up TRAINER_IMAGE=brightrun-trainer:dev: local trainers run in containers of that image.
ifdef TRAINER_IMAGE
export BRIGHTRUN_TRAINER_COMMAND := ["$(abspath $(BIN)/python)", "-m", "stack.images.run_trainer", "$(TRAINER_IMAGE)"]
endif
# make demo|up REPLICAS=2: two processes of each service, behind one REST port.
ifdef REPLICAS
export BRIGHTRUN_REPLICAS := $(REPLICAS)
endif
# make up MONITORING=1: Prometheus and Alertmanager beside the stack, where they are installed.
ifdef MONITORING
export BRIGHTRUN_MONITORING := $(MONITORING)
endif
# Needs any Python of the system; checks the machine, installs what is missing, or ends at once.
INSTALL = python=$$(sh stack/install/find_python.sh "$(PYTHON)") && \
	"$$python" -m stack.install --environment "$(VENV)" --torch "$(TORCH)"
.DEFAULT_GOAL := help
.PHONY: help setup base-model demo up down status logs reset test test-slow test-images k8s-check screenshots browser fuzz coverage chaos lint schemas bench images audit backup restore restore-drill lock clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## virtual environment with the locked packages (PYTHON=, VENV=, TORCH=cpu|cuda)
	@$(INSTALL)

demo: ## train a real adapter on the sample file, download it, prove that it loads; PROVIDER=fake-runpod: interrupted once
	@$(INSTALL) --then demo

up: ## start everything in the background (REPLICAS=2: two processes of each service; MONITORING=1: with Prometheus)
	@$(INSTALL) --then up

# What looks at a system that is there already installs nothing.
there = @test -x "$(BIN)/python" || { echo "Nothing is installed here yet. -> make setup" >&2; exit 1; }

down: ## stop everything; the state stays in .data/
	$(there)
	@"$(BIN)/python" -m stack down

status: ## what runs, where, and how it feels
	$(there)
	@"$(BIN)/python" -m stack status

logs: ## the newest log lines; make logs PROGRAM=job_api FOLLOW=1
	$(there)
	@"$(BIN)/python" -m stack logs $(PROGRAM) $(if $(FOLLOW),--follow)

reset: ## delete the state in .data/ after asking
	$(there)
	@"$(BIN)/python" -m stack reset $(if $(YES),--yes)

# Three at a time on two cores: they wait for servers half of their time.
PYTEST = "$(BIN)/python" -m pytest -n 3 --dist loadscope --durations=25

BACKUPS = $(or $(BRIGHTRUN_BACKUP_TO),$(CURDIR)/.backups)
backup: ## back up databases, buckets and keys now (TO=folder or s3://bucket/prefix)
	$(there)
	@"$(BIN)/python" -m ops.backup create --to "$(or $(TO),$(BACKUPS))"

restore: ## bring a backup back into an empty place (FROM=, BACKUP=id, UNTIL=time, IDENTITY=key file)
	$(there)
	@"$(BIN)/python" -m ops.backup restore --from "$(or $(FROM),$(BACKUPS))" $(if $(BACKUP),--backup "$(BACKUP)") \
		$(if $(UNTIL),--until "$(UNTIL)") $(if $(IDENTITY),--identity "$(IDENTITY)")

restore-drill: setup ## destroy an installation of its own while a job trains, bring it back, compare
	@"$(BIN)/python" -m ops.drill

# A browser for the tests of the web page, where it can be installed; else it is said.
browser:
	@"$(BIN)/python" -m tests.browser.chromium

test: setup browser ## all tests but the slow ones; TESTS=path for some; COVERAGE=1 measures the services and refuses under 90 %
	$(PYTEST) -m "not slow and not fuzz and not images" $(TESTS) $(if $(COVERAGE),--cov --cov-report=)
	@$(if $(COVERAGE),"$(BIN)/python" -m coverage report --skip-covered --skip-empty | tail -40; exit $${PIPESTATUS[0]})

# Which controls of the page the tests use in a browser; the quick ones of `make test` are needed to know of all.
CONTROLS = $(CURDIR)/.pytest_cache/controls
test-slow: setup browser ## the tests that take many seconds each; ends with the page's controls that none of them uses
	@rm -rf "$(CONTROLS)"
	BRIGHTRUN_CONTROLS="$(CONTROLS)" $(PYTEST) -m "(slow or browser) and not fuzz and not images" $(TESTS)
	@$(if $(TESTS),,"$(BIN)/python" -m tests.browser.controls "$(CONTROLS)")

test-images: setup ## build the images; train in containers, compose.yaml and k8s/ (apt-get install podman netavark aardvark-dns iptables runc catatonit mmdebstrap npm)
	"$(BIN)/python" -m pytest -m images --durations=15 $(or $(TESTS),tests/images tests/k8s tests/packaging)

k8s-check: setup ## render k8s/, validate it strictly, hold it to policies and to the project's own rules
	@"$(BIN)/python" -m tests.k8s.tools
	"$(BIN)/python" -m pytest -q -m "not images" tests/k8s

screenshots: setup ## every page of the running stack, light and dark, wide and narrow (TO=folder)
	@"$(BIN)/python" -m tests.browser.chromium
	"$(BIN)/python" -m tests.browser.screenshots "$(or $(TO),$(CURDIR)/dist/screenshots)"

fuzz: setup ## tests that try inputs until they find something
	$(PYTEST) -m fuzz $(TESTS) || { [ $$? -eq 5 ] && echo "No test is marked fuzz."; }

coverage: ## which lines the last `make test COVERAGE=1` did not reach, in htmlcov/
	$(there)
	"$(BIN)/python" -m coverage html

chaos: setup ## kill every part of a running stack with -9 and check that the job completes
	@"$(BIN)/python" -m tests.chaos

lint: setup ## ruff, mypy, import rules, freshness of schemas and lock files
	"$(BIN)/ruff" check .
	"$(BIN)/mypy"
	"$(BIN)/lint-imports" --no-cache
	"$(BIN)/python" -m contracts.generate --check
	"$(BIN)/python" -m contracts.compatibility
	"$(BIN)/python" -m services.job_api.openapi --check
	"$(BIN)/python" -m ops.dashboards --check
	"$(BIN)/python" -m stack.install.locks --check

schemas: setup ## write the generated schemas, AsyncAPI, OpenAPI, example files and dashboards
	"$(BIN)/python" -m contracts.generate
	"$(BIN)/python" -m services.job_api.openapi
	"$(BIN)/python" -m ops.dashboards

base-model: setup ## build the local base model again from its recipe
	@"$(BIN)/python" -m trainer_image.base_model

bench: setup ## the figures of docs/benchmarks.md
	@"$(BIN)/python" -m benchmarks $(ONLY)

images: setup ## build and try the images, write their SBOMs into dist/ (IMAGES="services trainer", BASE=, TRAINER_BASE=, IMAGE_TORCH=cuda|cpu, NAME=, VERSION=)
	@"$(BIN)/python" -m stack.images $(IMAGES) --torch "$(or $(IMAGE_TORCH),cuda)" $(if $(BASE),--base "$(BASE)") \
		$(if $(TRAINER_BASE),--trainer-base "$(TRAINER_BASE)") $(if $(NAME),--name "$(NAME)") \
		$(if $(VERSION),--version "$(VERSION)")

audit: setup ## look up the locked packages in the database of known vulnerabilities (OSV=url asks another one)
	@"$(BIN)/python" -m stack.audit $(if $(OSV),--osv "$(OSV)")

lock: setup ## resolve pyproject.toml's dependencies anew into requirements/
	"$(BIN)/python" -m stack.install.locks

clean: ## remove the virtual environment and caches (state stays)
	rm -rf "$(VENV)" .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
