# The components are built with the release profile, the host with one of its own (Cargo.toml).
HOST = --locked --profile host
TESTS = --locked --profile tests --workspace
# With the registry's name, without which podman and buildah would call it localhost/….
IMAGE = docker.io/library/spin-on-k8s:0.1.0
# Without attestations, which would turn the image into an index. Nodes of other architectures would
# refuse that, although they can run the image.
BUILDER = $(or \
	$(if $(shell docker version --format '{{.Server.Version}}' 2>/dev/null),$(if \
		$(shell docker buildx version 2>/dev/null), \
			BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker buildx build --load, \
			$(error make image needs BuildKit: install docker-buildx, or docker-buildx-plugin from Docker))), \
	$(if $(shell command -v podman),podman build), \
	$(if $(shell command -v buildah),buildah bud --isolation chroot), \
	$(error make image needs docker, podman or buildah))

# Other platforms that the host must compile for. Only types are checked, for lack of their C compilers.
OTHERS = aarch64-apple-darwin aarch64-unknown-linux-gnu

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s%s\n", $$1, $$2 }' Makefile

run: build ## Serve the component at 127.0.0.1:8000 (ARGS="--listen …", see ARGS=--help)
	target/host/spin-on-k8s $(ARGS)

demo: components ## See it heal: three replicas behind 127.0.0.1:8000 (ARGS="--replicas 5")
	cargo build $(HOST) -p spin-on-k8s-host -p spin-on-k8s-demo
	target/host/spin-on-k8s-demo $(ARGS)

build: components ## Build the components, and the host that carries one of them
	cargo build $(HOST) -p spin-on-k8s-host

components: wasm-target ## Build the components alone
	cargo build --locked --release --target wasm32-wasip2 -p spin-on-k8s -p lifeline

test: components ## Run all tests, and install the tools that they need
	skip=$$(tests/tools) && cargo test $(TESTS) -- $$skip --skip faults::
	$(MAKE) test-faults

test-faults: components ## Run the full-size tests, which need the machine to themselves (SOAK=10 for ten times as long)
	cargo test $(TESTS) --test tests faults:: -- --test-threads 1 --nocapture

test-contract: components ## Test the server at BASE_URL against the contract; DESTRUCTIVE=1 also fails and quits it
	cargo test $(TESTS) --test tests -- contract:: documents:: --skip destructive
	$(if $(DESTRUCTIVE),cargo test $(TESTS) --test tests destructive -- --test-threads 1)

lint: components ## Check format, lints and docs, and types on other platforms
	cargo fmt --all --check
	cargo clippy --locked --release --target wasm32-wasip2 -p spin-on-k8s -p lifeline -- --deny warnings
	cargo clippy $(TESTS) --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc $(TESTS) --no-deps --document-private-items
	rustup target add $(OTHERS)
	for target in $(OTHERS); do \
		TYPES_ONLY=1 TARGET_CC=true TARGET_AR=true \
			cargo check --locked --profile tests --target $$target -p spin-on-k8s-host --all-targets || exit; \
	done

bench: build ## Measure it against native hyper and others, and write BENCHMARKS.md (QUICK=1 for a trial run)
	cargo build --locked --release --target wasm32-wasip2 -p hello
	cargo build $(HOST) -p spin-on-k8s-bench
	ulimit -n $$(ulimit -Hn) && target/host/bench

drill: ## Fail, quit, restart, evict and flood replicas on the current cluster, under traffic (see tests/drill)
	tests/drill

pictures: components ## Take the README's pictures anew, from make demo in Chromium
	tests/tools >/dev/null
	rm -f target/screenshots/*
	cargo test $(TESTS) --test tests demo::replicas
	cp target/screenshots/demo.png tests/control-room.png
	target/venv/bin/python -c 'import glob; from PIL import Image; \
		first, *rest = map(Image.open, sorted(glob.glob("target/screenshots/healing-*.png"))); \
		first.save("tests/healing.png", save_all=True, append_images=rest, duration=[500] * len(rest) + [3000])'

fuzz: ## Fuzz the query and the path, 60 s each; needs a nightly toolchain
	cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz
	for target in query path; do \
		mkdir -p fuzz/target/corpus/$$target && cargo +nightly fuzz run $$target \
			fuzz/target/corpus/$$target fuzz/corpus/$$target -- -max_total_time=60 -timeout=10 || exit; \
	done

image: $(if $(LOCAL),components) ## Build the image; LOCAL=1 uses the components built here, and pulls no base image
	$(BUILDER) --tag $(IMAGE) $(if $(LOCAL),--build-context build=.) .

push: components ## Push the app as an OCI artefact to REF, with Spin
	$(if $(REF),,$(error make push needs REF=registry/name:tag))
	spin registry push --file spin.k8s.toml $(REF)

# Asks the rustc that will be used, which need not be rustup's.
HAS_WASM = [ -d "$$(rustc --print target-libdir --target wasm32-wasip2)" ]

wasm-target:
	@$(HAS_WASM) || { echo "Adding the target wasm32-wasip2 to the Rust toolchain" && \
		rustup target add wasm32-wasip2; }
	@$(HAS_WASM) || { echo "make: $$(command -v rustc) has no target wasm32-wasip2:" \
		"put rustup's toolchain first in PATH, or add the target to this one" >&2; exit 1; }

.PHONY: help run demo build components test test-contract test-faults lint bench drill pictures fuzz image push wasm-target
