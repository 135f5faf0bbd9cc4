//! What the demo says when it cannot start.

use std::net::TcpListener;
use std::process::Command;

#[test]
fn start_up_errors_are_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (args, code, said) in [
        (["--listen", &taken], 1, "cannot listen on 127.0.0.1:"),
        (["--listen", "nowhere"], 1, "cannot listen on nowhere: "),
        (["--replicas", "0"], 2, "--replicas"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_spin-on-k8s-demo")).args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(said) && (code == 2 || stderr.lines().count() == 1), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
