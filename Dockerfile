# The app for a cluster: a manifest and two components. It is Wasm, so it is the same for every
# platform; the build stage runs natively on the builder's own.

FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95.0-slim AS build
WORKDIR /source
RUN rustup target add wasm32-wasip2
COPY . .
# The target directory is in the cache, the results are not. The flag is make's: see the Makefile.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/cache \
    CARGO_ENCODED_RUSTFLAGS=--remap-path-prefix=$CARGO_HOME=/cargo \
    cargo build --locked --release --target wasm32-wasip2 --target-dir /cache \
        --package spin-on-k8s --package lifeline && \
    cp /cache/wasm32-wasip2/release/spin_on_k8s.wasm /cache/wasm32-wasip2/release/lifeline.wasm /

FROM scratch
USER 65532:65532
LABEL org.opencontainers.image.title="spin-on-k8s" \
      org.opencontainers.image.description="A tiny HTTP API in one WebAssembly component: fail it, kill it, and watch Kubernetes heal it" \
      org.opencontainers.image.version="0.3.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# containerd starts nothing without a command, although the shim does not heed it.
ENTRYPOINT ["/"]
# Readable, whatever the umask was when the source was checked out.
COPY --chmod=444 spin.k8s.toml /spin.toml
COPY --from=build --chmod=444 /spin_on_k8s.wasm /lifeline.wasm /target/wasm32-wasip2/release/
