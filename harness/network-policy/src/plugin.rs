//! The plugin of the container network interface: holds a new pod back until the ruleset counts it in, so that not even a pod that
//! lives for a moment runs without the policies that select it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::SOCKET;
use crate::arrivals::Arrival;

/// A new node's first pods come before the enforcer does. The kubelet gives a pod's network two minutes.
const LIMIT: Duration = Duration::from_secs(90);

/// Does what the runtime asks; a failure is told in the interface's own form.
pub fn run(command: &str) -> Result<()> {
    match command {
        "ADD" => {
            let config: Value = serde_json::from_reader(std::io::stdin()).context("parse the configuration")?;
            let added = add(&config).inspect_err(|error| {
                println!("{}", json!({"cniVersion": config["cniVersion"], "code": 11, "msg": format!("{error:#}")}));
            });
            println!("{}", added?);
        }
        "VERSION" => println!("{}", json!({"cniVersion": "1.0.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0"]})),
        _ => {}
    }
    Ok(())
}

/// The result of the plugins before this one, once the pod is admitted.
fn add(config: &Value) -> Result<&Value> {
    let result = &config["prevResult"];
    let arguments = std::env::var("CNI_ARGS").context("read CNI_ARGS")?;
    let uid =
        arguments.split(';').find_map(|it| it.strip_prefix("K8S_POD_UID=")).context("find the pod in CNI_ARGS")?;
    let addresses = result["ips"].as_array().into_iter().flatten().filter_map(|ip| ip["address"].as_str());
    let addresses = addresses.filter_map(|address| address.split('/').next()?.parse().ok()).collect();
    announce(&Arrival { uid: uid.to_owned(), addresses })?;
    Ok(result)
}

fn announce(arrival: &Arrival) -> Result<()> {
    let started = Instant::now();
    let mut stream = connect(started)?;
    let left = LIMIT.saturating_sub(started.elapsed()).max(Duration::from_secs(1));
    stream.set_read_timeout(Some(left)).context("set a limit")?;
    writeln!(stream, "{}", serde_json::to_string(arrival)?).context("tell the enforcer of the pod")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("await the ruleset with the pod")?;
    ensure!(answer == "admitted\n", "the enforcer ended before it counted the pod in");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "no watch tells a short-lived process that a socket appeared")]
fn connect(started: Instant) -> Result<UnixStream> {
    loop {
        match UnixStream::connect(SOCKET) {
            Err(_) if started.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(20)),
            connected => return connected.with_context(|| format!("reach the enforcer on `{SOCKET}`")),
        }
    }
}
