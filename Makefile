# Set-up, main job, tests and linters. `make` alone lists the targets.
# Needs git, make, flock (util-linux) and Python 3.11 or 3.12: make PYTHON=/path/to/python3.11 demo

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
OUTSIDE := $(PATH)
PYTHON ?= $(shell PATH='$(OUTSIDE)'; \
	for each in python3.11 python3.12 python3; do $$each -c "$(SUITS)" 2>/dev/null && command -v $$each && break; done)
PINS := envs/requirements.txt
READY := .venv/ready
PIP := .venv/bin/python -m pip install -qq --no-input --disable-pip-version-check

# Jobs and tests find the tools of the environment first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# One set-up, build or clean-up at a time in a folder. The lock belongs to an open file: it goes with
# the processes that hold it (make's shell and Snakemake, not its jobs), however they end. One second
# lets a process that was just killed go.
ALONE = exec 9>>.demo.lock; \
	flock --timeout 1 9 || { echo "Another make is at work in this folder. Let it finish, or end it; then try again." >&2; exit 1; };

.PHONY: help setup demo plan check progress test test-slow test-cluster test-all fuzz cluster cluster-stop lint format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## Install the pinned list of envs/ into .venv, once
	@:

$(READY): $(PINS)
	@$(or $(PYTHON),false) -c "$(SUITS)" || { \
		echo "Touchstone needs Python 3.11 or 3.12; $(or $(PYTHON),python3) is not. Name one: make PYTHON=/path/to/python3.11 setup" >&2; \
		exit 1; }
	@$(ALONE) echo "Setting up .venv from $(PINS) (once: some minutes, some GB) ..."; \
	$(PYTHON) -m venv .venv; \
	$(PIP) $$(grep '^torch==' $(PINS)); \
	$(PIP) -r $(PINS); \
	touch $@

demo: setup ## Build the demo dataset: set-up and main job
	@$(ALONE) touch .demo.lock; snakemake --profile profiles/local --config dataset=demo; \
	[ results/demo/summary.txt -nt .demo.lock ] || { echo "Nothing to do."; cat results/demo/summary.txt; }

plan: setup ## Show jobs, items, bytes and GPU-hours of the build, running nothing
	@snakemake plan --profile profiles/local

check: setup ## Show what is there of every origin and model, and what you must get
	@snakemake check_origins --profile profiles/local

progress: setup ## Show how far the build is; also while it runs
	@snakemake progress --profile profiles/local --nolock

# Two processes, each with whole files: builds that tests of a file share are made once.
TOGETHER := -n 2 --dist loadfile

test: setup ## Run the tests, but for the slow ones
	@pytest -m "not slow and not cluster" $(TOGETHER)

test-slow: setup ## Run the slow tests
	@pytest -m slow $(TOGETHER)

test-cluster: setup ## Run the tests on a real Slurm, which they start
	@pytest -m cluster

test-all: setup ## Run all tests
	@pytest

MINUTES ?= 10

fuzz: setup ## Spoil inputs and read them, for MINUTES=10
	@python -m tests.fuzz --minutes $(MINUTES)

cluster: ## Start a Slurm cluster on this machine, to try things on (root, Debian)
	@python3 cluster/cluster.py start

cluster-stop: ## Stop it
	@python3 cluster/cluster.py stop

lint: setup ## Check style and format, changing nothing
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

format: setup ## Put files into the house format, and remake generated tables
	@pytest -q --fix tests/test_envs.py tests/test_docs.py
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow/rules

clean: export SCRIPT = $(CLEAN)
clean: ## Remove results, logs, and what the demo fetched; other downloads stay
	@$(ALONE) rm -rf results logs .snakemake resources/*/demo_* resources/receipts/models/demo_*
