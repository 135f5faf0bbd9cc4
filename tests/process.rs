//! The host as a command: how it starts, how it ends, and what it says when it cannot.

use crate::start_up::assert_errors_are_one_clear_line;
use crate::support::{Api, HOST, Process, with_wait_in_flight};
use rustix::process::Signal;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

#[tokio::test]
async fn quit_ends_the_process_and_a_new_one_is_healthy() {
    let mut process = Process::start(&mut Process::command());
    let answer = process.api.send("POST", "/quit").await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "{}"));
    let (code, log) = process.end().await;
    assert_eq!(code, Some(0));
    assert!(log.ends_with("\nstate: quit; terminating\n"), "{log}");
    assert!(process.api.try_send("GET", "/health").await.is_err());

    Process::start(&mut Process::command()).api.assert_healthy().await;
}

#[tokio::test]
async fn state_changes_are_logged_and_requests_are_not() {
    let mut process = Process::start(&mut Process::command());
    for (method, path) in
        [("GET", "/parity?int=x"), ("POST", "/fail"), ("POST", "/fail"), ("GET", "/health")]
    {
        process.api.send(method, path).await;
    }
    process.signal(Signal::TERM);
    let (code, log) = process.end().await;
    assert_eq!(code, Some(0));
    let lines: Vec<_> = log.lines().collect();
    let [open, failed] = lines[..] else { panic!("{log}") };
    assert!(open.contains("chaos_token is not set"));
    assert_eq!(failed, "state: failed; its /health fails from now on");
}

#[tokio::test]
async fn a_signal_lets_requests_in_flight_finish() {
    for stop in [Signal::TERM, Signal::INT] {
        let mut process = Process::start(Process::command().args(["--max-instances", "1"]));
        let wait = with_wait_in_flight(&process.api).await;
        process.signal(stop);
        assert_eq!(wait.await.unwrap(), Some(200));
        assert_eq!(process.end().await.0, Some(0));
        assert!(process.api.try_send("GET", "/health").await.is_err());
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut process = Process::start(Process::command().args(["--max-instances", "1"]));
    let start = Instant::now();
    let wait = with_wait_in_flight(&process.api).await;
    process.signal(Signal::TERM);
    // Pending signals of the same kind merge, so the second has to be of another kind.
    process.signal(Signal::INT);
    let (code, _) = process.end().await;
    assert_eq!(code, Some(1));
    assert!(start.elapsed().as_secs_f64() < 4.0);
    assert_eq!(wait.await.unwrap(), None);
}

#[tokio::test]
async fn variables_come_from_the_environment() {
    let mut command = Process::command();
    let default = Process::start(&mut command);
    assert_eq!(default.api.get("/health").await.header("x-replica"), "localhost");
    let named = Process::start(command.env("SPIN_VARIABLE_HOSTNAME", "pod-1"));
    assert_eq!(named.api.get("/health").await.header("x-replica"), "pod-1");
}

#[tokio::test]
async fn it_listens_on_all_addresses_of_a_name() {
    for (listen, addresses) in [
        ("localhost:0", &["localhost"][..]),
        ("[::]:0", &["127.0.0.1", "[::1]"]),
        (":0", &["127.0.0.1", "[::1]"]),
    ] {
        let process = Process::start(Process::command().args(["--listen", listen]));
        for address in addresses {
            if TcpListener::bind(format!("{address}:0")).is_err() {
                println!("SKIPPED: {address}, which this machine does not have");
                continue;
            }
            let api = Api::new(&format!("http://{address}:{}", process.address.port()));
            api.assert_healthy().await;
        }
    }
}

#[tokio::test]
async fn white_space_around_a_token_does_not_count() {
    let mut guarded = Process::command();
    let guarded = Process::start(guarded.env("SPIN_VARIABLE_CHAOS_TOKEN", " sesame\r\n"));
    let sesame = [("authorization", "Bearer sesame")];
    assert_eq!(guarded.api.send_with("POST", "/fail", &sesame).await.status, 200);

    let mut locked = Process::command();
    let mut locked = Process::start(locked.env("SPIN_VARIABLE_CHAOS_TOKEN", "\n"));
    for token in ["", "Bearer", "Bearer ", "Bearer \t"] {
        let headers = [("authorization", token)];
        assert_eq!(locked.api.send_with("POST", "/fail", &headers).await.status, 401, "{token:?}");
    }
    locked.signal(Signal::TERM);
    let (_, log) = locked.end().await;
    assert!(log.contains("chaos_token is nothing but white space") && log.lines().count() == 1);
}

#[tokio::test]
async fn a_token_guards_the_kill_switch() {
    let mut process = Process::start(Process::command().env("SPIN_VARIABLE_CHAOS_TOKEN", "sesame"));
    for path in ["/fail", "/quit"] {
        for authorization in ["", "Bearer", "Bearer open", "Basic sesame", "sesame"] {
            let answer =
                process.api.send_with("POST", path, &[("authorization", authorization)]).await;
            assert_eq!(answer.status, 401, "{authorization}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert_eq!(answer.body, r#"{"error":"401 - Unauthorized"}"#);
        }
        assert_eq!(process.api.send("OPTIONS", path).await.status, 204);
        process.api.assert_healthy().await;
    }
    assert_eq!(
        process.api.send_with("POST", "/fail", &[("authorization", "Bearer sesame")]).await.status,
        200
    );
    assert_eq!(process.api.get("/health").await.status, 500);
    assert_eq!(
        process.api.send_with("POST", "/quit", &[("authorization", "bearer sesame")]).await.status,
        202
    );
    let (code, log) = process.end().await;
    assert_eq!(code, Some(0));
    assert!(!log.contains("chaos_token") && !log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn only_max_waits_begin_in_a_window() {
    const MOST: usize = 3;
    let process = Process::start(Process::command().env("SPIN_VARIABLE_MAX_WAITS", "3"));
    // All within one window, or they would be admitted twice.
    let now = UNIX_EPOCH.elapsed().unwrap();
    tokio::time::sleep(Duration::from_millis(5000 - now.as_millis() as u64 % 5000)).await;
    let waits = [(); 2 * MOST].map(|()| {
        let api = process.api.clone();
        tokio::spawn(async move { api.get("/wait").await })
    });
    let mut served = 0;
    for wait in waits {
        let answer = wait.await.unwrap();
        if answer.status == 200 {
            served += 1;
            continue;
        }
        assert_eq!((answer.status, answer.header("content-type")), (503, "application/json"));
        assert!((1..=5).contains(&answer.header("retry-after").parse::<u32>().unwrap()));
        assert_eq!(answer.json("error"), "503 - Service Unavailable");
        assert_eq!(answer.json("detail"), "this replica begins at most 3 waits in 5 seconds");
    }
    assert_eq!(served, MOST);
    // The next window has begun.
    assert_eq!(process.api.get("/wait").await.status, 200);
}

#[tokio::test]
async fn a_max_waits_that_is_not_a_number_is_reported() {
    let process = Process::start(Process::command().env("SPIN_VARIABLE_MAX_WAITS", "many"));
    let answer = process.api.get("/wait").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json("detail"), "max_waits is not a whole number: 'many'");
    process.api.assert_healthy().await;
}

/// What nobody can write to: a pipe that nobody reads, and a full disk.
fn unwritable() -> Vec<Stdio> {
    let (_, closed) = std::io::pipe().unwrap();
    let mut all = vec![closed.into()];
    match File::options().write(true).open("/dev/full") {
        Ok(full) => all.push(full.into()),
        Err(error) => println!("SKIPPED: /dev/full: {error}"),
    }
    all
}

#[test]
fn it_ends_without_a_panic_when_it_cannot_write() {
    let expected = [(0, ""), (1, "spin-on-k8s: cannot write to standard output: ")];
    for (stdout, (code, says)) in unwritable().into_iter().zip(expected) {
        let mut command = Process::command();
        command.env("SPIN_VARIABLE_CHAOS_TOKEN", "sesame");
        let output = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.starts_with(says) && stderr.lines().count() == code as usize, "{stderr}");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    for stderr in unwritable() {
        let mut process = Process::with(&mut Process::command(), stderr);
        for (path, status) in [("/fail", 200), ("/quit", 202)] {
            assert_eq!(process.api.send("POST", path).await.status, status);
        }
        assert_eq!(process.end().await.0, Some(0));
    }
}

#[test]
fn without_a_thread_it_says_so_in_one_line() {
    // More than there are addresses.
    let output = Process::command().env("RUST_MIN_STACK", (1_u64 << 50).to_string()).output();
    let output = output.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("spin-on-k8s: cannot start a thread: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn with_few_descriptors_it_says_so_in_one_line() {
    for limit in 5..40 {
        // With enough of them, it is the address that this machine does not have.
        let run = format!("ulimit -n {limit} && exec \"$0\" --listen 192.0.2.1:1");
        let output = Command::new("sh").args(["-c", &run, HOST]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{limit}: {stderr}");
        assert!(stderr.starts_with("spin-on-k8s: "), "{limit}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{limit}: {stderr}");
    }
}

#[test]
fn start_up_errors_are_one_clear_line() {
    let usage = [["--max-instances", "0"], ["--component", "a.wasm"]];
    assert_errors_are_one_clear_line(Process::command, &usage);
}
