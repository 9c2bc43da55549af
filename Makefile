# The chores, the same words on a laptop and in CI. Needs make and Python >= 3.11; nothing else.
#   make demo      everything from nothing: environment, synthetic data, a trained and explained model, the service
#   make setup     the environment in .venv, exact versions (quick when nothing changed)
#   make test      the tests              make check    ruff, mypy, import rules, the OpenAPI file
#   make openapi   write openapi/openapi.json anew, and the client after it
#   make client    write the client's generated files anew
#   make lock      write requirements.lock anew, and its hashes    make hashes    the hashes alone
#   make faults    every case of docs/faults.md on real processes, in minutes (LONG=1: a hundred kills, a thousand flips)
#   make fuzz      schemathesis against the running service for half an hour (FUZZ_SECONDS=n): what the document says holds
#   make swaps     500 swaps and rollbacks while 32 clients ask: nothing fails, no reply mixes bundles (SWAPS=n)
#   make overload  four times as many clients as fit, slow and vanishing ones    make soak    half an hour of load and swaps: does it grow?
#   make docker    the compose files, tried for real
#   make clean     what the chores made (not .venv, not your models)    make distclean    .venv as well
#   make clouds    prismrec fetch from S3 and from Google's storage, on servers that stand in for them
#   make supply    licences, known vulnerabilities      make sbom     what is in the image, as CycloneDX
#   make bench-accuracy    the table of docs/results/ (SEEDS=1 SET=ml-100k DATA=folder of the data sets; more below)
#   make bench-conditions  the same runs asked for a genre and for two, the page beside that table
#   make bench-control     the same runs steered by dose and started cold, the page beside that table
#   make bench-explanations  do the parts make the score, do they name what the model goes by; the page beside that table
#   make bench-explaining  what an explanation costs beside a list: processor time of the served process (OF='model run ...')
#   make bench-disentanglement  how well the axes of those runs say what is known of the users, and on synthetic data
#   make bench-loading     ten million interactions into each engine of the store, to the end and killed at half (QUICK=1)
#   make bench-training    speed and memory of training beside a plain dense implementation (QUICK=1: does it work?)
#   make bench-recovery    are factors planted in synthetic data found again? (JOBS=2: two processes; QUICK=1)
#   make bench-complexity  how many epochs until latents carry something, and which figure of the data says so (JOBS, QUICK)
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PORT ?= 8000
# An extra index (or a folder of wheels) in which pip finds another build of torch, e.g. the small one for CPUs:
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
TORCH := torch==2.13.0
TESTS ?= tests
EXTRAS := serve,postgres,train,test,traces,fetch

BIN := $(VENV)/bin
STAMP := $(VENV)/.prismrec-stamp
TOOLS := $(VENV)/tools
PIP := $(BIN)/python -m pip --disable-pip-version-check
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help setup demo test faults swaps fuzz overload soak check clouds supply sbom openapi client bench-accuracy bench-conditions bench-control bench-explanations bench-explaining bench-disentanglement bench-loading bench-training bench-recovery bench-complexity docker lock hashes clean distclean

help:
	@sed -n '2,/^SHELL/s/^# *//p' Makefile

setup: $(STAMP)

# The oldest Python that fits: what runs there runs on the newer ones too.
$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { echo "$$python has no venv module (Debian: apt-get install python3-venv)" >&2; continue; }; \
	  echo "making $(VENV) with $$("$$python" --version)"; exec "$$python" -m venv $(VENV); \
	done; \
	echo "error: prismrec needs Python 3.11 or newer with the venv module; none was found" >&2; \
	echo "hint: install one (Debian: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3" >&2; exit 2

# Every package by its hash, of any wheel of its version; but torch, of which everybody has another build (docs/adr/0024).
$(STAMP): pyproject.toml requirements.lock requirements/all.txt | $(BIN)/python
	$(PIP) install --quiet --require-hashes --no-deps -r requirements/all.txt
	$(PIP) install --quiet -c requirements.lock $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)
	$(PIP) install --quiet -c requirements.lock --no-build-isolation -e '.[$(EXTRAS)]'
	touch $@

demo: setup
	$(BIN)/prismrec data synth runs/demo-data --name demo --replace
	$(BIN)/prismrec standalone runs/demo-data -c demo.toml --out models/demo --run runs/demo --port $(PORT)

test: setup
	$(BIN)/python -m pytest $(TESTS)

# Every case of docs/faults.md on real processes, in a few minutes, as `make test` does. LONG=1: the long form; SEED=n: the
# same moments again; KILLS, FLIPS, LOCKED_SECONDS: one of them longer.
KILLS ?= $(if $(LONG),100,10)
FLIPS ?= $(if $(LONG),150,2)
LOCKED_SECONDS ?= $(if $(LONG),30,3)
faults: setup
	KILLS=$(KILLS) FLIPS=$(FLIPS) LOCKED_SECONDS=$(LOCKED_SECONDS) $(if $(SEED),SEED=$(SEED)) $(BIN)/python -m pytest tests/faults

# The long form of what CI runs with sixteen swaps; a few minutes on two cores.
SWAPS ?= 500
swaps: setup
	SWAPS=$(SWAPS) $(BIN)/python -m pytest -s tests/faults/test_swaps.py

# Rounds of new seeds until the time is up, each printed; writes the page and its twin. SEED=n: the round of that seed again.
FUZZ_SECONDS ?= 1800
fuzz: setup
	$(BIN)/python -m tests.service.fuzzing $(if $(SEED),--seed $(SEED),--seconds $(FUZZ_SECONDS) --results docs/results/fuzz)

# The long form of what CI runs for two seconds a burst.
OVERLOAD_SECONDS ?= 30
overload: setup
	OVERLOAD_SECONDS=$(OVERLOAD_SECONDS) $(BIN)/python -m pytest -s tests/faults/test_overload.py tests/faults/test_slow_clients.py

# Memory, files and threads under a mixed load with swaps, after a warm-up of three minutes; writes the page and its twin.
SOAK_SECONDS ?= 1800
soak: setup
	$(BIN)/python -m tests.faults.soak --seconds $(SOAK_SECONDS) --results docs/results/soak $(if $(NOTE),--note '$(NOTE)')

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m service.http.openapi_file --check openapi/openapi.json
	$(BIN)/python -m prismrec.clientmaking --check openapi/openapi.json
	$(MAKE) --no-print-directory supply

# Licences of what is installed, and vulnerabilities that are known of what is locked (said loudly where nobody can tell).
supply: setup
	@if $(MAKE) --no-print-directory $(TOOLS)/.stamp; then \
	  $(TOOLS)/bin/pip-licenses --python=$(BIN)/python --format=json | $(BIN)/python .ci/licences.py; \
	  $(BIN)/python .ci/audit.py $(TOOLS)/bin/pip-audit; \
	else \
	  echo "NOT CHECKED: licences and known vulnerabilities, their tools cannot be installed (no network?)" >&2; test -z "$${CI:-}"; \
	fi
	$(BIN)/python .ci/bases.py

# What is in the service's image, as CycloneDX: it is installed from this very file, by hash. IMAGE=prismrec-service (which is
# built) looks into it: what stands there and is not on the list is an error, and Debian's packages are listed as well.
IMAGE ?=
sbom: $(TOOLS)/.stamp
	$(TOOLS)/bin/cyclonedx-py requirements requirements/service.txt --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --of JSON -o sbom.cdx.json
	$(if $(IMAGE),$(BIN)/python .ci/image.py $(IMAGE) --sbom sbom.cdx.json)

# S3 and Google's storage need packages by the dozen, servers that stand in for them as many again: in an environment of their own.
CLOUDS := $(VENV)/clouds
clouds: setup
	test -x $(CLOUDS)/bin/python || $(BIN)/python -m venv $(CLOUDS)
	$(CLOUDS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r requirements/clouds.txt
	CLOUDS=$(CLOUDS)/bin/python $(BIN)/python -m pytest tests/deploy/test_object_stores.py

# These tools live apart from what they look at.
$(TOOLS)/.stamp: requirements/tools.txt | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/tools.txt
	touch $@

openapi: setup
	$(BIN)/python -m service.http.openapi_file openapi/openapi.json
	$(BIN)/python -m prismrec.clientmaking openapi/openapi.json

client: setup
	$(BIN)/python -m prismrec.clientmaking openapi/openapi.json

# The table of all models and baselines in docs/results/, made anew; minutes to hours, and it goes on where it stopped.
# MovieLens is not in the repository: DATA names the folder it was unpacked to, SET the data set in it (any folder that
# prismrec reads). MODELS and BASELINES: a,b or none (default: all). SPLIT: an npz to read the split from. CONFIGS: a
# folder with <model>.toml, as `prismrec tune` writes them. FLAGSHIP: the model to mark as ours (of all there are, it is
# additive-vae). NOTE: a sentence for the page.
# RESULTS: where the page goes. OPTIONS: more of `prismrec bench`, e.g. --add (keep the rows there are), --part validation.
DATA ?= ../shared/data
SET ?= ml-1m
SEEDS ?= 5
SPLIT ?= $(if $(filter ml-1m,$(SET)),$(wildcard $(DATA)/../reference/ml1m_split.npz))
MODELS ?=
BASELINES ?=
FLAGSHIP ?= $(if $(MODELS),,additive-vae)
NOTE ?=
CONFIGS ?= $(wildcard configs/$(SET))
RESULTS ?= docs/results/$(SET)
OPTIONS ?=
HELDOUT ?= $(if $(filter ml-1m,$(SET)),600)
bench-accuracy: setup
	$(BIN)/prismrec bench $(DATA)/$(SET) --results $(RESULTS) --seeds $(SEEDS) \
	  $(if $(SPLIT),--split $(SPLIT),$(if $(HELDOUT),--heldout $(HELDOUT))) $(if $(MODELS),--models $(MODELS)) \
	  $(if $(BASELINES),--baselines $(BASELINES)) $(if $(CONFIGS),--configs $(CONFIGS)) $(if $(FLAGSHIP),--flagship $(FLAGSHIP)) \
	  $(if $(NOTE),--note '$(NOTE)') $(OPTIONS)

# After it: its finished runs (RUNS: others, or single ones) and two fitted baselines, asked for values of an attribute.
RUNS ?= runs/bench-$(SET)
bench-conditions: setup
	$(BIN)/prismrec bench-conditions $(RUNS) --results docs/results/$(if $(filter-out ml-1m,$(SET)),$(SET)-)conditions \
	  $(if $(BASELINES),--baselines $(BASELINES)) $(if $(FLAGSHIP),--flagship $(FLAGSHIP)) $(if $(NOTE),--note '$(NOTE)') $(OPTIONS)

# The guided runs and the others, steered and started cold: about three minutes a run on one core where it is to be decoded
# first, less when it goes on. STEERABLE: which models.
STEERABLE ?= mult-vae,additive-vae
bench-control: setup
	$(BIN)/prismrec bench-control $(RUNS) --results docs/results/$(if $(filter-out ml-1m,$(SET)),$(SET)-)control \
	  --models $(STEERABLE) $(if $(NOTE),--note '$(NOTE)') $(OPTIONS)

# The explanations of those runs, one of each model, by the engine that serves: about two minutes a model on one core, a
# minute more where it is to be decoded and exported first, nothing when it goes on. EXPLAINED: which models;
# macrid-vae takes several times as long.
EXPLAINED ?= additive-vae,mult-vae,c-vae,autoencoder,rec-vae
bench-explanations: setup
	$(BIN)/prismrec bench-explanations $(RUNS) --results docs/results/$(if $(filter-out ml-1m,$(SET)),$(SET)-)explanations \
	  --models $(EXPLAINED) $(if $(FLAGSHIP),--flagship $(FLAGSHIP)) $(if $(NOTE),--note '$(NOTE)') $(OPTIONS)

# About two minutes a model, on a machine that does little else. OF: pairs of a bundle's folder (or that of its versions) and
# the run it was exported from; without it, what `make demo` left.
OF ?=
bench-explaining: setup
	$(BIN)/python -m benchmarks.explaining $(if $(OF),$(shell set -- $(OF); while [ $$# -gt 1 ]; do echo "--of $$1 $$2"; shift 2; done)) \
	  $(if $(QUICK),--quick) $(if $(NOTE),--note '$(NOTE)')

# The latent models among those runs, and of runs on synthetic data that are made on the way: about half an hour on two
# cores, less when it goes on. LATENT: which models; ATTRIBUTES: whose tastes.
LATENT ?= autoencoder,mult-vae,c-vae,macrid-vae,rec-vae,additive-vae
ATTRIBUTES ?= $(if $(filter ml-1m,$(SET)),genre$(comma)year)
comma := ,
bench-disentanglement: setup
	$(BIN)/prismrec bench-disentanglement $(RUNS) --results docs/results/$(if $(filter-out ml-1m,$(SET)),$(SET)-)disentanglement \
	  --models $(LATENT) $(if $(ATTRIBUTES),--attributes $(ATTRIBUTES)) $(if $(NOTE),--note '$(NOTE)') $(OPTIONS)

# About ten minutes and 4 GB of disk; PostgreSQL is a private server (Debian: apt-get install postgresql).
bench-loading: setup
	$(BIN)/python -m benchmarks.loading $(if $(QUICK),--quick,--results docs/results/loading)

# About eight minutes on two cores, on a machine that does nothing else. QUICK=1: tiny shapes, a minute, figures of no meaning.
bench-training: setup
	$(BIN)/python -m benchmarks.training --data $(DATA)/ml-1m $(if $(QUICK),--quick) $(if $(NOTE),--note '$(NOTE)')

# About forty minutes of one core, and it goes on where it stopped (runs/recovery); a process uses one core.
JOBS ?= 2
bench-recovery: setup
	$(BIN)/python -m benchmarks.recovery --jobs $(JOBS) $(if $(QUICK),--quick)

# About fifteen minutes of one core; it goes on where it stopped (runs/complexity), too.
bench-complexity: setup
	$(BIN)/python -m benchmarks.complexity --data $(DATA) --jobs $(JOBS) $(if $(QUICK),--quick)

docker: setup
	$(BIN)/python -m pytest tests/e2e/test_compose.py tests/deploy/test_scale.py tests/deploy/test_obs.py

# Resolved in a fresh environment, from these extras only: what somebody tried out in .venv does not get in.
lock: | $(BIN)/python
	$(PIP) install --dry-run --ignore-installed --quiet --report - $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	  $(TORCH) '.[$(EXTRAS)]' | $(BIN)/python .ci/lock.py > .requirements.lock.new
	mv .requirements.lock.new requirements.lock
	$(MAKE) --no-print-directory hashes

# Hashes of every wheel of the versions that are locked: of all packages, of the two images, of what may be added to the
# service's, and of the tools. What only GPU builds of torch bring is no part of the trainer's.
UV = $(TOOLS)/bin/uv pip compile --quiet --no-header --no-annotate --generate-hashes
hashes: $(TOOLS)/.stamp
	sed '/^#/d; /^torch==/d' requirements.lock | $(UV) --no-deps - -o requirements/all.txt
	grep '^setuptools==' requirements.lock | $(UV) --universal --python-version 3.11 -c requirements.lock \
	  --extra serve --extra postgres --extra fetch --extra traces pyproject.toml - -o requirements/service.txt
	grep '^setuptools==' requirements.lock | $(UV) --universal --python-version 3.11 -c requirements.lock \
	  --extra serve --extra postgres --extra train --no-emit-package torch pyproject.toml - \
	  | awk '/^[^ ]/ {kept = !/^(nvidia-|triton|cuda-)/} kept' > requirements/trainer.txt
	for part in requirements/add-*.in; do \
	  $(UV) --universal --python-version 3.11 -c requirements/service.txt $$part -o $${part%.in}.txt; done
	$(UV) --universal --python-version 3.11 -c requirements/service.txt --extra fetch pyproject.toml requirements/add-*.in \
	  requirements/clouds.in -o requirements/clouds.txt
	$(UV) --universal --python-version 3.11 requirements/tools.in -o requirements/tools.txt

clean:
	rm -rf build dist *.egg-info runs/demo runs/demo-data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find bundle service training prismrec tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
