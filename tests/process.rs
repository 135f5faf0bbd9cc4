//! The host as a command: how it starts, how it ends, and what it says when it cannot.

use crate::support::{Api, HELD, HOST, Process, hold, with_wait_in_flight};
use rustix::process::Signal;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, UNIX_EPOCH};

#[tokio::test]
async fn quit_ends_the_process_and_a_new_one_is_healthy() {
    let mut process = Process::start(&mut Process::command());
    let answer = process.api.send("POST", "/quit").await;
    assert_eq!((answer.status, answer.header("x-replica")), (202, "localhost"));
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
async fn a_signal_lets_requests_in_flight_finish_and_waits_for_no_client() {
    let stopped = [Signal::TERM, Signal::INT].map(|stop| {
        tokio::spawn(async move {
            let mut process = Process::start(Process::command().args(["--max-instances", "1"]));
            let mut clients = Vec::new();
            for held in HELD {
                clients.push(hold(process.address, held).await);
            }
            let wait = with_wait_in_flight(&process.api).await;
            process.signal(stop);
            assert_eq!(wait.await.unwrap(), Some(200));
            let (code, log) = process.end().await;
            assert!(code == Some(0) && !log.contains("still in flight"), "{code:?}: {log}");
            assert!(process.api.try_send("GET", "/health").await.is_err());
        })
    });
    for stopped in stopped {
        stopped.await.unwrap();
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut process = Process::start(Process::command().args(["--max-instances", "1"]));
    let wait = with_wait_in_flight(&process.api).await;
    process.signal(Signal::TERM);
    // Pending signals of the same kind merge, so the second has to be of another kind.
    process.signal(Signal::INT);
    let (code, _) = process.end().await;
    assert_eq!(code, Some(1));
    assert_eq!(wait.await.unwrap(), None);
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
async fn a_token_guards_the_kill_switch() {
    // White space around it does not count. One of nothing else locks the switch.
    for (token, warning) in [(" sesame\r\n", ""), ("\n", "chaos_token is nothing but white space")]
    {
        let mut process = Process::command();
        let mut process = Process::start(process.env("SPIN_VARIABLE_CHAOS_TOKEN", token));
        let api = process.api.clone();
        let post =
            async |path, token| api.send_with("POST", path, &[("authorization", token)]).await;
        for path in ["/fail", "/quit"] {
            for wrong in
                ["", "Bearer", "Bearer ", "Bearer \t", "Bearer open", "Basic sesame", "sesame"]
            {
                let answer = post(path, wrong).await;
                assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"));
                assert_eq!(answer.body, r#"{"error":"401 - Unauthorized"}"#);
            }
            assert_eq!(api.send("OPTIONS", path).await.status, 204);
            api.assert_healthy().await;
        }
        if warning.is_empty() {
            assert_eq!(post("/fail", "Bearer sesame").await.status, 200);
            assert_eq!(api.get("/health").await.status, 500);
            assert_eq!(post("/quit", "bearer sesame").await.status, 202);
        } else {
            process.signal(Signal::TERM);
        }
        let (code, log) = process.end().await;
        assert_eq!(code, Some(0));
        assert_eq!(log.matches("chaos_token").count(), warning.len().min(1), "{log}");
        assert!(log.contains(warning) && !log.contains("sesame"), "{log}");
    }
}

#[tokio::test]
async fn only_max_waits_begin_in_a_window() {
    const MOST: usize = 3;
    let process = Process::start(Process::command().env("SPIN_VARIABLE_MAX_WAITS", "3"));
    let now = || UNIX_EPOCH.elapsed().unwrap();
    // Until all have started within one window, which a busy machine may miss.
    let served = loop {
        tokio::time::sleep(Duration::from_millis(5000 - now().as_millis() as u64 % 5000)).await;
        let window = now().as_secs() / 5;
        let waits = [(); 2 * MOST].map(|()| {
            let api = process.api.clone();
            tokio::spawn(async move { (api.get("/wait").await, now().as_secs()) })
        });
        let (mut served, mut in_time) = (0, 0);
        for wait in waits {
            let (answer, mut started) = wait.await.unwrap();
            if answer.status == 200 {
                (served, started) = (served + 1, started - 5);
            } else {
                assert_eq!(
                    (answer.status, answer.header("content-type")),
                    (503, "application/json")
                );
                assert!((1..=5).contains(&answer.header("retry-after").parse::<u32>().unwrap()));
                assert_eq!(answer.json("error"), "503 - Service Unavailable");
                let detail = "this replica starts at most 3 waits in 5 seconds";
                assert_eq!(answer.json("detail"), detail);
            }
            in_time += usize::from(started / 5 == window);
        }
        if in_time == 2 * MOST {
            break served;
        }
    };
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

/// Asserts that a process has failed, and has said nothing but one line that begins like this.
fn assert_one_line(output: &Output, start: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{stderr}");
    assert!(stderr.starts_with(start) && stderr.lines().count() == 1, "{stderr}");
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
    for stdout in unwritable() {
        let mut command = Process::command();
        command.env("SPIN_VARIABLE_CHAOS_TOKEN", "sesame");
        let output = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_one_line(&output, "spin-on-k8s: cannot write to standard output: ");
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
    assert_one_line(&output.unwrap(), "spin-on-k8s: cannot start a thread: ");
}

#[test]
fn with_few_descriptors_it_says_so_in_one_line() {
    for limit in [5, 8, 13, 21, 34] {
        // With enough of them, it is the address that this machine does not have.
        let run = format!("ulimit -n {limit} && exec \"$0\" --listen 192.0.2.1:1");
        let output = Command::new("sh").args(["-c", &run, HOST]).output().unwrap();
        assert_one_line(&output, "spin-on-k8s: ");
    }
}

#[test]
fn start_up_errors_are_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, said) in [
        (&*taken, "spin-on-k8s: cannot listen on 127.0.0.1:"),
        ("nowhere", "spin-on-k8s: cannot listen on nowhere (--listen sets another address): "),
    ] {
        let output = Process::command().args(["--listen", listen]).output().unwrap();
        assert_one_line(&output, said);
    }
    for usage in [["--max-instances", "0"], ["--component", "a.wasm"]] {
        let output = Process::command().args(usage).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{stderr}");
        assert!(stderr.contains(usage[0]), "{stderr}");
    }
}
