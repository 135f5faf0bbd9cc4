# The components are built with the release profile, the host with one of its own (Cargo.toml).
HOST = --locked --profile host
TESTS = --locked --profile tests --workspace
# With the registry's name, without which podman and buildah would call it localhost/….
IMAGE = docker.io/library/spin-on-k8s:0.2.0
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

# Another platform that the host and the demo must compile for. Only types are checked, for lack of its C
# compiler.
OTHER = aarch64-apple-darwin

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s%s\n", $$1, $$2 }' Makefile

run: build ## Serve the component at 127.0.0.1:8000 (ARGS="--listen …", see ARGS=--help)
	target/host/spin-on-k8s $(ARGS)

demo: components ## See it heal: three replicas behind 127.0.0.1:8000 (ARGS="--replicas 5")
	cargo build $(HOST) -p spin-on-k8s-host -p spin-on-k8s-demo
	target/host/spin-on-k8s-demo $(ARGS)

build: components ## Build the components, and the host that carries one of them
	cargo build $(HOST) -p spin-on-k8s-host

# The components are the same bytes wherever they are built. A panic names its source file without Cargo's
# home; the flag takes the place of RUSTFLAGS, and is not split at spaces. And spin-sdk, which says from which
# commit it was built, does not take another repository's that has Cargo's home in it.
CARGO_HOME ?= $(HOME)/.cargo
components: export CARGO_ENCODED_RUSTFLAGS = --remap-path-prefix=$(CARGO_HOME)=/cargo
components: export GIT_CEILING_DIRECTORIES = $(CARGO_HOME)
components: wasm-target ## Build the components alone
	cargo build --locked --release --target wasm32-wasip2 -p spin-on-k8s -p lifeline

test: components ## Run all tests, and install the tools that they need
	skip=$$(tests/tools) && cargo test $(TESTS) -- $$skip --skip faults:: --skip release:: && \
		cargo test $(TESTS) --test tests release:: -- $$skip # these build, which others would take for slowness
	$(MAKE) test-faults

test-faults: components ## Run the full-size tests, which need the machine to themselves (SOAK=10 for ten times as long)
	cargo test $(TESTS) --test tests faults:: -- --test-threads 1 --nocapture

test-contract: components ## Test the server at BASE_URL against the contract; DESTRUCTIVE=1 also fails and quits it
	cargo test $(TESTS) --test tests -- contract:: documents:: --skip destructive
	$(if $(DESTRUCTIVE),cargo test $(TESTS) --test tests destructive -- --test-threads 1)

lint: components ## Check format, lints, docs and dependencies, and types on another platform
	cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-deny@0.20.2
	cargo fetch --locked
	cargo deny --offline --workspace check licenses sources
	cargo deny --offline --target wasm32-wasip2 check bans
	cargo fmt --all --check
	cargo clippy --locked --release --target wasm32-wasip2 -p spin-on-k8s -p lifeline -- --deny warnings
	cargo clippy $(TESTS) --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc $(TESTS) --no-deps --document-private-items \
		--features spin-on-k8s-host/compiler
	rustup target add $(OTHER)
	TYPES_ONLY=1 TARGET_CC=true TARGET_AR=true cargo check --locked --profile tests --target $(OTHER) \
		-p spin-on-k8s-host -p spin-on-k8s-demo

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

SECONDS_EACH = 60
fuzz: ## Fuzz the query and the path, a minute each (SECONDS_EACH=600); needs a nightly toolchain
	cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz
	for target in query path; do \
		mkdir -p fuzz/target/corpus/$$target && cargo +nightly fuzz run $$target \
			fuzz/target/corpus/$$target fuzz/corpus/$$target -- -max_total_time=$(SECONDS_EACH) -timeout=10 || exit; \
	done

image: $(if $(LOCAL),components) ## Build the image; LOCAL=1 uses the components built here, and pulls no base image
	$(BUILDER) --tag $(IMAGE) $(if $(LOCAL),--build-context build=.) .

# The repository's name, without the tag.
REPOSITORY = $(shell echo '$(IMAGE)' | sed 's|:[^:/]*$$||')
# Leaves in target/digest what the registry calls the image.
PUSHER = $(if $(findstring docker,$(BUILDER)), \
	docker push $(IMAGE) && docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' $(IMAGE) | \
		sed -n 's|^$(REPOSITORY)@||p' >target/digest, \
	$(firstword $(BUILDER)) push --digestfile target/digest $(IMAGE))
KUBECTL = kubectl

# By its digest, so that an image that was rebuilt under the same tag is rolled out, too. Whoever may not
# read RuntimeClasses is not held up.
deploy: ## Build it, push it to IMAGE=registry/name:tag, and run that on the cluster (KUBECTL="kubectl -n …")
	$(if $(filter file,$(origin IMAGE)),$(error make deploy needs IMAGE=registry/name:tag, which the nodes can pull))
	@class=$$($(KUBECTL) get runtimeclass wasmtime-spin-v2 --ignore-not-found -o name) || class=unknown; \
	[ "$$class" ] || { printf '%s\n' "make: the cluster has no RuntimeClass wasmtime-spin-v2. It gets one in one of two ways:" \
		"- SpinKube's runtime-class-manager makes it, and sets up the nodes." \
		"- By hand: set up the nodes with containerd-shim-spin, then kubectl apply -f spinkube/runtimeclass.yaml." \
		"The README tells more." >&2; exit 1; }
	$(MAKE) image
	$(PUSHER)
	$(KUBECTL) apply $(patsubst %,-f %,$(filter-out k8s/deployment.yaml,$(wildcard k8s/*.yaml)))
	$(KUBECTL) set image --local -f k8s/deployment.yaml api=$(REPOSITORY)@$$(cat target/digest) -o yaml | \
		$(KUBECTL) apply -f -
	$(KUBECTL) rollout status deployment/spin-on-k8s --timeout 3m

undeploy: ## Remove from the cluster what make deploy has put there
	$(KUBECTL) delete --ignore-not-found -f k8s

push: components ## Push the app as an OCI artefact to REF, with Spin
	$(if $(REF),,$(error make push needs REF=registry/name:tag))
	spin registry push --file spin.k8s.toml $(REF)

DIST = target/dist
# In a folder that has nothing but what Cargo has to know, since the tool leaves its files beside the manifests.
dist: components ## Build what a release has into target/dist: components, manifests, SBOMs, checksums
	cargo cyclonedx --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-cyclonedx@0.5.9
	rm -rf $(DIST) target/sbom
	mkdir -p $(DIST) target/sbom
	cp target/wasm32-wasip2/release/spin_on_k8s.wasm target/wasm32-wasip2/release/lifeline.wasm $(DIST)
	for file in spin.toml spin.k8s.toml; do \
		sed 's|target/wasm32-wasip2/release/||' $$file >$(DIST)/$$file || exit; \
	done
	for file in $(sort $(wildcard k8s/*.yaml)); do echo --- && cat $$file || exit; done | \
		sed 's|image: spin-on-k8s:|image: ghcr.io/spin-on-k8s/spin-on-k8s:|' >$(DIST)/install.yaml
	tar -cf - Cargo.toml Cargo.lock */Cargo.toml bench/hello/Cargo.toml src lifeline | tar -xf - -C target/sbom
	cd target/sbom && SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} cargo cyclonedx \
		--quiet --format json --spec-version 1.5 --target wasm32-wasip2 --no-build-deps
	for guest in target/sbom/spin-on-k8s target/sbom/lifeline/lifeline; do \
		sed 's|path+file://$(CURDIR)/target/sbom|path+file://|' $$guest.cdx.json \
			>$(DIST)/$${guest##*/}.cdx.json || exit; \
	done
	cd $(DIST) && LC_ALL=C && $(shell command -v sha256sum || echo shasum -a 256) * >SHA256SUMS

# For this machine's kind; on Linux static, so that it runs on every distribution. As uname calls it, so that
# two commands fetch and start the right one anywhere.
KIND = $(shell uname -s)-$(shell uname -m)
TARGET = $(subst arm64,aarch64,$(shell uname -m))-$(if $(findstring Darwin,$(KIND)),apple-darwin,unknown-linux-musl)
archive: components ## Pack the embedded host and the demo, for machines like this one, into target
	rustup target add $(TARGET)
	cargo build $(HOST) --target $(TARGET) -p spin-on-k8s-host -p spin-on-k8s-demo
	rm -rf target/archive
	mkdir -p target/archive/spin-on-k8s
	cp LICENSE target/$(TARGET)/host/spin-on-k8s target/$(TARGET)/host/spin-on-k8s-demo target/archive/spin-on-k8s
	tar -czf target/spin-on-k8s-$(KIND).tar.gz -C target/archive spin-on-k8s

# Where the version stands; Cargo.lock follows. tests/release.rs holds all of them equal.
VERSIONED = Cargo.toml Dockerfile Makefile README.md spin.toml spin.k8s.toml src/openapi.json \
	$(wildcard docs/*.md k8s/*.yaml spinkube/*.yaml)
NUMBER = [0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*

version: ## Set the version everywhere to VERSION=x.y.z
	@expr "$(VERSION)" : '$(NUMBER)$$' >/dev/null || { echo "make version needs VERSION=x.y.z" >&2; exit 1; }
	@mkdir -p target
	@for file in $(VERSIONED); do \
		sed -e 's|^\( *"*version"*[ :=]*"\)$(NUMBER)"|\1$(VERSION)"|' \
			-e 's|\(image\.version="\)$(NUMBER)|\1$(VERSION)|' \
			-e 's|\(kubernetes\.io/version: \)$(NUMBER)|\1$(VERSION)|' \
			-e 's|\(spin-on-k8s:\)$(NUMBER)|\1$(VERSION)|g' $$file >target/versioned && \
			cat target/versioned >$$file || exit; \
	done
	@cargo update --quiet --offline --workspace

# Asks the rustc that will be used, which need not be rustup's.
HAS_WASM = [ -d "$$(rustc --print target-libdir --target wasm32-wasip2)" ]

wasm-target:
	@$(HAS_WASM) || { echo "Adding the target wasm32-wasip2 to the Rust toolchain" && \
		rustup target add wasm32-wasip2; }
	@$(HAS_WASM) || { echo "make: $$(command -v rustc) has no target wasm32-wasip2:" \
		"put rustup's toolchain first in PATH, or add the target to this one" >&2; exit 1; }

.PHONY: archive deploy dist undeploy version help run demo build components test test-contract test-faults lint bench drill pictures fuzz image push wasm-target
