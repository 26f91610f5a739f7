# `make help` lists the targets.

CARGO ?= cargo
# Where the long versions of the tests go on until; see crates/deferrous/benches/README.md for how long that is.
SOAK_CASES ?= 200000
SOAK_RUNS ?= 20
# How many random programs over pairs of connections are compared with stock Twisted.
SOAK_CONNECTION_PROGRAMS ?= 100000
# For how many seconds each reactor does everything in turn, and then everything at once, to see whether anything grows.
SOAK_SECONDS ?= 600
# For how many seconds wrk asks `twistd -n web`, how many requests h2load makes, and the bytes of large bodies and files.
PEER_SECONDS ?= 60
PEER_REQUESTS ?= 20000
PEER_BYTES ?= 33554432

.DEFAULT_GOAL := help
.PHONY: help demo test conformance programs peers matrix pythons bench lint docs site soak safety collector venv venv-release wheel lock \
    crate wasm windows msrv minimal miri loom portable package deny docsrs workflows wheels sbom released

# The Python that is tested, linted and demonstrated. Without one it is the newest on this machine.
PYTHON ?=
# What venv has made. PyO3 is compiled for one Python, whose name has to be the same from one time to the next.
VENV := target/venv/bin
PYO3 = PYO3_PYTHON="$$(cd target/venv && pwd -P)/bin/python"
# One process of pytest for each processor; whichever has nothing left takes tests from the others.
PARALLEL = --numprocesses auto --dist worksteal
# Twisted's own tests, on stock Twisted and on deferrous, first with a reactor of Twisted's and then with that of deferrous.
COMPARE = $(VENV)/python -m tests.conformance --deferrous target/venv/wheel/*.whl
# CPython's own tests of asyncio, on asyncio's loop and on that of deferrous.
COMPARE_LOOPS = $(VENV)/python -m tests.asyncio_loop.conformance --loop deferrous.asyncio.Loop
# The release of Twisted that `make conformance` tests, and the document that it writes the result into.
TWISTED ?= 26.10.0
RECORD ?=
# Real peers, in an environment that has those which are Python packages.
PEERS = DEFERROUS_PATIENCE=600 DEFERROUS_WRK_SECONDS=$(PEER_SECONDS) DEFERROUS_H2LOAD_REQUESTS=$(PEER_REQUESTS) DEFERROUS_PEER_BYTES=$(PEER_BYTES) \
    $(VENV)/python -m tests.peers --deferrous target/venv/wheel/*.whl
# Which of the programs in tests/programs/programs.py `make programs` tests; without a name, all.
PROGRAMS ?=

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  \1\t\2/' | expand -t 14

demo: venv-release ## build, run the example programs of both APIs, and measure a little
	$(CARGO) build --quiet --release --examples
	@scripts/demo

# Millions of failures are made, and each would walk the stack if this were set.
test: export RUST_BACKTRACE = 0
test: venv ## pass the tests
	$(PYO3) $(CARGO) test --workspace --quiet
	$(CARGO) test -p deferrous --features tls --quiet --test encrypted
	$(CARGO) test -p deferrous --features inspect --quiet --lib --test inspect --test inspect_reactor
	$(CARGO) test -p deferrous --features inspect --quiet --doc inspect
	$(VENV)/python -m pytest $(PARALLEL) --ignore tests/peers
	$(COMPARE) --quick
	$(COMPARE) --quick --reactor deferrous
	@# Debian has these tests in a package of their own.
	if $(VENV)/python -c 'import test.test_asyncio' 2> /dev/null; then $(COMPARE_LOOPS) --quick; \
	    else echo 'asyncio is not compared: this Python comes without its tests'; fi

conformance: venv ## compare all tests of Twisted and of asyncio, stock and on deferrous; TWISTED=25.5.0 for another release
	$(COMPARE) --twisted $(TWISTED) $(if $(RECORD),--record $(RECORD))
	$(COMPARE) --twisted $(TWISTED) $(if $(RECORD),--record $(RECORD)) --reactor deferrous
	$(COMPARE_LOOPS) $(if $(RECORD),--record $(RECORD))

programs: venv-release ## compare the tests of programs made of Twisted, stock and on deferrous; PROGRAMS="klein treq" for some
	$(VENV)/python -m tests.programs --deferrous target/venv/wheel/*.whl --record docs/programs.md $(PROGRAMS)

peers: venv ## let curl, wrk, openssl, ssh and others talk to Twisted, on stock and on deferrous; PEER_SECONDS=5 for a short load
	$(PEERS)

bench: venv-release ## measure the crate and then the Python API, print the ratios, and check the bounds of the latter
	$(CARGO) bench --quiet -p deferrous --bench ratios
	$(VENV)/deferrous bench --json target/figures.json
	$(VENV)/python -m tests.bench.bounds target/figures.json

lint: venv ## check the format, the lints, the types and the documentation
	$(CARGO) fmt --all --check
	$(PYO3) $(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) clippy -p deferrous --all-targets --all-features --quiet -- -D warnings
	$(PYO3) RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(VENV)/ruff check --quiet
	$(VENV)/ruff format --quiet --check
	$(VENV)/mypy --no-error-summary
	$(MAKE) --no-print-directory workflows
	@# Importing deferrous.defer completes the class that is compared with its stub.
	$(VENV)/python -c 'import sys, deferrous.defer; from mypy import stubtest; sys.exit(stubtest.main())' deferrous \
	    --allowlist tests/types/stubtest-allowlist

SCHEMA = $(VENV)/check-jsonschema --quiet --builtin-schema

workflows: venv ## check the workflows and forms in .github, without the network
	$(VENV)/zizmor --quiet --offline --no-progress .github
	$(SCHEMA) vendor.github-workflows .github/workflows/*.yml
	$(SCHEMA) custom.github-workflows-require-timeout .github/workflows/*.yml
	$(SCHEMA) vendor.dependabot .github/dependabot.yml
	$(SCHEMA) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA) vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

docsrs: ## build the documentation of the crate as it is published: make docsrs CARGO="cargo +nightly"
	RUSTDOCFLAGS="-D warnings --cfg docsrs" $(call CRATE_ONLY,doc) --no-deps --all-features

docs: venv ## build the documentation, in target/doc
	$(PYO3) RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	@echo "open target/doc/deferrous/index.html"

site: ## build the documents as a site, in target/site, and check its links
	@scripts/site $(PYTHON)

# The tests of the reactor, which are run again and again, and once with the poller for other systems.
REACTOR := $(addprefix --test , after_the_end back_pressure blocking_calls byte_streams connecting connections datagrams \
    event_loop_sockets framing half_close leftovers lifecycle listening listening_without_descriptors looping_call memory_reactor \
    no_descriptors_left no_sockets_left pausing_watches processes readiness ready_once remote running_again signals sleeping stopping thread_pool threads time timeouts triggers \
    waiting_for_jobs wakes watches)

soak: export RUST_BACKTRACE = 0
soak: venv-release ## pass the long versions of the tests, and the tests under memcheck
	@mkdir -p target
	DEFERROUS_CASES=$(SOAK_CASES) $(CARGO) test --release -p deferrous --test model --test allocations --test timers_scale
	$(CARGO) test --release -p deferrous --quiet
	@set -e; for run in $$(seq $(SOAK_RUNS)); do printf 'reactor, run %s\n' $$run; \
	    $(CARGO) test --release -p deferrous --quiet $(REACTOR) > target/soak.log 2>&1 || { cat target/soak.log; exit 1; }; done
	$(MAKE) loom portable
	scripts/memcheck
	scripts/memcheck-python
	scripts/collector
	DEFERROUS_PROGRAMS=$(SOAK_CASES) DEFERROUS_RUST_PROGRAMS=100000 DEFERROUS_MISTAKES_EVERY=4 \
	    $(VENV)/python -m pytest tests/differential
	DEFERROUS_CONNECTION_PROGRAMS=$(SOAK_CONNECTION_PROGRAMS) DEFERROUS_CONNECTION_MISTAKES_EVERY=1 \
	    $(VENV)/python -m pytest tests/connections
	DEFERROUS_OPERATIONS=1000000 DEFERROUS_ROUNDS=3000 $(VENV)/python -m pytest tests/collection tests/threads
	DEFERROUS_COLLECTED=10000000 $(VENV)/python -m pytest tests/inspect/test_stalls.py
	DEFERROUS_CALLS=1000000 DEFERROUS_CONNECTIONS=10000 DEFERROUS_JOBS=200000 DEFERROUS_REQUESTS=50000 \
	    DEFERROUS_TIMER_PROGRAMS=20000 DEFERROUS_REACTOR_ROUNDS=300 DEFERROUS_SOAK_SECONDS=$(SOAK_SECONDS) \
	    DEFERROUS_QUEUED_BYTES=1073741824 DEFERROUS_RESETS=3000 DEFERROUS_FAILING_CONNECTIONS=600 \
	    $(VENV)/python -m pytest tests/servers tests/stress tests/asyncio_loop/test_stress.py tests/behaviour/test_delayed_calls.py
	$(PEERS)
	PYTHONMALLOC=debug $(VENV)/python -X dev -m pytest tests/behaviour tests/differential tests/collection

loom: ## pass the models of what threads share, in all orders that loom finds
	RUSTFLAGS="--cfg deferrous_loom" CARGO_TARGET_DIR=target/loom $(CARGO) test --release -p deferrous --quiet --lib models

portable: export RUST_BACKTRACE = 0
portable: ## pass the tests of the reactor with the poller for systems without epoll
	RUSTFLAGS="--cfg portable_poller" CARGO_TARGET_DIR=target/portable $(CARGO) test --release -p deferrous --quiet $(REACTOR)
	@# The parent's poller stays open in a child there: see `abandon` in event_loop/poller/portable.rs.
	DEFERROUS_REACTORS=epoll,deferrous "$$(scripts/venv --portable $(PYTHON))" -m pytest $(PARALLEL) tests/servers tests/stress \
	    tests/threads --deselect tests/stress/test_forked_children.py::test_the_poller_of_the_parent_is_closed_in_the_child

# The crate by itself, as those who use it from Rust have it. CARGO="cargo +nightly" names another toolchain.
CRATE_ONLY = $(CARGO) $(1) -p deferrous --locked

crate: export RUST_BACKTRACE = 0
crate: ## pass the tests of the crate, without Python
	$(call CRATE_ONLY,test) --quiet
	$(call CRATE_ONLY,test) --quiet --all-features --test queue_stream --test encrypted --test inspect --test inspect_reactor

msrv: ## check the crate as its oldest compiler does: make msrv CARGO="cargo +1.88"
	$(call CRATE_ONLY,check) --lib --all-features
	$(call CRATE_ONLY,check) --lib --no-default-features

minimal: ## check the crate with the oldest releases of what it depends on
	scripts/minimal-versions

wasm: ## build the Deferreds for a target without an operating system: rustup target add wasm32-unknown-unknown
	$(call CRATE_ONLY,build) --lib --target wasm32-unknown-unknown --no-default-features
	$(call CRATE_ONLY,build) --lib --target wasm32-unknown-unknown --no-default-features --features tracing,futures

windows: ## check that there are Deferreds for Windows, and no reactor: rustup target add x86_64-pc-windows-msvc
	$(call CRATE_ONLY,check) --lib --target x86_64-pc-windows-msvc --no-default-features --features tracing,futures
	! $(call CRATE_ONLY,check) --lib --target x86_64-pc-windows-msvc 2> target/windows.log
	grep -q 'the reactor of deferrous needs Unix' target/windows.log

# Without the reactor, because Miri has no system to wait by. The unit tests go through the engine directly, the other tests
# through the API. The environment is forwarded for DEFERROUS_MANY, which says to how many the tests count.
miri: export MIRIFLAGS = -Zmiri-strict-provenance -Zmiri-disable-isolation
miri: export DEFERROUS_MANY = 100
miri: ## look for undefined behaviour in the engine: make miri CARGO="cargo +nightly"
	$(call CRATE_ONLY,miri test) --lib --no-default-features -- chain inline deferred nesting
	$(call CRATE_ONLY,miri test) $(addprefix --test , abandoned added_after_firing cancelling chaining fire_once links_in_order \
	    panics pausing reentrancy reentrancy_of_types)

package: ## build what would be published of the crate, in a folder of its own
	$(CARGO) package -p deferrous --locked --allow-dirty

deny: ## check the licences, the sources and the known faults of what is depended on: cargo install cargo-deny
	$(CARGO) deny check

safety: venv ## re-enter all operations wherever user code runs, and let each allocation fail
	DEFERROUS_SAFETY=all $(VENV)/python -m pytest $(PARALLEL) tests/safety

collector: ## pass the tests of behaviour with the collector running in every allocation, on CPython 3.10 or 3.11
	scripts/collector

venv:
	@scripts/venv $(PYTHON) > /dev/null

# With deferrous built as users get it, which takes minutes.
venv-release:
	@scripts/venv --release $(PYTHON) > /dev/null

wheel: venv ## build the source distribution and a wheel, in target/wheels
	PATH="$(CURDIR)/$(VENV):$$PATH" $(VENV)/maturin build --release --locked --sdist --out target/wheels

# TARGETS="x86_64-unknown-linux-gnu" and VERSIONS="3.13" build some of them.
wheels: venv ## build the source distribution and all wheels, in target/wheels, and check and run them
	scripts/wheels
	DEFERROUS_WHEELS=$(CURDIR)/target/wheels $(VENV)/python -m pytest tests/packaging/wheels

# maturin has put the same list into each wheel of one system.
sbom: ## say which crates are in the wheels of target/wheels, in target/deferrous.cyclonedx.json
	unzip -p "$$(ls target/wheels/*manylinux*x86_64.whl | tail -n 1)" '*.cyclonedx.json' > target/deferrous.cyclonedx.json

released: ## check that a tag, Cargo.toml and CHANGELOG.md name the same release: make released TAG=v1.2.3
	@scripts/release-check "$(TAG)"

matrix: ## pass the Python tests with every Python of this machine
	scripts/matrix $(PYTHON)

pythons: ## make a Debian in target/debian-sid, whose newer Pythons make matrix tests, too
	@scripts/debian-sid --make > /dev/null

# Pins anew what the tests, the site, the programs of tests/programs and the peers of tests/peers ask for, for all Pythons at
# once.
lock: venv
	$(VENV)/python -m venv target/venv-lock
	target/venv-lock/bin/pip install --quiet --disable-pip-version-check --upgrade uv
	target/venv-lock/bin/uv --quiet pip compile --upgrade --universal --python-version 3.10 --group dev --no-annotate \
	    --no-emit-index-url --custom-compile-command "make lock" --output-file requirements-dev.txt pyproject.toml
	target/venv-lock/bin/uv --quiet pip compile --upgrade --universal --python-version 3.11 --group pyproject.toml:release --no-annotate \
	    --no-emit-index-url --custom-compile-command "make lock" --output-file requirements-release.txt
	target/venv-lock/bin/uv --quiet pip compile --upgrade --universal --python-version 3.10 --group pyproject.toml:site \
	    --no-annotate --no-emit-index-url --custom-compile-command "make lock" --output-file requirements-site.txt
	$(VENV)/python -m tests.programs --requirements > target/programs.in
	@# txaio needs Python 3.11.
	target/venv-lock/bin/uv --quiet pip compile --upgrade --universal --python-version 3.11 --no-annotate \
	    --no-emit-index-url --custom-compile-command "make lock" --output-file tests/programs/requirements.txt \
	    target/programs.in
	target/venv-lock/bin/uv --quiet pip compile --upgrade --universal --python-version 3.11 --no-annotate \
	    --no-emit-index-url --custom-compile-command "make lock" --output-file tests/peers/requirements.txt \
	    tests/peers/requirements.in
