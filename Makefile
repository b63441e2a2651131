# SPDX-License-Identifier: EUPL-1.2
# The one door: the same commands on a laptop and in CI. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOLDER ?=
# Tests wait more than they compute: three processes suit two cores. A machine with more may say JOBS=8.
JOBS ?= 3

.PHONY: help demo test check bench science soak docs parts clean

help:  ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "citimeasure needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/run.stamp  ## a month of a simulated neighbourhood through the real chain (FOLDER=... keeps it)
	$(BIN)/citimeasure demo $(if $(FOLDER),--folder $(FOLDER))

test: $(VENV)/dev.stamp  ## every test that can run here
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

check: $(VENV)/dev.stamp docs  ## lint, types, imports, licences, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/docs/house.py

bench: $(VENV)/dev.stamp  ## speeds as ratios with their rivals, into build/bench.json
	bash tests/parts/telegraf.sh
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m tests.bench.speed

science: $(VENV)/dev.stamp  ## accuracy on real data, into build/science.json
	$(BIN)/python -m tests.bench.science

soak: $(VENV)/dev.stamp  ## everything that breaks parts, floods, alters inputs or takes days, whole (hours)
	CITIMEASURE_SOAK=1 CITIMEASURE_REQUIRE_ALL=1 $(BIN)/python -m pytest tests/soak tests/journeys tests/firmware \
	    -k 'soak or kill or outage or cuts or month or day or damaged' --timeout 3600

docs: $(VENV)/dev.stamp  ## the documentation, into build/docs
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -W -n -q -b html docs build/docs

parts:  ## build or fetch the real servers, MicroPython and a disassembler that the tests use (15 minutes on 2 cores)
	bash tests/parts/micropython.sh
	bash tests/parts/xtensa.sh
	if command -v npm >/dev/null; then bash tests/parts/improv.sh; fi
	bash tests/parts/rmqtt.sh & rmqtt=$$!; bash tests/parts/influxd.sh && wait $$rmqtt

clean:  ## remove what these commands made
	rm -rf $(VENV) build dist
