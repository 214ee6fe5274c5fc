# stmota: `make demo` shows it, `make test` checks all of it, `make setup` makes .venv. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stmota-setup
CHECKS := check-style check-mypy check-pyright check-imports

.DELETE_ON_ERROR:
.PHONY: setup test check $(CHECKS) format demo bench bridge firmware-sample constraints clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stmota needs Python 3.11 or newer; set PYTHON=...")'
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Idle workers take tests of others: the slow ones stand close together.
test: check
	$(BIN)/pytest -n auto --dist worksteal

demo: setup
	$(BIN)/python docs/demo.py

# What stmota claims, measured: half an hour; docs/performance.md. `make bench BENCH="sweep --quick"`: a part of it.
bench: setup
	$(BIN)/python -m bench $(BENCH)

# Side by side: pyright takes as long as all the others.
check: setup
	@$(MAKE) --no-print-directory -j 4 $(CHECKS)

check-style:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

check-mypy:
	$(BIN)/mypy

check-pyright:
	$(BIN)/pyright

check-imports:
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The bridge firmware's core as a program: bridge_firmware/host/build/stmota-bridge.
bridge:
	$(MAKE) -C bridge_firmware/host

# Rebuilds the image that `make demo` flashes; needs gcc-arm-none-eabi.
firmware-sample:
	$(MAKE) -C simulator/sample_firmware

# Rewrites the pinned versions and their hashes; review the diff.
constraints: setup
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	    --no-header --all-extras --group dev pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
