//! The contract on Spin itself, where that is installed.

use crate::support::{Process, ROOT, put_to};
use rustix::process::Signal;
use std::net::TcpListener;
use std::process::Command;

#[test]
fn it_keeps_the_contract() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut spin = Command::new("spin");
    spin.current_dir(ROOT).args(["up", "--state-dir=", "--listen", &address]);
    let mut spin = Process::start(&mut spin);
    let url = format!("http://{address}");
    put_to(&url, &["contract::", "documents::", "--skip", "destructive"]);
    put_to(&url, &["destructive", "--test-threads", "1"]);
    // Unlike SIGKILL, this ends its children, too.
    spin.signal(Signal::INT);
    spin.child.wait().unwrap();
}
