//! The plugin of the container network interface: holds a new pod back until the ruleset counts it in, so that not even a pod that
//! lives for a moment runs without the policies that select it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arrivals::{Arrival, SOCKET};

/// A new node's first pods come before the enforcer does. The kubelet gives a pod's network two minutes.
const LIMIT: Duration = Duration::from_secs(90);

/// What the runtime tells of a pod.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    cni_version: Value,
    /// What the plugins before this one did: this one does no more, and says the same.
    #[serde(default)]
    prev_result: Value,
}

/// The addresses that a pod got.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Added {
    ips: Vec<Address>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address {
    /// With the length of its network's prefix.
    address: String,
}

/// Does what the runtime asks; a failure is told in the interface's own form.
pub fn run(command: &str) -> Result<()> {
    match command {
        "ADD" => {
            let config: Config = serde_json::from_reader(std::io::stdin()).context("parse the configuration")?;
            let added = add(&config).inspect_err(|error| {
                println!("{}", json!({"cniVersion": config.cni_version, "code": 11, "msg": format!("{error:#}")}));
            });
            println!("{}", added?);
        }
        "VERSION" => println!("{}", json!({"cniVersion": "1.0.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0"]})),
        _ => {}
    }
    Ok(())
}

/// The result of the plugins before this one, once the pod is admitted.
fn add(config: &Config) -> Result<&Value> {
    let before = Added::deserialize(&config.prev_result).unwrap_or_default();
    let arguments = std::env::var("CNI_ARGS").context("read CNI_ARGS")?;
    let uid =
        arguments.split(';').find_map(|it| it.strip_prefix("K8S_POD_UID=")).context("find the pod in CNI_ARGS")?;
    let addresses = before.ips.iter().filter_map(|ip| ip.address.split('/').next()?.parse().ok()).collect();
    announce(&Arrival { uid: uid.to_owned(), addresses })?;
    Ok(&config.prev_result)
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
