# `make help` lists the targets.

CARGO ?= cargo
RUN := $(CARGO) run --quiet --release --example
# Where the long versions of the tests go on until; see crates/deferrous/benches/README.md for how long that is.
SOAK_CASES ?= 200000
SOAK_RUNS ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint docs soak

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  \1\t\2/' | expand -t 10

demo: ## build, run the example programs, and digest this tree
	$(CARGO) build --quiet --release --examples
	@set -e; for example in fibonacci_blocking valid_user pausing fibonacci_thread rayon_pool; do \
	    printf '\n== %s\n' $$example; $(RUN) $$example; done
	@printf '\n== digest, checked by sha256sum -c\n'
	@set -e; sums=$$(mktemp); trap 'rm -f "$$sums"' EXIT; \
	    $(RUN) digest -- crates README.md CONTRIBUTING.md Cargo.toml Makefile > "$$sums"; sha256sum --quiet -c "$$sums"; \
	    printf '%s files: all OK\n' "$$(wc -l < "$$sums")"

# Millions of failures are made, and each would walk the stack if this were set.
test: export RUST_BACKTRACE = 0
test: ## pass the tests
	$(CARGO) test --workspace --quiet

bench: ## measure against the peers, and print the ratios
	$(CARGO) bench --quiet -p deferrous --bench ratios

lint: ## check the format, the lints and the documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

docs: ## build the documentation, in target/doc
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	@echo "open target/doc/deferrous/index.html"

# The tests of the reactor, which are run again and again, and once with the poller for other systems.
REACTOR := $(addprefix --test , after_the_end blocking_calls leftovers lifecycle looping_call readiness remote signals \
    stopping thread_pool threads time timeouts triggers wakes watches)

soak: export RUST_BACKTRACE = 0
soak: ## pass the long versions of the tests, and the tests under memcheck
	@mkdir -p target
	DEFERROUS_CASES=$(SOAK_CASES) $(CARGO) test --release -p deferrous --test model --test allocations --test timers_scale
	$(CARGO) test --release -p deferrous --quiet
	@set -e; for run in $$(seq $(SOAK_RUNS)); do printf 'reactor, run %s\n' $$run; \
	    $(CARGO) test --release -p deferrous --quiet $(REACTOR) > target/soak.log 2>&1 || { cat target/soak.log; exit 1; }; done
	RUSTFLAGS="--cfg portable_poller" CARGO_TARGET_DIR=target/portable $(CARGO) test --release -p deferrous --quiet $(REACTOR)
	scripts/memcheck
