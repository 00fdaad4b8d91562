# make demo: see it work. make test, make check, make bench: see that it holds, is tidy, is fast.
# make test-faults: see it killed, for as long as you like.

PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers
PIP := $(PYTHON) -m pip --disable-pip-version-check --quiet --quiet --python $(BIN)/python install

.PHONY: demo test test-faults check bench format locks clean

demo: $(READY)
	@$(BIN)/python -m deploy.demo.run $(if $(ONCE),--once)

test: $(READY)
	@tests/install-tools
	$(BIN)/python -m tests.end_to_end.bugsink
	$(BIN)/pytest $(ARGS)

# Kills for SECONDS, prints its seed, and with SEED=n kills in the same way again; then the long
# form of the state machine, and the hunt for broken services; then the same for applications.
test-faults: $(READY)
	$(BIN)/python -m tests.faults.kill_loop --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))
	EXAMPLES=300 $(BIN)/pytest tests/faults/test_state_machine.py
	$(BIN)/python -m tests.faults.mutants
	$(BIN)/python -m tests.shipper.chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.shipper.chaos.mutants

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/pytest tests/test_docs.py

bench: $(READY) $(PEERS)
	@tests/install-tools
	@$(BIN)/python -m tests.benchmarks $(ARGS)

format: $(READY)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# Debian without python3-venv has no ensurepip, so the environment is filled from outside.
$(READY): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed: apt-get install python3 python3-pip"; exit 1; }
	@echo "Preparing $(VENV) (a minute, once) ..."
	@$(PYTHON) -m venv --without-pip --clear $(VENV)
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# What is measured next to ours. Where that cannot be had, the benchmarks say what they left out.
$(PEERS): requirements-bench.lock $(READY)
	@echo "Adding what is measured next to ours to $(VENV) ..."
	@$(PIP) --require-hashes --requirement requirements-bench.lock && touch $@ || true

# Hashes only: a lock never records where a package came from.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-config --upgrade
locks:
	$(COMPILE) --extra service --output-file requirements.lock
	$(COMPILE) --extra service --group dev --group demo --output-file requirements-dev.lock
	$(COMPILE) --group bench --constraint requirements-dev.lock --output-file requirements-bench.lock

clean:
	rm -rf $(VENV) .venv-bugsink .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
