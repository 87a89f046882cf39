# What people and CI run. `make` lists it; every recipe is one line, and the work is in harness/setup and in cargo.
# From the environment or the command line: CHART (one folder of scenarios/), HELM (3 or 4), KUBERNETES (1.34), KEEP=1, BROWSER (chromium).

asked_kubernetes := $(KUBERNETES)
asked_helm := $(HELM)
include harness/versions.env
KUBERNETES := $(or $(asked_kubernetes),$(KUBERNETES))
HELM := $(or $(asked_helm),$(HELM))
CHARTGATE_HOME ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/chartgate
export KUBERNETES HELM KEEP CHARTGATE_HOME

SHELL := bash
MAKEFLAGS += --no-print-directory
setup := harness/setup
helms := $(CHARTGATE_HOME)/bin/helm-3 $(CHARTGATE_HOME)/bin/helm-4
# What the chosen scenarios need beside a cluster, and how many of these preparations run at once: most wait for a compiler or a download.
needs = $(shell $(setup)/needs $(CHART))
scripts = $(shell grep -rlE '^#!.*(ba)?sh$$' harness/setup harness/node) $(setup)/lib.sh tests/support/bare-root .ci/run

.DEFAULT_GOAL := help
.PHONY: help setup engine engine-stop tools mdbook programs static-binary images node-image backing app-images prepare gate test browser-test mutants soak fuzz bench book lint msrv deny clean versions

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; do printf '  make %-13s %s\n' "$$target" "$$what"; done

setup: ## all that tests need: engine, tools, images (again: under two seconds); ALL=1 with what is left to the nightly CI
	@$(MAKE) -j engine kind helm-3 helm-4 node-image backing app-images $(if $(ALL),$(needs))

engine: ## a Docker engine: the one that answers, or one of our own
	@$(setup)/engine

engine-stop: ## end the engine that `make engine` started
	@$(setup)/engine stop

tools: kind helm-3 helm-4 ## kind and both helms in the state directory

kind helm-3 helm-4 mdbook:
	@$(setup)/tools $@

programs: ## the command (bin/chartgate in the state directory) and what the images consist of
	@$(setup)/programs

static-binary: ## the command as one file for machines without a checkout, target/chartgate-linux-…; ARCHITECTURE=arm64 for another one
	@$(setup)/static-binary $(ARCHITECTURE)

images: node-image backing app-images ## the images that a run starts; each is a target of its own

node-image:
	@$(setup)/node-image $(KUBERNETES)

backing:
	@$(setup)/backing

backing-%:
	@$(setup)/backing $*

app-images:
	@$(setup)/app-images

app-image-%:
	@$(setup)/app-images $*

prepare: ## what the scenarios of CHART need, and nothing else
	@$(MAKE) -j engine kind helm-$(HELM) programs node-image $(needs)

gate: prepare ## the verdict on CHART=codex-pooler, or on every chart; SHARD=1/3 for a part, divided by an earlier run's DURATIONS=DIR
	@$(CHARTGATE_HOME)/bin/chartgate run scenarios/$(CHART) $(if $(SHARD),--shard $(SHARD)) $(if $(DURATIONS),--durations $(DURATIONS))

test: setup ## units, documents, and all scenarios on real clusters; ALL=1 with the tests that are left to the nightly CI
	@$(setup)/tests $(if $(ALL),-- --include-ignored,--exclude chartgate-standin-integr8scode)

mutants: setup ## which harms the scenarios would notice; a chart below 0.9 fails
	@$(CHARTGATE_HOME)/bin/chartgate mutate scenarios/$(CHART) --min-score 0.9

soak: setup ## the scenarios ROUNDS times, shuffled; lists each verdict that differs, and goes on where it was ended
	@$(CHARTGATE_HOME)/bin/chartgate soak scenarios/$(CHART) --rounds $(or $(ROUNDS),5)

fuzz: ## files and recordings that nobody meant, for longer than CI does: CASES=100000
	@PROPTEST_CASES=$(or $(CASES),100000) cargo test --package chartgate-scenario --package chartgate-judge --lib fuzz

bench: setup ## what the gate costs beside helm alone, in ratios and against the budgets
	@cargo bench --quiet --bench gate
	@cargo bench --quiet --package chartgate-report --bench many

book: mdbook ## the documents in docs/ as pages, in target/book/
	@$(CHARTGATE_HOME)/bin/mdbook-$(MDBOOK) build docs

browser-test: ## the report's page in a headless browser (BROWSER=chromium)
	@cargo test --test browser -- --nocapture

msrv: ## compiles with the oldest Rust that Cargo.toml states; rustup fetches it
	@msrv=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) && rustup toolchain install "$$msrv" --profile minimal && cargo +"$$msrv" check --workspace --exclude chartgate-standin-integr8scode --all-targets

deny: ## licences, advisories and origins of the dependencies, by deny.toml
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked
	@cargo deny check

lint: tools ## formatting, clippy, shellcheck where it is installed, both helms' lint
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	@if command -v shellcheck > /dev/null; then shellcheck --severity=warning -x -P SCRIPTDIR $(scripts); else echo 'lint: no shellcheck on the PATH, the scripts were not checked'; fi
	@for helm in $(helms); do for chart in charts/*/; do [ ! -f "$$chart/Chart.yaml" ] || $$helm lint --strict --quiet "$$chart" || exit 1; done; done

clean: ## remove the clusters, containers and networks that runs left behind
	@$(setup)/clean

versions: ## what is pinned, and which images are on record
	@grep -v '^#' harness/versions.env | grep .
	@cat $(CHARTGATE_HOME)/images.env 2> /dev/null || true
