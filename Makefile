# Two commands are all a newcomer needs:  make demo   and   make test
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: demo demo-study test lint format bench docs setup oracles clean

demo: setup  ## build the example apps and scan them
	@$(BIN)/python examples/build_apps.py out/apps
	@$(BIN)/nngauge scan out/apps --quiet || test $$? -eq 3
	@echo
	@$(BIN)/nngauge scan out/apps/photo-studio.apk

demo-study: setup  ## a study of 600 packages in two snapshots, four of its models measured here, three compressed, and its reports
	@rm -rf out/demo-apps out/demo-study out/demo-report
	@$(BIN)/python examples/build_study.py out/demo-apps
	@$(BIN)/nngauge study init out/demo-study
	@for month in 2026-08 2026-11; do \
		$(BIN)/nngauge study add out/demo-study out/demo-apps/$$month --snapshot $$month && \
		$(BIN)/nngauge study metadata out/demo-study out/demo-apps/store-$$month.csv --snapshot $$month || exit; done
	@$(BIN)/nngauge study run out/demo-study --audit --keep-models || test $$? -eq 3
	@$(BIN)/nngauge measure out/demo-study --top 4 --launches 2 --most-launches 2 || test $$? -eq 3
	@$(BIN)/nngauge compress out/demo-study --top 3 --seconds 1 --workers 1 || test $$? -eq 3
	@$(BIN)/nngauge estimate out/demo-study --coverage || test $$? -eq 3
	@$(BIN)/nngauge report out/demo-study --html out/demo-report
	@echo
	@echo "the reports: out/demo-report/index.html    the explorer: $(BIN)/nngauge serve out/demo-study"

test: setup  ## the whole test suite
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

lint: setup  ## style, types, import contracts, generated pages, rule examples
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/nngauge rules lint
	@$(BIN)/nngauge knowledge lint
	@$(BIN)/python docs/generate.py --check

format: setup  ## let ruff arrange the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup  ## us beside the peers, in one run
	@$(BIN)/pip install -q -r requirements/bench.txt
	@$(BIN)/python -m benchmarks

docs: setup  ## regenerate the reference pages and build the site
	@$(BIN)/python docs/generate.py
	@$(BIN)/pip install -q -r requirements/docs.txt
	@$(BIN)/zensical build --clean

oracles: setup  ## install the libraries that tests compare with, when present
	@$(BIN)/pip install -q -r requirements/oracles.txt
	@$(BIN)/pip install -q --upgrade --target $(VENV)/apart -r requirements/apart.txt
	@if command -v npm >/dev/null; then cd tests/browser && npm ci --silent --no-audit --no-fund; \
		else echo "npm was not found: pages are not checked with axe-core"; fi

setup: $(READY)

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "nngauge needs Python 3.11 or newer; none was found on the PATH"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || sh requirements/venv.sh "$(PYTHON)" $(VENV)
	@echo "setting up $(VENV) with $$($(BIN)/python --version)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:
	rm -rf $(VENV) out site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
