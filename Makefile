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
# the process that holds it, however that ends, and the jobs Snakemake starts do not inherit it. One
# second lets a process that was just killed go.
ALONE = exec 9>>.demo.lock; \
	flock --timeout 1 9 || { echo "Another make is at work in this folder. Let it finish, or end it; then try again." >&2; exit 1; };

# What `make clean` removes: everything builds make, but of resources/ (downloads) only the demo's.
define CLEAN
import pathlib, shutil, sys

patterns = ["results", "logs", ".snakemake", "resources/*/demo_*", "resources/receipts/models/demo_*"]
made = [path for pattern in patterns for path in pathlib.Path().glob(pattern)]
if not made:
    sys.exit()

import yaml

config = yaml.safe_load(pathlib.Path("config/config.yaml").read_text())
yours = [pathlib.Path(path).resolve() for path in (config.get("paths") or {}).values()]
for path in made:
    for folder in yours:
        if folder.is_relative_to(path.resolve()) or path.resolve().is_relative_to(folder):
            sys.exit(f"{path} overlaps {folder}, which config/config.yaml names under `paths`: nothing was removed.")
for path in made:
    print("removing", path)
    path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
endef
export CLEAN

.PHONY: help setup demo plan test test-slow test-all lint format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

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
	@$(ALONE) snakemake --unlock >/dev/null 2>&1 || true; \
	exec snakemake --profile profiles/local

plan: setup ## Show jobs, items, bytes and GPU-hours of the build, running nothing
	@snakemake plan --profile profiles/local

test: setup ## Run the tests, but for the slow ones
	@pytest -m "not slow"

test-slow: setup ## Run the slow tests
	@pytest -m slow || [ $$? -eq 5 ] # 5: there are none

test-all: setup ## Run all tests
	@pytest

lint: setup ## Check style and format, changing nothing
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

format: setup ## Put files into the house format
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow/rules

clean: ## Remove what builds made; downloads and folders under `paths` stay
	@$(ALONE) $$(command -v python || command -v python3) -c "$$CLEAN"
