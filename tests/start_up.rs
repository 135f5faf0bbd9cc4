//! What a program says when it cannot start.

use std::net::TcpListener;
use std::process::Command;

/// Asserts that an address that is taken or unknown, and each of the `usage` errors, is reported on
/// standard error alone; the address, in a single line.
pub fn assert_errors_are_one_clear_line(command: impl Fn() -> Command, usage: &[[&str; 2]]) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let listen = [
        (["--listen", &taken], 1, "cannot listen on 127.0.0.1:"),
        (["--listen", "nowhere"], 1, "cannot listen on nowhere (--listen sets another address): "),
    ];
    for (args, code, said) in listen.into_iter().chain(usage.iter().map(|it| (*it, 2, it[0]))) {
        let output = command().args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        if code == 1 {
            assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
        }
        assert!(output.stdout.is_empty());
    }
}
