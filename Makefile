# Each target first makes .venv from requirements.lock, unless it is there and up to date.
# Only that step uses the network, and only for pip.

PROFILE ?= quickstart
BIN := .venv/bin
PY := $(BIN)/python

# The first of these that runs and is of the right version; PYTHON=/path/to/python3.12 overrides the search.
RIGHT_VERSION := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
PYTHON ?= $(shell for each in python3.12 python3.11 python3; do \
	if "$$each" $(RIGHT_VERSION) 2>/dev/null; then echo "$$each"; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help run test lab lint bench

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1 \t/p' Makefile | expand -t 14
	@echo "Profiles: $(basename $(notdir $(wildcard parameters/*.yaml)))"

run: .venv/installed  ## execute a profile: [PROFILE=quickstart] [ARGS="--from 03_finetuning"]
	$(BIN)/workbench run "$(PROFILE)" $(ARGS)

# Two files at a time, but for those that look at the clock: these want the machine to themselves.
TIMED := tests/notebooks/test_chain.py tests/unit/test_models_training.py

test: .venv/installed  ## run the tests: [ARGS="tests/unit -k profile"]
ifdef ARGS
	$(PY) -m pytest $(ARGS)
else
	$(PY) -m pytest -n 2 --dist loadfile $(addprefix --ignore=,$(TIMED))
	$(PY) -m pytest $(TIMED)
endif

lab: .venv/installed  ## open the notebooks in JupyterLab: [PROFILE=quickstart]
	WORKBENCH_PROFILE="$(PROFILE)" WORKBENCH_AUTORELOAD=1 JUPYTER_PREFER_ENV_PATH=1 \
		$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks $(ARGS)

lint: .venv/installed  ## check style, types and floors, and count the lines of each room
	$(BIN)/ruff check lib tests notebooks
	$(BIN)/ruff format --check lib tests notebooks
	$(BIN)/mypy lib
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	$(BIN)/lint-imports
	@$(ROOMS)

bench: .venv/installed  ## run the benchmarks: [ONLY=runner_overhead] [ARGS="quickstart --repeats 1"]
	$(PY) -m tests.benchmarks $(if $(ONLY),--only "$(ONLY)") $(ARGS)

# ---- the environment, in two steps: a change of pyproject.toml does not install every package again

.venv/installed: .venv/packages pyproject.toml
	$(PY) -m pip install --no-deps --no-build-isolation -e .
	@touch $@

# --clear also repairs an environment whose making was interrupted.
.venv/packages: requirements.lock
	@$(SYSTEM_CHECK)
	"$(PYTHON)" -m venv --clear .venv
	$(PY) -m pip install -r requirements.lock
	@touch $@

define SYSTEM_CHECK
lacks() { echo "$$1" >&2; missing=yes; }; \
if ! "$(PYTHON)" $(RIGHT_VERSION) 2>/dev/null; then \
	lacks "Python 3.11 or 3.12 is missing: install it (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv) or name one with PYTHON=/path/to/python3.12."; \
elif ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
	lacks "$(PYTHON) comes without the venv module: install it (Debian, Ubuntu: apt-get install $(if $(findstring 3.,$(notdir $(PYTHON))),$(notdir $(PYTHON)),python3)-venv)."; \
fi; \
if ! "$(PYTHON)" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null && ! ldconfig -p 2>/dev/null | grep -q libgomp.so.1; then \
	lacks "The system library libgomp.so.1, which LightGBM needs, is missing: install it (Debian, Ubuntu: apt-get install libgomp1)."; \
fi; \
test -z "$$missing"
endef

# One line for each room of the lib: its modules, its lines, its longest module.
define ROOMS
find lib/workbench -name '*.py' -exec wc -l {} + | awk '$$2 != "total" { \
	split($$2, part, "/"); room = part[3]; sub(/[.]py$$/, "", room); modules[room]++; lines[room] += $$1; all += $$1; files++; \
	if ($$1 > longest[room]) longest[room] = $$1 } \
	END { printf "%-14s %8s %7s %8s\n", "room", "modules", "lines", "longest"; \
	for (room in lines) printf "%-14s %8d %7d %8d\n", room, modules[room], lines[room], longest[room] | "sort"; \
	close("sort"); printf "%-14s %8d %7d\n", "together", files, all }'
endef
