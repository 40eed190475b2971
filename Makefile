# Two commands do all the set-up: `make run` (the whole system with the 2013 sample) and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install run test test-quick check bench year bench-due bench-cluster bench-nth histories proofs chaos fuzz canary image image-test bundle bundle-test format docs deploy-files lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "the venv module is needed (Debian: apt-get install python3-venv)"; exit 2; }

.venv/installed: .venv/pyvenv.cfg requirements.lock pyproject.toml
	@echo "Installing the packages of requirements.lock (the first time takes about a minute) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@echo "Installing the packages of requirements-dev.lock ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

install: .venv/installed ## the command .venv/bin/shixian, with locked and hash-checked packages

run: install ## the whole system on this machine with the 2013 sample in it, until Ctrl-C
	@exec $(BIN)/shixian up --demo

test: .venv/installed-dev ## checks and all tests, against a real Kafka and a real PostgreSQL
	@exec scripts/test.sh

test-quick: .venv/installed-dev ## what needs no servers, in about a minute
	$(BIN)/pytest -q -n 2 tests/unit tests/contract tests/golden tests/property

check: .venv/installed-dev ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What the peers need besides is in an environment of its own; without it they are named as missing.
.venv/peers/installed: .venv/pyvenv.cfg requirements-bench.lock
	@echo "Installing the packages of requirements-bench.lock ..."
	@$(PYTHON) -m venv .venv/peers && .venv/peers/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes \
	  -r requirements-bench.lock && touch $@ || echo "not installed; the bench names what it can't run"

bench: .venv/installed-dev .venv/peers/installed ## what a second brings, beside Kafka Streams, Quix, Faust: SHORT=1 FACTS=200000 OUT=bench-results
	$(BIN)/python -m benchmarks.bench $(if $(SHORT),--short) $(if $(FACTS),--facts $(FACTS)) --output $(or $(OUT),bench-results)

year: .venv/installed-dev ## a bureau's year, 2,200,046 requests, in a run that goes on where it stopped: SHARE=10 (15 minutes) FOLDER=year-run
	$(BIN)/python -m benchmarks.year --share $(or $(SHARE),1) --folder $(or $(FOLDER),year-run)

bench-due: .venv/installed-dev ## due dates a second, beside holidays and numpy
	$(BIN)/python -m benchmarks.due

bench-cluster: .venv/installed-dev ## three brokers beside one, up to three processes beside one: FACTS=60000
	$(BIN)/python -m benchmarks.cluster $(if $(FACTS),--facts $(FACTS)) --output $(or $(OUT),bench-results)

bench-nth: .venv/installed-dev ## the n-th fact of one case beside the first, a batch of one subject beside an ordinary one
	$(BIN)/python -m benchmarks.nth

histories: .venv/installed-dev ## status, events, account, metrics and lists agree on every day of 100,000 histories: HISTORIES=100000
	HISTORIES=$(or $(HISTORIES),100000) $(BIN)/pytest -q tests/property/test_histories.py

proofs: .venv/installed-dev ## the tests that take long for what they add: three brokers, 2,000,000 cases, a full disk, a hostile load, too much for intake
	$(BIN)/pytest -m proof tests

chaos: .venv/installed-dev ## nothing lost, nothing twice: FAULTS=40 FACTS=20000 SEED=1 KINDS="kill flip" (docs/chaos.md)
	$(BIN)/python -m tests.chaos.run --faults $(or $(FAULTS),40) --facts $(or $(FACTS),20000) --seed $(or $(SEED),1) \
	  $(if $(KINDS),--kinds $(KINDS))

fuzz: .venv/installed-dev ## a hostile load beside an ordinary one: RECORDS=100000 CASES=1000000 SECONDS=120 SEED=1
	$(BIN)/python -m tests.chaos.fuzz --records $(or $(RECORDS),100000) --seed $(or $(SEED),1)
	SHIXIAN_FUZZ_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/pytest -q --timeout 3600 -p schemathesis.pytest.plugin \
	  tests/unit/openapi_fuzz.py tests/integration/test_openapi.py
	$(BIN)/python -m tests.chaos.hostile --cases $(or $(CASES),1000000) --seconds $(or $(SECONDS),120) --seed $(or $(SEED),1)

# The same packages, with the newest Faust in front of the locked one.
canary: .venv/installed-dev ## the transport's tests with the newest release of Faust, before anyone moves to it
	$(PYTHON) -m venv .venv/canary
	$(BIN)/python -c 'import site; print("import site; site.addsitedir(%r)" % site.getsitepackages()[0])' \
	  >"$$(echo .venv/canary/lib/python3*/site-packages)/locked.pth"
	.venv/canary/bin/python -m pip --disable-pip-version-check --quiet install --upgrade --ignore-installed --no-deps \
	  faust-streaming mode-streaming
	.venv/canary/bin/python -c 'import importlib.metadata as m, importlib.util as u; print("Faust", m.version("faust-streaming"), \
	  "without opentracing" if u.find_spec("opentracing") is None else "WITH opentracing: that hides what broke once")'
	.venv/canary/bin/python -m pytest -q tests/integration/test_transport_*.py -k 'not aiokafka'

image: ## the container image, with Docker or podman (Debian and root: without a registry)
	deploy/image.sh

image-test: .venv/installed-dev image ## the services run from the image, without rights, through the sample year
	$(BIN)/pytest -q -rs tests/image/proof.py tests/image/proof_stacks.py

bundle: .venv/installed ## wheels, jars and a script for a machine without a network: BUNDLE=dist/shixian-bundle
	scripts/bundle.sh $(or $(BUNDLE),dist/shixian-bundle)

bundle-test: .venv/installed ## a bundle made, installed and run where there is no network: BUNDLE=one that is there
	scripts/bundle_test.sh $(BUNDLE)

format: .venv/installed-dev ## put the code into the format that `check` wants
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/installed-dev ## write the generated pages anew
	$(BIN)/python -m services.events.pages
	$(BIN)/python -m scripts.metrics_page
	$(BIN)/python -m scripts.formats_page
	$(BIN)/python -m scripts.cells_table
	$(BIN)/python -m scripts.access_table

deploy-files: .venv/installed-dev ## write the generated files of deploy/ anew
	$(BIN)/python -m services.ops
	$(BIN)/python -m scripts.dashboards

lock: .venv/installed-dev ## resolve the locks anew (the only target that needs uv)
	$(BIN)/python -m pip install --quiet uv
	for extra in dev ""; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	    --python-version 3.11 --custom-compile-command "make lock" $${extra:+--extra $$extra} \
	    $$([ -n "$$extra" ] || echo "-c requirements-dev.lock") pyproject.toml \
	    -o requirements$${extra:+-$$extra}.lock; \
	done
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --python-version 3.11 --custom-compile-command "make lock" benchmarks/peers/requirements.in -o requirements-bench.lock

clean: ## remove what the targets above made in this folder (not the data of `make run`)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
