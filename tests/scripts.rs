//! The scripts, in a stranger's environment.

use crate::support::{ROOT, copy, run, shell};
use std::fs;
use std::net::TcpListener;

/// What they say on standard error, when they fail.
fn refusal(command: &str) -> String {
    let output = shell(command);
    assert!(!output.status.success(), "{command}");
    String::from_utf8(output.stderr).unwrap()
}

/// It makes a script independent of the folder where it is started, of CDPATH, and of the language.
const START: &str = "\nexport LC_ALL=C CDPATH= && cd -- \"$(dirname -- \"$0\")/..\"";

#[test]
fn they_start_in_the_repository_whatever_the_environment_says() {
    let source = copy("start");
    let all = run("ls scripts/* .ci/*");
    assert!(all.lines().count() > 8, "{all}");
    for script in all.lines() {
        let text = fs::read_to_string(format!("{ROOT}/{script}")).unwrap();
        let (before, _) = text.split_once(START).expect(script);
        assert!(!before.contains("cd "), "{script}");
        let report = "\npwd && echo $LC_ALL\n";
        fs::write(format!("{source}/{script}"), [before, START, report].concat()).unwrap();
        // Where CDPATH leads, there are such folders, too.
        let decoy = "mkdir -p decoy/scripts decoy/.ci && export CDPATH=$PWD/decoy";
        let said = run(&format!("cd {source} && {decoy} LC_ALL=tr_TR.UTF-8 && {script}"));
        assert_eq!(said, format!("{source}\nC\n"), "{script}");
    }
}

/// Installs Node.js and the packages of the tab.
const INSTALL: &str = "scripts/node web @bytecodealliance/jco-transpile";

#[test]
fn node_modules_that_do_not_load_are_installed_again_for_this_system() {
    let source = copy("modules");
    // Node, and what npm has downloaded, are the machine's.
    run(&format!("mkdir {source}/target && ln -s {ROOT}/target/venv {source}/target"));
    let install = format!("{source}/{INSTALL}");
    run(&install);
    // As after an installation on another system.
    run(&format!("rm -r {source}/web/node_modules/@oxc-minify"));
    run(&install);
    assert_eq!(shell(&install).stderr, b"", "it is installed");
}

#[test]
fn the_users_settings_say_where_packages_come_from_and_nothing_else() {
    let source = copy("settings");
    let set = |pip: &str, npm: &str| {
        let pip = format!("[install]\ntarget = /nowhere\n[global]\nuser = true\nquiet = 3\n{pip}");
        fs::write(format!("{source}/pip.conf"), pip).unwrap();
        let npm = format!("bin-links = false\ndry-run = true\nglobal = true\n{npm}");
        fs::write(format!("{source}/npmrc"), npm).unwrap();
    };
    let install = format!(
        "cd {source} && export PIP_CONFIG_FILE=$PWD/pip.conf PIP_FIND_LINKS= PIP_PREFIX=/nowhere PIP_USER=1
        export NPM_CONFIG_USERCONFIG=$PWD/npmrc NPM_CONFIG_OMIT=optional
        export npm_config_cpu=s390x npm_config_libc=musl npm_config_os=aix
        {INSTALL}"
    );
    set("", "");
    run(&install);
    run(&format!("[ -e {source}/web/node_modules/.bin/esbuild ]"));

    let nowhere = "http://127.0.0.1:1";
    let npm = format!("registry = {nowhere}\nfetch-retries = 0\ncache = {source}/none\n");
    set(&format!("index-url = {nowhere}\nretries = 0\n"), &npm);
    run(&format!("rm -r {source}/web/node_modules"));
    let said = refusal(&install);
    let [npms, ours] = ["connect ECONNREFUSED", "make: npm cannot install what web/package-lock"];
    assert!(said.contains(npms) && said.contains(ours), "{said}");
    run(&format!("rm -r {source}/target/venv"));
    let said = refusal(&install);
    assert!(said.ends_with("make: pip cannot install web/requirements.txt\n"), "{said}");
}

#[test]
fn each_reason_why_the_tab_is_not_served_has_a_message() {
    let source = copy("unserved");
    let bin = format!("{source}/bin");
    run(&format!(
        "mkdir {bin} && for it in sh dirname sed; do ln -s \"$(command -v $it)\" {bin}; done"
    ));
    let web = format!("PATH={bin} {source}/scripts/web");
    let needed = "make: this needs Python 3.8 or newer, ";
    assert!(refusal(&web).ends_with(&format!("{needed}and there is no python3\n")));
    run(&format!("printf '#!/bin/sh\necho 3.7\n' >{bin}/python3 && chmod +x {bin}/python3"));
    assert_eq!(refusal(&web), format!("{needed}but python3 is 3.7\n"));
    run(&format!(
        "printf '#!/bin/sh\n[ \"$2\" != \"import ensurepip\" ] && echo 3.11\n' >{bin}/python3"
    ));
    assert!(refusal(&web).starts_with("make: python3 cannot make environments "));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (arguments, reason) in [
        (format!("PORT={port}"), format!("127.0.0.1, port {port}: it is taken; ")),
        ("PORT=99999".into(), "127.0.0.1, port 99999: bind(): port must be 0-65535".into()),
        ("PORT=http".into(), "127.0.0.1, port http: invalid literal".into()),
        ("ADDRESS=192.0.2.1".into(), "192.0.2.1, port 8700: [Errno ".into()),
    ] {
        let said = refusal(&format!("make -o components web {arguments}"));
        // npm may have had to install something before.
        let said = &said[said.find("make: ").expect(&said)..];
        let start = format!("make: cannot serve at {reason}");
        assert!(said.starts_with(&start), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}"); // the last one is make's own
    }
}
