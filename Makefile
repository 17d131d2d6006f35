# From a clone with git, make and Python to a running wizard. Everything is made inside this folder;
# only `make test` installs packages, and only where it may (see scripts/install-test-parts.sh).

PYTHON ?= python3
DEMO ?= --answers examples/local-ca.toml --state-dir demo/state
# Whole files to each core: fixtures that start a browser or a server are made once. In the order of
# their names: those that take minutes are in tests/e2e, and short ones at the end keep every core busy.
PYTEST ?= --numprocesses auto --dist loadfile --no-loadscope-reorder

CERTBOT_VERSION := 5.8.0
UV_VERSION := 0.13.8
UV := .tools/uv-$(UV_VERSION)/bin/uv
RUN_UV = TMPDIR="$$PWD/.tools" $(UV) # it leaves its lock files behind
BIN := .venv/bin

# Another environment that the caller's shell or settings name is not ours to fill, nor to load from.
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT UV_PYTHON PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX
export PIP_USER := 0
export UV_NO_PROGRESS := 1
# As pip does: an authority that only this machine trusts may stand between it and the registry.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/*),true,false)
export UV_CACHE_DIR ?= $(CURDIR)/.tools/cache/uv
export PIP_CACHE_DIR ?= $(CURDIR)/.tools/cache/pip
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test check fmt lock docs screenshots bench clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

run: $(BIN)/.synced ## open the wizard
	@$(BIN)/pomcert-wizard

demo: $(BIN)/.synced ## a local CA into ./demo, served and proven; no privilege, no person
	@mkdir -p demo
	@$(BIN)/pomcert-wizard $(DEMO)

# Commands are timed while nothing else runs; one that was slow keeps no other test from running.
test: $(BIN)/.synced-dev ## install what the tests need, then run every test
	@PYTHON=$(BIN)/python scripts/install-test-parts.sh
	@$(BIN)/python -m pytest -m alone; timed=$$?; \
	  $(BIN)/python -m pytest -m 'not alone' $(PYTEST) && exit $$timed

check: $(BIN)/.synced-dev ## format, lint, types, import contracts
	@$(RUN_UV) lock --check --quiet
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: $(BIN)/.synced-dev ## format, and mend what ruff can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: $(UV) ## pin what pyproject.toml asks for in uv.lock
	@$(RUN_UV) lock --quiet

docs: $(BIN)/.synced-dev ## docs/answers.md and docs/events.schema.json, from the code
	@$(BIN)/python -m scripts.answers_doc
	@$(BIN)/python -m scripts.events_schema

screenshots: $(BIN)/.synced-dev ## every screen as SVG and PNG
	@$(BIN)/python -m scripts.screenshots

bench: $(BIN)/.synced-dev ## side by side with mkcert, certbot and the library acme alone
	@PYTHON=$(BIN)/python scripts/install-test-parts.sh
	@[ -x .tools/certbot/bin/certbot ] || { $(PYTHON) -m venv .tools/certbot && \
	  .tools/certbot/bin/python -m pip install --quiet --disable-pip-version-check certbot==$(CERTBOT_VERSION); }
	@$(BIN)/python -m benchmarks

clean: ## remove everything made here
	@rm -rf .venv .tools demo dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  tests/e2e/kubernetes/schemas
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/.synced: pyproject.toml uv.lock $(BIN)/python $(UV)
	@$(RUN_UV) sync --quiet --frozen --inexact --compile-bytecode # inexact: leaves the tools of `make test` where they are
	@$(BIN)/python -m compileall -q wizard
	@touch $@

$(BIN)/.synced-dev: pyproject.toml uv.lock $(BIN)/python $(UV)
	@$(RUN_UV) sync --quiet --frozen --group dev --compile-bytecode
	@$(BIN)/python -m compileall -q wizard
	@touch $@ $(BIN)/.synced

$(BIN)/python: | $(UV)
	@$(PYTHON) -m venv --without-pip .venv

$(UV):
	@command -v $(PYTHON) >/dev/null || { \
	  echo 'No $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    'Name a newer one: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) has no venv module. On Debian or Ubuntu: sudo apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv .tools/uv-$(UV_VERSION)
	@.tools/uv-$(UV_VERSION)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || { \
	  echo 'pip could not get uv $(UV_VERSION), which the first run needs. Mend what pip says above, such as' \
	    'a network that is missing, and run this again.' >&2; exit 1; }
