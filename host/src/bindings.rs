//! The bindings of the component's world, from the same file as the guest's.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "replica",
    imports: {
        "wasi:io/poll.[method]pollable.block": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "wasi:http/types.fields": hyper::HeaderMap,
        "wasi:http/types.incoming-request": hyper::http::request::Parts,
        "wasi:http/types.outgoing-body": crate::resources::OutgoingBody,
        "wasi:http/types.outgoing-response": crate::resources::OutgoingResponse,
        "wasi:http/types.response-outparam": crate::resources::ResponseOutparam,
        // This host never makes one.
        "wasi:io/error.error": std::convert::Infallible,
        "wasi:io/poll.pollable": tokio::time::Instant,
        "wasi:io/streams.output-stream": crate::resources::OutputStream,
        "wasi:keyvalue/atomics.cas": crate::key_value::Cas,
        "wasi:keyvalue/store.bucket": crate::key_value::Bucket,
    },
});
