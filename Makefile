# The component is built with the release profile, the host with one of its own (Cargo.toml).
HOST = --locked --profile host

help: ## List what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20

run: build ## Serve the component at 127.0.0.1:8000 (ARGS="--listen …", see ARGS=--help)
	target/host/spin-on-k8s $(ARGS)

build: component ## Build the component, and the host that carries it
	cargo build $(HOST) -p spin-on-k8s-host

component: wasm-target ## Build the component alone
	cargo build --locked --release --target wasm32-wasip2

test: component ## Run all tests
	cargo test $(HOST) --workspace

test-contract: component ## Put the contract to the server at BASE_URL; DESTRUCTIVE=1 fails and quits it, too
	cargo test $(HOST) --workspace --test tests contract:: -- --skip destructive
	$(if $(DESTRUCTIVE),cargo test $(HOST) --workspace --test tests destructive -- --test-threads 1)

lint: component ## Check format, lints and docs
	cargo fmt --all --check
	cargo clippy --locked --release --target wasm32-wasip2 -- --deny warnings
	cargo clippy $(HOST) --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc $(HOST) --workspace --no-deps --document-private-items

wasm-target:
	@rustup target list --installed | grep -qx wasm32-wasip2 || \
		{ echo "Adding the target wasm32-wasip2 to the Rust toolchain"; rustup target add wasm32-wasip2; }

.PHONY: help run build component test test-contract lint wasm-target
