# Targets for users and for the gate. `make` lists them.
#
# Minutes per part, 2 cores, first run; a second run builds nothing again:
#
#   part                     first    again
#   environment (.venv)      0.4      0
#   lint, types              0.3      0.1
#   test-pure                1.0      1.0    the core's own tests: 0.8
#   test-compiled            1.6      0.6    first: mypyc and the C compiler
#   test-fuzz                0.6      0.5    ten seconds for each of three targets
#   test-peers               0.6      0.6
#   together                 4.5      2.8

PYTHON ?= python3
# Another interpreter gets environments of its own, so that both stay usable side by side.
SUFFIX := $(if $(filter python3,$(PYTHON)),,-$(subst /,-,$(patsubst /%,%,$(PYTHON))))
VENV ?= .venv$(SUFFIX)
COMPILED ?= .venv-compiled$(SUFFIX)
BUILD := build/compiled$(SUFFIX)
BIN := $(VENV)/bin
PEERS := sipp:sip-tester baresip:baresip-core linphonec:linphone-cli sipsak:sipsak kamailio:kamailio

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONPATH :=
export HATCH_BUILD_HOOK_ENABLE_MYPYC :=

.PHONY: help demo test lint types test-pure test-compiled test-fuzz test-peers
.PHONY: atheris capture peers bench fuzz soak format clean compiler FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@echo "  With PYTHON=python3.12 (say), demo, test, bench, fuzz and soak use that interpreter."

demo: $(VENV)/.run  ## Install into .venv and show a call that wakes a sleeping phone
	@$(BIN)/ebr demo push

test: lint types test-pure test-compiled test-fuzz test-peers  ## Every check, one after the other; stops at the first failure

# --- environments -----------------------------------------------------------------------------------------------------

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	    echo "ebr: $(PYTHON) not found: install Python 3.11 or later, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "ebr: $(PYTHON) is $$($(PYTHON) -V 2>&1), needed is 3.11 or later; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "ebr: $(PYTHON) cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }
	@echo "== $(VENV): $$($(PYTHON) -V) =="
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo '*' > $(VENV)/.gitignore
	@touch $@

$(VENV)/.run: pyproject.toml | $(VENV)/.made
	@echo "== pip install -e . =="
	@$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo "== pip install -e .[dev] =="
	@$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $(VENV)/.run $@

# --- checks -----------------------------------------------------------------------------------------------------------

lint: $(VENV)/.dev  ## ruff and the import contracts
	@echo "== ruff check =="
	@$(BIN)/ruff check --output-format concise .
	@echo "== ruff format --check =="
	@$(BIN)/ruff format --check .
	@echo "== import-linter =="
	@$(BIN)/lint-imports --no-logo

types: $(VENV)/.dev  ## mypy --strict over everything, tests too
	@echo "== mypy =="
	@$(BIN)/mypy

test-pure: $(VENV)/.dev  ## Tests, pure Python
	@echo "== pytest, pure =="
	@EBR_BUILD=pure $(BIN)/pytest --ignore=tests/peers $(PYTEST_ARGS)

# From a folder of its own and without the checkout on sys.path: the core under test is the wheel's.
test-compiled: $(COMPILED)/.run  ## Tests of the core, compiled with mypyc
	@echo "== pytest, compiled =="
	@cd build && EBR_BUILD=compiled $(abspath $(COMPILED))/bin/python -P -m pytest -c $(CURDIR)/pyproject.toml \
	    --rootdir $(CURDIR) -p no:cacheprovider $(CURDIR)/tests/core $(PYTEST_ARGS)

# Wheels of atheris are few. Under CI a missing one is a failure, elsewhere nothing is fuzzed and it says so.
atheris: $(VENV)/.dev
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --only-binary atheris -e '.[fuzz]' || { \
	    echo "ebr: no atheris for $$($(BIN)/python -V) on this machine: nothing is fuzzed" >&2; [ -z "$$CI" ]; }

test-fuzz: atheris  ## A short, repeatable fuzz run of what reads messages, URIs and streams
	@echo "== fuzz, short =="
	@! $(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python tests/fuzz/run.py --short

test-peers: $(VENV)/.dev peers  ## Tests against real SIP programs (as root on Debian: installs them)
	@echo "== pytest, peers =="
	@if ls tests/peers/test_*.py >/dev/null 2>&1; then \
	    EBR_BUILD=pure $(BIN)/pytest tests/peers $(PYTEST_ARGS); \
	else echo "ebr: no tests in tests/peers"; fi

# Anew, by the programs that are installed; tests/corpus/README.md says what to look at before it is committed.
capture: $(VENV)/.dev peers  ## Messages of real SIP programs, for tests/corpus
	@rm -f tests/corpus/*.sip
	@CI=1 EBR_BUILD=pure $(BIN)/pytest tests/peers/test_capture.py --capture-to tests/corpus $(PYTEST_ARGS)

# Under CI a missing program is a failure, elsewhere its tests are skipped and say so.
peers:
	@missing=$$(for pair in $(PEERS); do PATH="$$PATH:/usr/sbin" command -v $${pair%%:*} >/dev/null 2>&1 || echo $${pair#*:}; done); \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "== apt-get install" $$missing "=="; \
	    DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; \
	    apt-get update -qq </dev/null && apt-get install -y -qq --no-install-recommends $$missing </dev/null && exit 0; \
	fi; \
	echo "ebr: tests against real SIP programs need these Debian packages:" $$missing >&2; \
	[ -z "$$CI" ]

# --- the compiled build -----------------------------------------------------------------------------------------------

# By content, not by time of change: a switch of branches or a removed file counts, a mere touch does not.
$(BUILD).sources: FORCE
	@mkdir -p build
	@find pyproject.toml ebr_core adapters conformance -type f \( -name '*.py' -o -name '*.toml' -o -name py.typed \) \
	    | LC_ALL=C sort | xargs cksum > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

compiler: $(VENV)/.made
	@$(BIN)/python -c 'import shlex, shutil, sys, sysconfig; \
	    sys.exit(shutil.which(shlex.split(sysconfig.get_config_var("CC") or "cc")[0]) is None)' || { \
	    echo "ebr: no C compiler for the compiled build: apt-get install gcc libc6-dev" >&2; exit 1; }
	@$(BIN)/python -c 'import os, sys, sysconfig; \
	    sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { \
	    echo "ebr: no Python.h for the compiled build: apt-get install python3-dev" >&2; exit 1; }

# sdist first, wheel from the sdist: nothing is compiled in the checkout.
$(BUILD)/.made: $(BUILD).sources | $(VENV)/.dev compiler
	@echo "== mypyc =="
	@rm -rf $(BUILD)
	@mkdir -p $(BUILD)
	@HATCH_BUILD_HOOK_ENABLE_MYPYC=1 $(BIN)/python -m build --no-isolation --outdir $(BUILD) >$(BUILD)/log 2>&1 || { \
	    cat $(BUILD)/log; exit 1; }
	@touch $@

$(COMPILED)/.run: $(BUILD)/.made
	@echo "== $(COMPILED) =="
	@$(COMPILED)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(COMPILED)
	@echo '*' > $(COMPILED)/.gitignore
	@wheel=$$(ls $(BUILD)/*.whl) && $(COMPILED)/bin/python -m pip install --quiet "$$wheel[test]" && \
	    $(COMPILED)/bin/python -m pip install --quiet --force-reinstall --no-deps "$$wheel"
	@touch $@

# --- measuring, tidying -----------------------------------------------------------------------------------------------

# Without the peer that it compares with (no network, no compiler) it says so and measures the rest.
bench: $(VENV)/.run $(COMPILED)/.run  ## Benchmarks, pure and compiled side by side (BENCH_ARGS are passed on)
	@$(BIN)/python -c 'import sippy' 2>/dev/null || $(BIN)/python -m pip install --quiet -e '.[bench]' || true
	@echo "== benchmarks =="
	@$(BIN)/python tests/benchmarks/run.py --compiled $(COMPILED)/bin/python $(BENCH_ARGS)

fuzz: atheris  ## Fuzz for long: a million executions of each target (FUZZ_ARGS are passed on)
	@! $(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python tests/fuzz/run.py $(FUZZ_ARGS)

soak: $(VENV)/.dev  ## Hours of load, for leaks (SOAK_ARGS are passed on)
	@EBR_BUILD=pure $(BIN)/python tests/benchmarks/soak.py $(SOAK_ARGS)

format: $(VENV)/.dev  ## Put the sources into the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## Remove what was built, the environments too
	@rm -rf build dist .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find ebr_core adapters conformance tests \( -name '*.so' -o -name '*.pyc' \) -type f -delete
	@find ebr_core adapters conformance tests -name __pycache__ -type d -empty -delete
