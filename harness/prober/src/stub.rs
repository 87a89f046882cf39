//! The stub: what runs in place of an application whose image is not used, and the admission webhook that puts it there.
//!
//! The webhook ([`webhook`]) replaces the program of each container when its pod is created ([`replace`]); the program it
//! puts there listens on the container's ports ([`serve`]), or ends at once where the application was to end.

mod answer;
mod certificate;
mod definition;
mod object;
mod pod;
mod replace;
mod review;
mod serve;
mod webhook;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use replace::PROGRAM;

/// Does what a container's arguments say.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    match arguments.next().as_deref() {
        // An application that was to end ends well, and so does an exec probe.
        Some("exit") => Ok(()),
        Some("serve") => {
            let (ports, certificates) = ports_and_directories(arguments)?;
            serve::serve(&ports, &certificates).await
        }
        Some("sleep") => {
            let seconds = arguments.next().context("how long to sleep is missing")?;
            crate::clock::pause(Duration::from_secs_f64(seconds.parse().context("parse the seconds to sleep")?)).await;
            Ok(())
        }
        Some("webhook") => webhook::serve(&webhook::Settings::of(arguments)?).await,
        other => bail!("unknown mode `{}`: exit, serve, sleep and webhook are known", other.unwrap_or_default()),
    }
}

/// `PORT… [--certificates DIRECTORY…]`
fn ports_and_directories(arguments: impl Iterator<Item = String>) -> Result<(Vec<u16>, Vec<PathBuf>)> {
    let (mut ports, mut directories, mut is_directory) = (Vec::new(), Vec::new(), false);
    for argument in arguments {
        if argument == replace::CERTIFICATES {
            is_directory = true;
        } else if is_directory {
            directories.push(PathBuf::from(argument));
        } else {
            ports.push(argument.parse().with_context(|| format!("parse the port `{argument}`"))?);
        }
    }
    Ok((ports, directories))
}
