# What people run; `.ci/run` runs the same. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

FUZZ_SECONDS ?= 60
KILLS ?= 300
SEED ?=
CASES ?= 20000

.PHONY: help demo test check bench crash-long model-long year fuzz docs setup image-check

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

demo: ## Show it working: a product's event stream in, leads with their reasons out
	cargo run --locked -- demo

setup: ## Install what the tests need and this machine lacks
	scripts/setup

test: setup ## Run every test: the stores, the real SDKs, a short crash campaign
	scripts/test

check: ## Formatting, lints, documentation, licences, unused dependencies
	scripts/check

fuzz: ## Run every fuzz target for FUZZ_SECONDS (60), two at a time
	scripts/fuzz $(FUZZ_SECONDS)

crash-long: ## Kill the server and Redis KILLS (300) times under load, then print the accounting
	CRASH_KILLS=$(KILLS) CRASH_SEED=$(SEED) cargo test --release --locked --test it crash::books -- --nocapture --test-threads=1

model-long: ## Check CASES (20000) random streams of events against the counting model, under simulated faults
	HANDRAISER_MODEL_CASES=$(CASES) cargo test --locked --test it simulation:: -- --nocapture
	HANDRAISER_EXPLAIN_CASES=$(CASES) cargo test --locked --test it explained:: -- --nocapture

year: ## Print a year of a global team: who was given how many leads in each month, as CSV, and how long leads waited
	cargo test --locked --test it simulation::teams::a_year -- --nocapture

bench: ## Measure rates, latencies, CPU and sizes, and print the tables of docs/performance.md
	scripts/setup
	cargo bench --locked --bench load
	cargo bench --locked --bench deliveries

image-check: ## Check Dockerfile and compose.yaml without a container engine, as far as that goes (as root)
	scripts/check-image

docs: ## Build the crate's documentation and refresh the files that are made from the code
	scripts/docs
