# The host has a profile of its own (Cargo.toml). It is built into target/, as the components are, since spin.toml
# and others name that folder, whatever CARGO_TARGET_DIR says.
HOST = --locked --profile host --target-dir target
PROFILE ?= tests
TESTS = --locked --profile $(PROFILE) -p spin-on-k8s -p spin-on-k8s-host -p lifeline
# Node suspends a component, and loads webernetes, only when it is told to.
NODE = target/venv/bin/node --experimental-wasm-jspi --import ./web/node/resolve.js
unexport CARGO_BUILD_TARGET

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s%s\n", $$1, $$2 }' Makefile

run: components ## Serve the component at 127.0.0.1:8000 (ARGS="--listen …", see ARGS=--help)
	cargo run $(HOST) -p spin-on-k8s-host -- $(ARGS)

PORT ?= 8700
ADDRESS ?= 127.0.0.1
web: components ## Break a cluster in a browser tab, with lessons, at 127.0.0.1:8700 (PORT=8701, ADDRESS=0.0.0.0)
	scripts/web "$(ADDRESS)" "$(PORT)"

demo: components ## Break a cluster from a terminal, behind 127.0.0.1:8000 (ARGS="--manifest FILE", see ARGS=--help)
	@scripts/web
	@$(NODE) web/node/demo.js $(ARGS)

MANIFEST ?= k8s/deployment.yaml
forecast: ## Forecast, within seconds, what faults would cost the users of a Deployment (MANIFEST=FILE, see ARGS=--help)
	@scripts/forecast "$(MANIFEST)" $(ARGS)

build: components ## Build the components, and the host that carries one of them
	cargo build $(HOST) -p spin-on-k8s-host

# The components are the same bytes wherever they are built. A panic names its source file without Cargo's
# home; the flag replaces RUSTFLAGS, and is not split at spaces. spin-sdk embeds the Git commit it was built from; the
# ceiling keeps it from picking up the commit of a repository that happens to contain Cargo's home.
CARGO_HOME ?= $(HOME)/.cargo
components archive: export CARGO_ENCODED_RUSTFLAGS = --remap-path-prefix=$(CARGO_HOME)=/cargo
components: export GIT_CEILING_DIRECTORIES = $(CARGO_HOME)
components: ## Build the components alone
	@scripts/toolchain
	cargo build --locked --release --target wasm32-wasip2 --target-dir target -p spin-on-k8s -p lifeline

test: components ## Run the tests, and install the tools that they need
	scripts/web
	scripts/forecast
	$(NODE) --test --test-concurrency=2 web/*/*.test.js
	skip=$$(scripts/tools) && cargo test $(TESTS) -- $$skip --skip faults:: --skip release:: --test-threads 4 # which mostly wait

test-release: components ## Run the tests that build a release, again and elsewhere
	skip=$$(scripts/tools) && cargo test $(TESTS) --test tests release:: -- $$skip

test-faults: components ## Run the full-size tests, which need the machine to themselves (SOAK=10: longer; PROFILE=host: optimized)
	cargo test $(TESTS) --test tests faults:: -- --test-threads 1 --nocapture

test-contract: components ## Test the server at BASE_URL against the contract; DESTRUCTIVE=1 also fails and quits it
	cargo test $(TESTS) --test tests -- contract:: documents:: --skip destructive
	$(if $(DESTRUCTIVE),cargo test $(TESTS) --test tests destructive -- --test-threads 1)

lint: components ## Run all linters, and check types on another platform
	scripts/lint

bench: build ## Measure it against native hyper and others (QUICK=1 for a trial run)
	cargo build --locked --release --target wasm32-wasip2 --target-dir target -p hello
	cargo build $(HOST) -p spin-on-k8s-bench
	ulimit -n $$(ulimit -Hn) && target/host/bench

drill: ## Inject faults on the current cluster, under requests: k8s/, or your own (DEPLOYMENT=name, ARGS=--help)
	@scripts/drill $(ARGS)

picture: components ## Retake the README's picture, in Chromium
	scripts/tools >/dev/null
	cargo test $(TESTS) --test tests picture -- --ignored
	cp target/screenshots/forecast.png docs/forecast.png

image deploy dist: export IMAGE ?= spin-on-k8s:0.3.0

image: $(if $(LOCAL),components) ## Build the image IMAGE (LOCAL=1, BUILDER=podman: see scripts/image)
	scripts/image

deploy: $(if $(LOCAL),components) ## Build it, push it to IMAGE=registry/name:tag, and run it (KUBECTL="kubectl -n …")
	scripts/deploy

KUBECTL = kubectl
undeploy: ## Remove what make deploy put on the cluster
	$(KUBECTL) delete --ignore-not-found -f k8s

push: components ## Push the app as an OCI artefact to REF, with Spin
	$(if $(REF),,$(error make push needs REF=registry/name:tag))
	spin registry push --file spin.k8s.toml $(REF)

dist: components ## Build the files of a release into target/dist; install.yaml runs IMAGE
	scripts/dist

# For this machine's OS and CPU; static on Linux, so that it runs on every distribution. Named as uname names them, so
# that two commands fetch and start the right one anywhere.
KIND = $(shell uname -s)-$(shell uname -m)
TARGET = $(subst arm64,aarch64,$(shell uname -m))-$(if $(findstring Darwin,$(KIND)),apple-darwin,unknown-linux-musl)
archive: components ## Package the host, for machines like this one, into target
	rustup target add $(TARGET)
	cargo build $(HOST) --target $(TARGET) -p spin-on-k8s-host
	rm -rf target/archive
	mkdir -p target/archive/spin-on-k8s
	cp LICENSE target/$(TARGET)/host/spin-on-k8s target/archive/spin-on-k8s
	tar -czf target/spin-on-k8s-$(KIND).tar.gz -C target/archive spin-on-k8s

version: ## Set the version everywhere to VERSION=x.y.z
	@scripts/version

.PHONY: archive bench build components demo deploy dist drill forecast help image lint picture push run test test-contract test-faults test-release undeploy version web
