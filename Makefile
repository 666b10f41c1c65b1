# The same words for people and for machines. `make run` needs Python 3.11 or newer and nothing else.
#   make run [PORT=5006] [ADDRESS=localhost] [ARGS=--no-browser]
#   make test [ARGS=tests/core]

PYTHON  ?= python3
PORT    ?= 5006
ADDRESS ?= localhost
ARGS    ?=

VENV    := .venv
BIN     := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test thorough lint bench docs chromium clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	$(BIN)/python launch.py serve --port $(PORT) --address $(ADDRESS) $(ARGS)

# All cores compute; the browsers then have them to themselves: a page that waits for a core is another page.
test: $(VENV)/.test chromium
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest -n auto --dist loadscope -m "not browser and not thorough"
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "browser and not thorough"
else
	$(BIN)/python -m pytest $(ARGS)
endif

# What is too long for every change: fresh seeds, the longest presets and trainings.
thorough: $(VENV)/.test chromium
	$(BIN)/python -m pytest -n auto -m thorough $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: $(VENV)/.test chromium
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.test chromium
	$(BIN)/python -m assets.screenshots $(ARGS)

clean:
	rm -rf $(VENV)

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

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.run

# The browser tests drive the system's Chromium, and the desktop's a window of Qt on a virtual screen; both are
# installed where that is possible without asking.
QT := xvfb libegl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-render-util0 \
      libxcb-xinerama0 libxcb-shape0

chromium:
	@wanted=; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || wanted=chromium; \
	command -v Xvfb >/dev/null || wanted="$$wanted $(QT)"; \
	[ -n "$$wanted" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then root=; \
	elif sudo -n true 2>/dev/null; then root=sudo; \
	else echo "Not found, and no right to install it: $$wanted. Tests that need it will be skipped." >&2; exit 0; fi; \
	command -v apt-get >/dev/null || { echo "Not found: $$wanted. Tests that need it will be skipped." >&2; exit 0; }; \
	$$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$wanted >/dev/null
