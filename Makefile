PYTHON ?= $(notdir $(firstword $(shell command -v python3.11 python3.12 python3.13 python3.14 python3) python3))
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DOCS_INSTALLED := $(VENV)/.docs-installed

.PHONY: compare stacks test test-all coverage test-pythons lint types format docs figures claims

# Four strategies under a growing swarm, in four to five minutes; charts and figures go into a new folder of results/.
compare: $(INSTALLED)
	$(BIN)/python -m bench compare $(ARGS)

# The servers of bench/peers beside ours: an hour and a half; goes on where it was interrupted. Then `make figures`.
stacks: $(INSTALLED)
	$(BIN)/python -m bench measure --resume --replace stacks stacks-connections stacks-stalled

# Four processes on any machine: most tests wait for servers and swarms.
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal -m "not long" $(ARGS)

# Those that take long, too.
test-all: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal $(ARGS)

# A small comparison and what `make test` runs, with their coverage; fails below the floor in pyproject.toml.
coverage: $(INSTALLED)
	$(BIN)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml COVERAGE_FILE=$(CURDIR)/.coverage .ci/small_comparison.sh
	$(BIN)/coverage combine --quiet
	$(MAKE) test ARGS='--cov --cov-append --cov-report term $(ARGS)'

# A part of the tests and a small comparison under each other Python that this machine has, 3.12 or later.
test-pythons: $(INSTALLED)
	.ci/other_pythons.sh

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

types: $(INSTALLED)
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Writes the tables of README and docs from results/; ARGS=--check only compares.
figures: $(INSTALLED)
	$(BIN)/python -m bench figures $(ARGS)

# Measures the documentation's claims again: all of them take hours, ARGS='--quick ID' one of them minutes.
claims: $(INSTALLED)
	$(BIN)/python -m bench claims $(or $(ARGS),--all)

# The documentation site, into site/. A dead link fails, and so does a page that needs a network.
docs: $(DOCS_INSTALLED)
	$(BIN)/python -m docs.site
	$(BIN)/zensical build --strict
	$(BIN)/python -m docs.site.offline

$(DOCS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@
