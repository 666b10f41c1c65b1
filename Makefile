# The same words for people and for machines. `make run` needs Python 3.11 or newer and nothing else.
#   make run [PORT=5006] [ADDRESS=localhost] [ARGS=--no-browser]
#   make test [ARGS=tests/core]

PYTHON  ?= python3
PORT    ?= 5006
ADDRESS ?= localhost
ARGS    ?=

VENV    := .venv
OLDEST  := $(VENV)-oldest
BIN     := $(VENV)/bin
PAGES   := $(shell [ "$$(nproc 2>/dev/null || echo 2)" -gt 1 ] && echo 2 || echo 1)
SITE    := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

NEWEST  := $(shell command -v python3.13 || command -v python3.12)

.PHONY: run test thorough machines newest update lint bench gpu docs site system clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	$(BIN)/python launch.py serve --port $(PORT) --address $(ADDRESS) $(ARGS)

# All cores compute; the browsers then have them to themselves: a page that waits for a core is another page. A failure of
# the one does not hide the other.
test: $(VENV)/.test system
ifeq ($(strip $(ARGS)),)
	@failed=0; \
	echo 'The tests that compute'; \
	$(BIN)/python -m pytest -rs -n auto --dist loadscope -m "not browser and not thorough" || failed=1; \
	echo 'The tests in a browser'; \
	$(BIN)/python -m pytest -rs -n $(PAGES) --dist worksteal -m "browser and not thorough" || failed=1; \
	exit $$failed
else
	$(BIN)/python -m pytest $(ARGS)
endif

# What is too long for every change: fresh seeds, the longest presets and trainings, hostile input, and other machines.
thorough: $(VENV)/.test $(if $(strip $(ARGS)),,$(OLDEST)/.test) system
ifeq ($(strip $(ARGS)),)
	@failed=0; \
	$(BIN)/python -m pytest -n auto -m thorough || failed=1; \
	$(BIN)/python tests/machines.py || failed=1; \
	exit $$failed
else
	$(BIN)/python -m pytest -n auto -m thorough $(ARGS)
endif

# The numeric tests as other processors, numbers of threads and versions of libraries would compute them.
machines: $(VENV)/.test $(OLDEST)/.test
	$(BIN)/python tests/machines.py $(ARGS)

# The newest versions, Panel's newest line among them, with the newest Python that is here.
newest: $(VENV)/.test
	$(if $(NEWEST),$(BIN)/python tests/update.py --newest $(NEWEST) $(ARGS),@echo 'There is no Python 3.12 or newer here.')

# The newest versions that pyproject.toml allows, kept if the tests pass with them.
update: $(VENV)/.test
	$(BIN)/python tests/update.py $(ARGS)

# Style, types and the links of the documents; nothing is downloaded that pip did not install.
lint: $(VENV)/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --threads
	$(BIN)/bandit -q -c pyproject.toml -r engines dashboard dynascope launch.py
	$(SITE)

bench: $(VENV)/.bench system
	$(BIN)/python -m benchmarks $(ARGS)
	$(if $(strip $(ARGS)),,$(BIN)/python launch.py bench)

# On a machine with a graphics card, once a release, in ten minutes: the tests that need one, then steps a second against
# estimates.
gpu: $(VENV)/.test
	@failed=0; \
	timeout 400 $(BIN)/python -m pytest -q -m "gpu and not thorough" || failed=1; \
	timeout 190 $(BIN)/python -m benchmarks gpu || failed=1; \
	exit $$failed

# The pictures that the documents show: of real pages, in a browser, in windows and in notebooks.
docs: $(VENV)/.test system
	$(BIN)/python -m assets.screenshots $(ARGS)

# The documents as a site, in build/site.
site: $(VENV)/.lint
	$(SITE)

clean:
	rm -rf $(VENV) $(OLDEST)

# -- environments: a stamp a set of extras, renewed when what it was made from changes ----------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.run

# Where peers are not to be had, their rows say so.
$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/.test
	@$(INSTALL) -e '.[test,bench]' && touch $@ || echo 'Peers are not to be had: rows that compare with them are left out.' >&2

# Libraries as old as pyproject.toml allows. Where Python is too new for them there is none, and `machines` says so.
$(OLDEST)/.test: pyproject.toml constraints.txt tests/machines.py | $(VENV)/.test
	$(BIN)/python -m venv --clear $(OLDEST)
	$(BIN)/python tests/machines.py --oldest > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	    -c $(OLDEST)/constraints.txt -e '.[notebook]' pytest pytest-xdist hypothesis && touch $@ || rm -rf $(OLDEST)

# Pyright reads what the tests and the hosts import, too.
$(VENV)/.lint: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.run

# Browsers, a virtual screen and what Qt loads are the system's: what is not there is installed where that is possible
# without asking. What is still not there then is named, and the tests that need it are skipped.
system: $(VENV)/.test
	@$(BIN)/python tests/system.py
