# One recipe for people, hooks and CI. `make` alone prints what there is.
PYTHON ?= python3
STATE  := .slipway
BIN    := .venv/bin
TIMED  := $(BIN)/python -m tests.timing
# A suite: its minutes are noted, each test's seconds are in the report; what is marked is left out of `make test`.
TIER    = not deep and not push
SUITE   = $(TIMED) $@ $(BIN)/pytest -q -m "$(TIER)" --junitxml=$(STATE)/reports/$@.xml
UV     := uv==0.13.8

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1
export CDK_DISABLE_CLI_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help setup emr demo test check fmt lint types imports hooks contracts synth bench bench-forecasts linters notebook lock clean deploy smoke verify destroy test-unit test-page test-spark test-infrastructure test-pipeline test-end-to-end chromium chaos test-chaos test-push push-stories push-spark test-deep mutants

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STATE)/python.done $(STATE)/node.done $(STATE)/layer.done $(STATE)/jars.done $(STATE)/postgres.done $(STATE)/spark.done ## install what the targets need: Python packages, CDK CLI, Spark's jars, PostgreSQL

$(STATE)/tools.done:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Slipway needs Python 3.11 or newer, found " + sys.version.split()[0] + "; set PYTHON=... to another interpreter")'
	@node -e 'if (+process.versions.node.split(".")[0] < 20) { console.error("Slipway needs Node 20 or newer, found " + process.version); process.exit(1) }' || { echo "Node.js 20 or newer is needed for the CDK CLI and for JSII"; exit 1; }
	@java -version 2>&1 | awk -F '"' '/version/ { split($$2, v, "."); found = 1; if (v[1] + 0 < 17) { print "Slipway needs Java 17 or newer, found " $$2; exit 1 } } END { if (!found) { print "Java 17 or newer is needed to run Spark"; exit 1 } }'
	@mkdir -p $(STATE) && touch $@

# Each step leaves its stamp when it is done, so an interrupted setup goes on at the step that was cut off.
$(STATE)/packages.done: requirements.txt | $(STATE)/tools.done
	@echo "setup 1/5  Python packages (about 1.8 GB on disk, Spark and the CDK are the large ones)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet $(UV)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	@touch $@

$(STATE)/python.done: pyproject.toml $(STATE)/packages.done
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# For Lambda's arm64, whatever this machine is: uv picks the wheels, so no Docker. Synth stays offline (33 MB).
$(STATE)/layer.done: stacks/duckdb_layer.txt stacks/postgres_layer.txt stacks/sftp_layer.txt stacks/emr_layer.txt stacks/layers.py | $(STATE)/python.done
	@$(BIN)/python -m stacks.layers
	@touch $@

$(STATE)/node.done: package.json package-lock.json | $(STATE)/tools.done
	@echo "setup 2/5  CDK command line, axe-core"
	@npm ci --silent --no-audit --no-fund
	@touch $@

# The Ivy inside pyspark fetches from Maven Central, so that Maven itself is not needed. It prints lines of dots whatever
# it is told, and its errors among them, so its output is shown when it fails.
IVY = java $(2) -cp "$$($(BIN)/python -c 'import pathlib, pyspark; print(next(pathlib.Path(pyspark.__file__).parent.glob("jars/ivy-*.jar")))')" \
	  org.apache.ivy.Main -warn -ivy $< -types jar -retrieve "$(STATE)/$(1)/[artifact]-[revision].[ext]" \
	  >$(STATE)/$(1).log 2>&1 || { grep -v '^[. ]*$$' $(STATE)/$(1).log; echo "$< was not fetched: run make setup again"; exit 1; }

$(STATE)/jars.done: local_cloud/spark_jars.xml $(STATE)/packages.done
	@echo "setup 3/5  Spark's Iceberg, Delta and S3 libraries (about 85 MB)"
	@rm -rf $(STATE)/jars
	@$(call IVY,jars)
	@test -n "$$(ls $(STATE)/jars)" && touch $@

$(STATE)/postgres.done: local_cloud/postgres.xml $(STATE)/packages.done | $(STATE)/python.done
	@echo "setup 4/5  PostgreSQL, which sources are tested with (15 MB, 60 MB on disk)"
	@rm -rf $(STATE)/postgres $(STATE)/postgres-jar
	@$(call IVY,postgres-jar,-Dslipway.platform=$$($(BIN)/python -m local_cloud.postgres))
	@$(BIN)/python -m local_cloud.postgres $(STATE)/postgres-jar/*.jar && rm -rf $(STATE)/postgres-jar && touch $@

# Without the archive everything works, only slower: each Spark start costs a third of the processor time with it.
$(STATE)/spark.done: $(STATE)/jars.done | $(STATE)/python.done
	@echo "setup 5/5  archive of Spark's classes, so that each job starts faster (about 250 MB)"
	@$(BIN)/python -m local_cloud.spark_classes
	@touch $@

# For a deployment with emr.release_label emr-spark-8.0.0, and for the proofs that run its Spark: 430 MB unpacked.
$(STATE)/emr.done: local_cloud/emr_jars.xml local_cloud/emr_requirements.txt $(STATE)/packages.done
	@echo "Spark 4.0.2 in an environment of its own, Iceberg for it (about 480 MB on disk)"
	@rm -rf $(STATE)/emr && $(BIN)/uv venv --quiet --python $(BIN)/python $(STATE)/emr/python
	@$(BIN)/uv pip install --quiet --python $(STATE)/emr/python/bin/python --no-deps -r local_cloud/emr_requirements.txt
	@$(call IVY,emr/jars)
	@test -n "$$(ls $(STATE)/emr/jars)" && touch $@

emr: $(STATE)/emr.done ## Spark and Iceberg of emr-spark-8.0.0: for deployments with that release, and for make test-deep

# Somebody else's simulator of IAM for one deep test. It is AGPL, so it has a package.json of its own and is never shipped.
$(STATE)/second_opinion.done: tests/infrastructure/second_opinion/package-lock.json | $(STATE)/tools.done
	@npm ci --prefix $(<D) --silent --no-audit --no-fund
	@touch $@

demo: setup ## run the whole pipeline on the embedded AWS and show every file, row and cent
	@$(BIN)/slipway demo

# First what keeps one processor busy, two at a time.
test: setup ## every check and every suite, without what is marked push or deep; what they took
	@rm -rf $(STATE)/reports
	@$(MAKE) --no-print-directory -j 2 lint types test-infrastructure test-page
	@$(MAKE) --no-print-directory test-unit test-spark test-pipeline
	@$(TIMED)

# What is long and is about one feature: whoever changes that feature runs it, and CI does with each push.
test-push: push-stories push-spark ## stories of single features on the embedded AWS, meanings on Spark; CI runs it after make test
	@$(TIMED)

push-stories push-spark: TIER = push and not deep
push-stories: setup chromium
	@$(PIPELINE) tests/end_to_end
push-spark: setup
	@$(SPARK)

DEEP ?= --all
test-deep: setup $(STATE)/second_opinion.done $(STATE)/emr.done ## proofs that take hours, in slices: make test-deep DEEP=--list (--next, or part of a name)
	@$(BIN)/python -m tests.deep $(if $(filter --%,$(firstword $(DEEP))),$(DEEP),"$(DEEP)")

check: lint types imports ## static checks only: style, types, import rules, contracts

# What looks at source only needs the Python packages, so that a commit hook never waits for Spark's archive.
fmt: $(STATE)/python.done ## put the style of all Python files right
	@$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format --quiet .

lint: $(STATE)/python.done ## style, compiled contracts, dashboards; changes nothing
	@$(TIMED) $@ $(BIN)/ruff check .
	@$(TIMED) $@ $(BIN)/ruff format --check --quiet .
	@$(TIMED) $@ $(BIN)/python -m contracts.authoring --check
	@$(TIMED) $@ $(BIN)/python -m sources.authoring --check
	@$(TIMED) $@ $(BIN)/python -m dashboards

types: $(STATE)/python.done ## mypy, strict
	@$(TIMED) $@ $(BIN)/mypy

imports: $(STATE)/python.done ## who may import whom, each rule as a sentence
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

hooks: $(STATE)/python.done ## run lint, types and imports before each commit of this clone
	@$(BIN)/pre-commit install

# Three at a time, since a quarter of it is waiting: for servers that drip, for clocks of databases.
test-unit: setup ## Lambdas, contracts, ledger, simulated schedules, command line, architecture
	@$(SUITE) -n 3 tests/unit tests/simulation tests/architecture

test-page: setup chromium ## the local page in a real Chromium: figures, accessibility, size, speed, no network
	@$(SUITE) tests/page

# Debian's packages, because Playwright's and Chrome's own downloads are no part of any package list.
chromium:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "The page tests need chromium and chromedriver on PATH; on Debian: sudo apt-get install chromium chromium-driver"; exit 1; }; \
	  echo "installing chromium and chromium-driver (about 400 MB)"; \
	  apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium chromium-driver >/dev/null; }

SPARK = $(SUITE) -n 2 --dist loadfile --no-loadscope-reorder tests/spark

test-spark: setup ## transforms and tables on a local Spark
	@$(SPARK)

test-infrastructure: setup ## templates: nag, lint, policies, assets, determinism
	@$(SUITE) tests/infrastructure

# Four at a time on two processors, since each waits half of its time; the longest first (tests/end_to_end/conftest.py).
PIPELINE = $(SUITE) -n 4 --dist loadfile --no-loadscope-reorder

test-pipeline: setup chromium ## all tests on the embedded AWS: test-chaos and test-end-to-end together
	@$(PIPELINE) tests/chaos tests/end_to_end

test-end-to-end: setup chromium ## the synthesized application on the embedded AWS, under its own roles
	@$(PIPELINE) tests/end_to_end

test-chaos: setup ## short forms of the experiments that break things, on the embedded AWS
	@$(PIPELINE) tests/chaos

EXPERIMENT ?= all
chaos: setup ## break things and count what is lost: make chaos EXPERIMENT=hostile (care, delivery, faults, load, permissions)
	@$(BIN)/python -m chaos $(EXPERIMENT)

# In a folder of its own, so that the product's packages stay as they are locked.
$(STATE)/mutation/site: tests/mutation/requirements.txt $(STATE)/python.done
	@rm -rf $@ && $(BIN)/uv pip install --quiet --python $(BIN)/python --target $@ --no-deps -r $<
	@touch $@

GROUP ?=
mutants: setup $(STATE)/mutation/site ## change the code line by line in a copy and see which tests notice: make mutants GROUP=gate
	@PYTHONPATH=$(STATE)/mutation/site nice -n 15 $(BIN)/python -m tests.mutation $(GROUP)

# Their pins are not the product's, so each has an environment of its own (250 MB).
$(STATE)/linters/done: tests/linters/checkov.txt tests/linters/policies.txt tests/linters/package-lock.json | $(STATE)/tools.done $(STATE)/python.done
	@rm -rf $(@D) && mkdir -p $(@D)
	@for tool in checkov policies; do \
	  $(BIN)/uv venv --quiet --python $(BIN)/python $(@D)/$$tool && \
	  $(BIN)/uv pip install --quiet --python $(@D)/$$tool/bin/python --no-deps -r tests/linters/$$tool.txt || exit 1; done
	@cp tests/linters/package.json tests/linters/package-lock.json $(@D) && npm ci --prefix $(@D) --silent --no-audit --no-fund
	@touch $@

linters: setup $(STATE)/linters/done ## what cfn-lint, checkov, cdk-nag's packs and linters of policies and machines find, counted; each finding needs a reason
	@$(BIN)/python -m tests.linters

contracts: setup ## compile datasets/*/contract.yaml, marts/*/mart.yaml and sources/*.yaml to their folders `compiled`
	@$(BIN)/python -m contracts.authoring
	@$(BIN)/python -m sources.authoring

ENVIRONMENT ?= dev
synth: setup ## write the CloudFormation templates: make synth ENVIRONMENT=prod
	@npx cdk synth --quiet -c environment=$(ENVIRONMENT)

# What follows changes an account: that of the settings, or of the credentials in use. docs/deployment.md.
APPROVAL ?= broadening
deploy: setup ## deploy to an account: make deploy ENVIRONMENT=dev; asks before permissions widen (APPROVAL=never does not)
	@npx cdk deploy --all -c environment=$(ENVIRONMENT) --require-approval $(APPROVAL)

SMOKE ?=
smoke: setup ## after a deployment, a file through everything and out again: make smoke ENVIRONMENT=dev SMOKE="--partner acme --identity KEY"
	@$(BIN)/slipway --environment $(ENVIRONMENT) smoke $(SMOKE)

verify: setup ## ask the account: a change set per stack, made and not executed; then Access Analyzer and Step Functions
	@npx cdk deploy --all -c environment=$(ENVIRONMENT) --method prepare-change-set --require-approval never
	@$(BIN)/slipway --environment $(ENVIRONMENT) verify

DELETE_DATA ?= no
destroy: setup ## remove the stacks and keep data and keys; DELETE_DATA=yes deletes these, too, if the settings allow it
	@test "$(DELETE_DATA)" = no || npx cdk deploy --all -c environment=$(ENVIRONMENT) -c delete-data=yes --require-approval $(APPROVAL)
	@npx cdk destroy --all -c environment=$(ENVIRONMENT) -c delete-data=$(DELETE_DATA)

# statsmodels is only compared with, so it has an environment of its own.
$(STATE)/forecast-bench/done: benchmarks/forecasts.txt | $(STATE)/tools.done
	@$(PYTHON) -m venv --clear $(@D) && $(@D)/bin/python -m pip install --quiet -r $<
	@touch $@

bench-forecasts: $(STATE)/forecast-bench/done ## WAPE, MASE and coverage of forecasts, beside seasonal naive, ETS and theta of statsmodels
	@OMP_NUM_THREADS=1 $(STATE)/forecast-bench/bin/python -m benchmarks.compare_forecasts

bench: setup ## rows per second, compared with bare Spark and DuckDB; cost of one more day
	@$(BIN)/python -m benchmarks.run

NOTEBOOK ?= sales_analysis
notebook: setup ## run a notebook against the embedded AWS of `slipway up` and write build/NOTEBOOK.html
	@$(BIN)/python -m notebooks.execute $(NOTEBOOK)

lock: ## resolve requirements.in into requirements.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --quiet --no-header requirements.in --output-file requirements.txt

clean: ## remove everything that setup and runs made
	@rm -rf .venv node_modules $(STATE) build cdk.out*
