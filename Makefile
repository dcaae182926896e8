# Everything from a fresh clone: `make tables`, `make test`, `make ui`. Needs Python 3.11 or newer; the rest comes by itself.
PYTHON ?= python3
VENV := .venv
PORT ?= 5000
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: tables test check ui env lock clean-env help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

env: $(VENV)/.ready ## set up the environment in .venv

# The executor is copied into the environment, so that it follows its files.
# uv makes and fills the environment; where it is absent, pip brings it into the environment itself.
$(VENV)/.ready: requirements.lock pyproject.toml $(wildcard workflow/executor/src/*/*.py)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11: name another, as in 'make tables PYTHON=python3.12'."; exit 1; }
	@if command -v uv >/dev/null; then uv venv -q --allow-existing --python "$$(command -v $(PYTHON))" $(VENV); else \
	  $(PYTHON) -m venv $(VENV) && $(VENV)/bin/python -m pip install -q --disable-pip-version-check uv || \
	  { echo "error: $(PYTHON) cannot make an environment: install its venv module (Debian: python3-venv) or uv."; exit 1; }; fi
	@uv pip install -q --compile-bytecode --python $(VENV)/bin/python -r requirements.lock
	@uv pip install -q --python $(VENV)/bin/python --no-deps -e .
	@touch $@

tables: env ## make Tables 1-4 at demo scale, or those of an archive (FROM=archive.tar)
ifdef FROM
	@python -m workflow.rebuild "$(FROM)"
else
	@python -m workflow.jobs.launch all_tables
	@printf '\nThe tables, each as .md, .html, .tex and .csv:\n'; printf '  %s\n' results/table[1-4].md
	@printf 'Every training with its curves, samples and scores:\n  make ui\n'
endif

test: env ## run all checks and tests
	@bash tests/run.sh

check: env ## run all checks and the quick tests
	@bash tests/run.sh -m "not slow and not slurm"

ui: env ## browse every run in MLflow on 127.0.0.1
	@python -m enco.tracking ui --port $(PORT)

lock: ## pin the newest versions that fit, and write environment.yml
	uv pip compile -q --universal --python-version 3.11 --extra dev --no-annotate --no-header pyproject.toml -o requirements.lock
	python -m tests.support.conda

clean-env:
	rm -rf $(VENV)
