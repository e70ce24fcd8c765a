# What people and machines run. Each target works on a fresh clone.

CARGO ?= cargo
BURSAR := target/debug/bursar
# What tests may do and the product may not: panic, index, cast, print, go without docs, share a harness in parts.
TEST_LINTS := $(addprefix -A clippy::,unwrap_used expect_used indexing_slicing as_conversions print_stdout \
	print_stderr panic float_arithmetic disallowed_methods allow_attributes_without_reason) \
	-A missing_docs -A unreachable_pub -A dead_code

.PHONY: help build demo test lint bench soak test-api test-clients test-agents fuzz

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile

build: ## the binary, unoptimised
	$(CARGO) build -p bursar

demo: build ## budgets being enforced on live traffic, with fake providers
	$(BURSAR) demo

test: ## every test; ends in a line `N passed, N failed, N skipped`
	.ci/test

lint: ## format, lints, licences, advisories where they can be checked offline
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --lib --bins --locked -- -D warnings
	$(CARGO) clippy --workspace --tests --benches --examples --locked -- -D warnings $(TEST_LINTS)
	.ci/licences

bench: ## benchmarks, optimised as released
	$(CARGO) build --profile dist -p bursar
	BURSAR_BIN=$(CURDIR)/target/dist/bursar $(CARGO) bench --workspace

soak: ## the long tests: crashes by the thousand, long simulations, every order of the ledger's threads
	$(CARGO) test -p bursar-store --features shuttle --test shuttle
	.ci/test --ignored

test-api: build ## what the OpenAPI document allows and what it does not, asked of the real binary
	python3 tests/api/run.py

test-clients: build ## the vendors' SDKs through the real binary
	python3 tests/clients/run.py

test-agents: build ## coding agents' command-line tools through the real binary
	python3 tests/clients/agents.py

fuzz: ## every fuzz target for FUZZ_SECONDS (default 60) each; needs nightly and cargo-fuzz
	.ci/fuzz
