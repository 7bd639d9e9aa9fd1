# Everything a developer types. `make` alone lists the targets.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed-runtime
DEVELOPMENT := $(VENV)/.installed-development
# The first interpreter found that TensorFlow runs on; `make PYTHON=/path/to/python3.12 venv` chooses another.
PYTHON ?= $(shell for candidate in python3.12 python3.11 python3.13 python3 python; do \
	$$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$candidate && break; done)
# What `make check` runs: unit tests and the contracts that only read files.
CHECKED := tests/unit $(addprefix tests/contract/test_,artifact_names.py changelog.py developer_tools.py documentation.py \
	house_rules.py openapi_is_current.py package_data.py private_upstream_api.py reference_tables.py unit_tests.py)
SOURCES := service worker model_store tests benchmarks

# Where Python is told to keep no compiled modules, each of the hundreds of processes that the tests start compiles ours
# again: a seventh of an API process's start, a quarter of the collection of the unit tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv page demo run check test coverage promises hosts competitors lint format openapi lock clean page-pictures clients release install-check

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(DEVELOPMENT)  ## create .venv and install the locked packages

# Lock files name all packages. Told to look for others, pip tries the newest release for one with an extra, such as
# `coverage[toml]`, and fails when that is not the locked one.
$(RUNTIME): pyproject.toml requirements/run.lock
	@if [ -z "$(PYTHON)" ]; then \
		echo "convserve needs Python 3.11, 3.12 or 3.13, and found none; install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot create virtual environments; on Debian and Ubuntu, install the package python3-venv" >&2; \
		exit 1; \
	}
	@echo "creating $(VENV) (TensorFlow is large: this takes minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEVELOPMENT): $(RUNTIME) requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	@touch $@

# The page is bundled when it is missing or older than its sources. Without npm's packages (offline, for example) the API
# works without it, and says so.
PAGE := service/static/index.html
PAGE_SOURCES := $(shell find service/page -type f) package.json package-lock.json
$(PAGE): $(PAGE_SOURCES) | $(RUNTIME)
	@sh service/page/build.sh $(BIN)/python || { [ $$? = 75 ] && echo "THE PAGE COULD NOT BE BUILT (see above): http://localhost:8000/ has no page, the API works" >&2; }

# The types that the page's JavaScript has in its comments; where npm's packages are.
PAGE_TYPES = @[ ! -d node_modules/typescript ] || sh service/page/build.sh $(BIN)/python types

page: $(RUNTIME) $(PAGE)  ## bundle the web page into service/static, if it is missing or old

demo: $(RUNTIME) $(PAGE)  ## see it work: train a network, classify pictures
	@exec $(BIN)/convserve demo

run: $(RUNTIME) $(PAGE)  ## run everything on this machine until Ctrl-C
	@exec $(BIN)/convserve up

# Types are checked while the tests run: together they take half as long on two cores.
check: $(DEVELOPMENT) $(PAGE)  ## the quick gate: format, lint, types, imports, API description, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(PAGE_TYPES)
	@$(BIN)/mypy & types=$$!; \
	$(BIN)/lint-imports && $(BIN)/python -m service.cli.openapi --check && $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not long" -p no:playwright $(CHECKED); tests=$$?; \
	wait $$types && exit $$tests

define LINT
$(BIN)/ruff format --check .
$(BIN)/ruff check .
$(PAGE_TYPES)
$(BIN)/lint-imports
endef

# Four at a time, because many tests wait for trainings. Each process of tests takes about 2.5 GB of memory with its stack;
# `make test AT_ONCE=2` where that is too much. Promises that measure how fast answers come: one at a time. The slowest
# promises, and the tests marked `long`, only in `make promises`.
AT_ONCE := 4
WAITING := tests/integration tests/learning tests/examples tests/contract tests/unit
UNMEASURED_PROMISES := $(patsubst %,tests/promises/test_%_promises.py,broker disk store upload)
SIDE_BY_SIDE := $(UNMEASURED_PROMISES) $(WAITING)
SLOW_PROMISES := $(addprefix tests/promises/test_,limit_promises.py preemption_promises.py start_promises.py worker_promises.py)
MEASURED_PROMISES := $(filter-out $(SLOW_PROMISES) $(UNMEASURED_PROMISES),$(wildcard tests/promises/test_*.py))
# Up to three tests that fail beside others are tried once more, alone: other users of the machine may have kept it too
# busy for them. What failed the first time stays in the output, and deserves a look. $(1): a name; $(2): how pytest is
# called.
FIRST_TRY := build/first-try
define PYTEST
rm -rf $(FIRST_TRY)/$(1); \
$(BIN)/python -m pytest -o cache_dir=$(FIRST_TRY)/$(1) -m "not long" --dist loadfile --no-loadscope-reorder $(2); tests=$$?; \
if [ $$tests = 1 ] && $(BIN)/python -c 'import json, sys; sys.exit(len(json.load(open("$(FIRST_TRY)/$(1)/v/cache/lastfailed"))) > 3)'; then \
	echo "Once more, alone:"; \
	$(BIN)/python -m pytest -o cache_dir=$(FIRST_TRY)/$(1) -m "not long" --last-failed --last-failed-no-failures none $(2) -n 0; tests=$$?; \
fi
endef
# Types are checked and the page is tried while the other tests run, whose processes often wait; the OpenAPI document is
# checked by one of the tests. The page has a pytest of its own: Playwright's event loop and those of other tests do not
# go together in one process. Its output comes when all have ended.
PAGE_TESTS := build/page-tests.log
# The tests start hundreds of processes. Where PYTHONDONTWRITEBYTECODE is set, each would compile all modules: 0.6 s.
COMPILED := @$(BIN)/python -m compileall -q service worker model_store
test: $(DEVELOPMENT) $(PAGE)  ## the whole gate: format, lint, types, imports, API description, tests
	$(LINT)
	$(COMPILED)
	@mkdir -p $(dir $(PAGE_TESTS)); \
	$(BIN)/mypy & types=$$!; \
	{ $(call PYTEST,browser,-n 1 tests/browser); exit $$tests; } > $(PAGE_TESTS) 2>&1 & page=$$!; \
	$(call PYTEST,others,-n $(AT_ONCE) -p no:playwright $(SIDE_BY_SIDE)); \
	wait $$page; page=$$?; \
	cat $(PAGE_TESTS); \
	wait $$types && [ $$page = 0 ] && exit $$tests
	$(BIN)/python -m pytest -m "not long" -p no:playwright $(MEASURED_PROMISES)

# Not part of `make test`: Python's tracing makes the tests take 1.4 to 1.9 times the processor time (3.11).
coverage: $(DEVELOPMENT) $(PAGE)  ## run all tests and list the lines that none of them reaches
	$(COMPILED)
	$(BIN)/python -m pytest --cov --cov-report= -m "not long" -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(SIDE_BY_SIDE)
	$(BIN)/python -m pytest --cov --cov-append --cov-report= -m "not long" -n 3 --dist loadfile --no-loadscope-reorder tests/browser
	$(BIN)/python -m pytest --cov --cov-append -m "not long" $(MEASURED_PROMISES)

promises: $(DEVELOPMENT)  ## break everything many times (about an hour); prints and writes docs/explanation/promises.md
	PROMISES=long $(BIN)/python -m pytest -p no:cacheprovider -o timeout=1800 -m long $(WAITING)
	PROMISES=long $(BIN)/python -m pytest -p no:cacheprovider -o timeout=1800 -m long tests/browser
	PROMISES=long $(BIN)/python -m pytest -p no:cacheprovider -o timeout=1800 tests/promises

# Needs Linux, iproute2 and util-linux, and the right to make namespaces; where they are missing, it says so and ends with 77.
hosts: $(DEVELOPMENT)  ## nine hosts and a client in network namespaces: what works between them, and when one is lost (minutes)
	@$(BIN)/python -m benchmarks.hosts

competitors: $(DEVELOPMENT)  ## measure LitServe, BentoML, Ray Serve and MLServer beside ours, each in its own environment
	$(BIN)/python -m benchmarks.serving.competitors

clients: $(DEVELOPMENT)  ## generate clients from the OpenAPI document (Python, Java, and TypeScript where node is), and try them
	$(BIN)/python -m benchmarks.generated_clients

lint: $(DEVELOPMENT) $(PAGE)  ## format, lint, types, import contracts and the OpenAPI document, without tests
	$(LINT)
	$(BIN)/python -m service.cli.openapi --check
	$(BIN)/mypy

page-pictures: $(DEVELOPMENT)  ## write docs/pictures/page-*.png; needs chromium, and a server that has trained on Fashion-MNIST
	$(BIN)/python -m tests.browser.screenshots $(or $(URL),http://localhost:8000) docs/pictures

format: $(DEVELOPMENT)  ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: $(DEVELOPMENT)  ## write openapi/openapi.json and the tables of docs/reference from the code
	$(BIN)/python -m service.cli.openapi
	$(BIN)/python tests/contract/test_reference_tables.py

# Needs uv (https://docs.astral.sh/uv). Versions that are locked already stay, unless uv is told: make lock UPGRADE=--upgrade
COMPILE = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet $(UPGRADE)
lock:  ## lock the packages again after pyproject.toml changed
	$(COMPILE) pyproject.toml --extra api --extra worker --extra pretrained --extra parquet --extra embedded --extra otel --extra openvino --extra dev -o requirements/dev.lock
	$(COMPILE) pyproject.toml --extra api --extra worker --extra pretrained --extra parquet --extra embedded -c requirements/dev.lock -o requirements/run.lock
	$(COMPILE) pyproject.toml --extra api --extra parquet --extra otel -c requirements/dev.lock -o requirements/api.lock
	$(COMPILE) pyproject.toml --extra worker --extra pretrained --extra otel -c requirements/dev.lock -o requirements/worker-cpu.lock
	$(COMPILE) pyproject.toml --extra worker --extra pretrained --extra otel --extra gpu -c requirements/dev.lock -o requirements/worker-gpu.lock
	printf 'setuptools>=80\nnodejs-wheel-binaries>=20\n' | $(COMPILE) - -c requirements/dev.lock -o requirements/build.lock
	printf 'build>=1.2\ntwine>=6\nsetuptools>=80\n' | $(COMPILE) - -o requirements/release.lock
	npm install --package-lock-only --ignore-scripts --no-fund --no-audit
	node -e 'const fs = require("fs"), file = "package-lock.json", lock = JSON.parse(fs.readFileSync(file)); for (const entry of Object.values(lock.packages)) delete entry.funding; fs.writeFileSync(file, JSON.stringify(lock, null, 2) + "\n")'

# build and twine have packages of their own, so they get an environment of their own.
RELEASE := build/release-tools/bin
$(RELEASE)/twine: requirements/release.lock
	@$(PYTHON) -m venv build/release-tools
	@$(RELEASE)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/release.lock

release: $(DEVELOPMENT) $(PAGE) $(RELEASE)/twine  ## build sdist and wheel into dist, check both, print the release notes; uploads nothing
	rm -rf dist
	$(RELEASE)/python -m build --no-isolation --outdir dist .
	$(RELEASE)/twine check --strict dist/*
	$(BIN)/python -m tests.wheel_contents dist/*.whl
	@awk '/^## /{n++} n==1' CHANGELOG.md
	@echo "dist is ready, and nothing was uploaded. Next: make install-check, tag the commit, twine upload dist/*"

# PYTHONS names the interpreters, such as PYTHONS="python3.11 python3.13".
install-check: $(DEVELOPMENT)  ## install the wheel in dist into empty environments and use it (minutes); PYTHONS chooses interpreters
	$(BIN)/python -m benchmarks.install_check dist/*.whl $(or $(PYTHONS),$(PYTHON))

clean:  ## remove what the targets made, except the data directories
	rm -rf $(VENV) node_modules service/static build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
