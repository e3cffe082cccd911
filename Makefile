# Everything that is done to the code, by the names that CONTRIBUTING.md uses.
# Needs make, python3 with venv, and what bootstrap.sh lists for the tests.

PYTHON ?= python3
BIN := .venv/bin

# What is made depends on the checkout, not on whose environment this is: only this much of it gets
# through, which says where apt, pip and node find packages, with which certificates, and where home is.
KEPT := HOME PATH \
  http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY \
  SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS \
  PIP_CERT PIP_CLIENT_CERT PIP_CONFIG_FILE PIP_CONSTRAINT PIP_DEFAULT_TIMEOUT PIP_EXTRA_INDEX_URL \
  PIP_FIND_LINKS PIP_INDEX_URL PIP_NO_INDEX PIP_PROXY PIP_TRUSTED_HOST \
  VNETC_HYPOTHESIS VNETC_LAB VNETC_LAB_ALL VNETC_LAB_CACHE # the tests' own
unexport $(filter-out $(KEPT),$(.VARIABLES))
export SHELL # as it is here: /bin/sh

.PHONY: help dev check test golden lab lab-fuzz bench docs
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

dev: .venv/installed ## make .venv with vnetc, editable, and the tools
.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1' # --group
	$(BIN)/pip install --quiet --editable . --group dev
	touch $@

check: dev ## lint, type-check, and build the documentation: no link leads nowhere
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

test: dev check ## check, then run all tests; those of the lab need root
	$(BIN)/pytest --numprocesses 2 --dist loadscope
	$(BIN)/python -m tests.lab.report --check

golden: dev ## rewrite the expected outputs of the tests and of the docs; look at the diff
	$(BIN)/pytest --numprocesses 2 --dist loadscope --update-golden --ignore tests/lab

# with GENERATION=testing: only what comes of Debian testing, which moves, and no report of it
lab: dev ## only the tests that bring hosts up with the real renderers, and what they prove; needs root
ifeq ($(GENERATION),testing)
	VNETC_LAB_GENERATION=testing $(BIN)/pytest --numprocesses 2 --dist loadscope tests/lab -k forky
else
	$(BIN)/pytest --numprocesses 2 --dist loadscope tests/lab
	$(BIN)/python -m tests.lab.report
	$(BIN)/python docs/generate.py
endif

N := 20
SEED := 0
lab-fuzz: dev ## bring N random hosts up, keep the smallest of each that fails; needs root
	$(BIN)/python -m tests.lab.trials.fuzz $(N) --seed $(SEED)

bench: dev ## measure against netplan.io, write docs/reference/performance.md
	$(BIN)/python tests/bench/run.py

docs: dev ## rewrite the generated pages of the reference
	$(BIN)/python docs/generate.py
