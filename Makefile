# TAST: `make repro` runs the main job, `make test` checks everything; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= 2
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# An environment keeps its Python; a new one gets the first of these that runs (pyenv has names on PATH of versions that do not).
PYTHONS := 3.11 3.12
version_of = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(origin PYTHON),undefined)
PYTHON := $(or $(wildcard $(BIN)/python),$(shell for one in $(PYTHONS:%=python%) python3; do $$one -c "" 2>/dev/null && echo $$one && break; done))
else ifneq ($(wildcard $(BIN)/python),)
ifneq ($(call version_of,$(PYTHON)),$(call version_of,$(BIN)/python))
$(error $(VENV) is of another Python than $(PYTHON): name another folder for this one too, as in `make test PYTHON=python3.12 VENV=.venv-3.12`)
endif
endif
VERSION := $(call version_of,$(PYTHON))
lock_of = requirements$(if $(filter-out 3.11,$(1)),-$(1)).lock
LOCK := $(call lock_of,$(VERSION))

# uv reads UV_FIND_LINKS, not PIP_FIND_LINKS: where pip is pointed at a folder of wheels (a CPU build of torch), uv is too.
ifneq ($(strip $(PIP_FIND_LINKS)),)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif

.PHONY: help setup repro test mutants chaos lint bench ui serve site sbom clean lock

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(INSTALLED)  ## .venv with the pinned requirements; PYTHON=python3.12, VENV=.venv-3.12 for another beside it

$(INSTALLED): $(wildcard $(LOCK)) pyproject.toml
	@[ -n "$(filter $(PYTHONS),$(VERSION))" ] || { echo "TAST needs Python 3.11 or 3.12, found $(or $(VERSION),none) by $(or $(PYTHON),that name): set PYTHON=/path/to/python3.11 (Debian 12: apt-get install python3.11 python3.11-venv; Ubuntu 24.04: python3.12 python3.12-venv)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is incomplete: apt-get install python$(VERSION)-venv"; exit 1; }
	@$(PYTHON) -m tast.doctor.machine --system
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet uv==0.13.9
	@echo "Installing $(LOCK) into $(VENV) (about 2 minutes) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --requirement $(LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

repro: $(INSTALLED)  ## run the main job: data set -> preprocess -> split -> train -> evaluate -> MLflow -> registry
	@$(BIN)/python -m flows.pipeline

test: lint  ## ruff, mypy, import-linter, pytest over two processes
	$(BIN)/python -m pytest -n 2

mutants: $(INSTALLED)  ## plant known faults one by one and see which a test notices; ROOM="flows", NAMES="seed key", BUDGET=minutes, JOBS=2
	@$(BIN)/python -m tests.mutants $(NAMES) $(foreach room,$(ROOM),--room $(room)) $(if $(BUDGET),--budget $(BUDGET)) --jobs $(JOBS) $(if $(WRITE),--write)

chaos: $(INSTALLED)  ## faults tried on purpose: kills, full disks, flipped bits, bad input; ROOMS="kills stores", BUDGET=minutes, SEED=1, WRITE=1
	@$(BIN)/python -m tests.chaos $(ROOMS) $(if $(BUDGET),--budget $(BUDGET)) $(if $(SEED),--seed $(SEED)) $(if $(WRITE),--write)

lint: $(INSTALLED)  ## ruff, mypy and the rules of who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m flows.stage_deps

bench: $(INSTALLED)  ## benchmarks, JSON into benchmarks/results/; NAMES="evm store" or a group (speed, signal, spo2), PEERS="checkouts of other projects"
	$(BIN)/python -m benchmarks $(NAMES) $(foreach peer,$(PEERS),--peer $(peer))

ui: $(INSTALLED)  ## MLflow and Prefect pages on this machine, until Ctrl-C
	@$(BIN)/python -m flows.ui

serve: $(INSTALLED)  ## schedules: Prefect server, a worker for prefect.yaml's deployments, MLflow page, until Ctrl-C
	@$(BIN)/python -m flows.serve

site: $(INSTALLED)  ## the pages of docs/ as a site in build/site, every link checked
	@$(BIN)/python -m sphinx -n -W --keep-going -q -b html -d build/site.trees docs build/site
	@echo "build/site/index.html"

sbom: $(INSTALLED)  ## what is installed (docs/sbom.cdx.json, CycloneDX) and under which licences (docs/licences.md)
	@$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --of JSON --output-reproducible --pyproject pyproject.toml --output-file docs/sbom.cdx.json requirements.lock 2>/dev/null
	@sed -i -E 's#"url": "https://[a-z.]*pypi[a-z.]*/project/#"url": "https://cyclonedx.org/#' docs/sbom.cdx.json
	@$(BIN)/python -m tests.licences

clean: $(INSTALLED)  ## remove by name the outputs, caches and run history that the pipeline made; OPTIONS="--registry --downloads" for more
	@$(BIN)/python -m flows.clean $(OPTIONS)

# torch from PyPI names packages of CUDA, a CPU build none: they stay out of the locks, and come with the torch that needs them.
lock: $(PYTHONS:%=lock-%)  ## compile requirements.in for each Python: requirements.lock (3.11), requirements-3.12.lock of the same versions

lock-3.12: lock-3.11
lock-%:
	$(BIN)/uv pip compile --quiet --python-version $* --constraint requirements.lock --no-emit-find-links --no-annotate --no-header --upgrade-package torch requirements.in --output-file $(call lock_of,$*)
	sed -i -e 's/^torch==\(.*\)+cpu/torch==\1/' -e '/^\(nvidia\|cuda\)-/d' -e '/^triton==/d' $(call lock_of,$*)
