# Knotmeter's commands. `make` alone prints them with what they do.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
CODE   := bus services shared knotmeter
# More arguments for pytest, the benchmarks: make test ARGS="tests/bus -x"
ARGS   ?=
# More arguments for the lock: make lock UPGRADE="--upgrade-package numpy"
UPGRADE ?=

# Containers: the program, one service (make restart s=vpin), a folder for results (make export o=OUT).
COMPOSE ?= docker compose
s ?=
o ?= OUT

# A lock must not depend on the pip settings of the machine it is made on.
LOCK_ENVIRONMENT := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock"
PIP_COMPILE := $(LOCK_ENVIRONMENT) $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help install test check format generate bench soak lock clean up down logs ps restart export clean-volumes

help: ## print this help
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(READY) ## make .venv, install the locked packages and knotmeter into it, compile its kernels

$(READY): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"knotmeter needs Python 3.11 or newer, \
	found {sys.version.split()[0]}: name another one with `make install PYTHON=python3.12`")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/knotmeter warm
	@touch $@

test: $(READY) ## run the whole test suite (real-data tests need KNOTMETER_TEST_DATA)
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## format, lint, types, generated = committed, architecture, doctests, README, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m shared.render --check
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_readme.py
	$(BIN)/python -m pytest -q --doctest-modules $(CODE)
	$(BIN)/codespell

format: $(READY) ## format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: $(READY) ## write everything that is rendered from the engines' specs
	$(BIN)/python -m shared.render

bench: $(READY) ## run the benchmarks: each checks its answer, then prints its figures
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(READY) ## run the long determinism and restore suites
	KNOTMETER_SOAK=1 $(BIN)/python -m pytest -m soak $(ARGS)

lock: ## make the two lock files anew from pyproject.toml (after: make install)
	$(PIP_COMPILE) --output-file requirements.lock pyproject.toml
	$(PIP_COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean: ## remove caches, build products and the benchmarks' peers (.venv stays)
	rm -rf build dist *.egg-info .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

up: ## containers: build the image, start the fleet, wait until it is healthy (KNOTMETER_DATA=DIR: your session)
	@$(COMPOSE) build --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown)
	@$(COMPOSE) up --detach --wait || { $(COMPOSE) logs --tail 20 prepare; exit 1; }

down: ## containers: stop and remove them and their networks; the volumes keep the session
	$(COMPOSE) down

logs: ## containers: follow what they log (s=vpin: of one)
	$(COMPOSE) logs --follow --tail 100 $(s)

ps: ## containers: list them
	$(COMPOSE) ps --all

restart: ## containers: start them anew, they go on from their checkpoints (s=vpin: one)
	$(COMPOSE) restart $(s)

export: ## containers: write the results of the recording to OUT (o=DIR: another new folder)
	mkdir $(o)
	$(COMPOSE) run --rm -T export | tar -x -C $(o)

clean-volumes: ## containers: remove them with their volumes: session, recording, secrets
	$(COMPOSE) --profile tools down --volumes
