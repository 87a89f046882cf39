//! A program that is run in a container of a pod.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use tokio::io::AsyncReadExt;

/// What a program prints that is run in a pod's container.
///
/// # Errors
/// That it failed, with what it said last.
pub async fn output_in(pods: &Api<Pod>, pod: &str, container: &str, command: &[String]) -> Result<String> {
    let parameters = AttachParams::default().container(container).stdout(true).stderr(true);
    let mut process = pods.exec(pod, command, &parameters).await.context("start it")?;
    let ended = process.take_status();
    let (mut output, mut errors) = (String::new(), String::new());
    let (Some(mut stdout), Some(mut stderr)) = (process.stdout(), process.stderr()) else {
        bail!("its output cannot be read");
    };
    tokio::try_join!(stdout.read_to_string(&mut output), stderr.read_to_string(&mut errors))
        .context("read its output")?;
    let status = match ended {
        Some(ended) => ended.await,
        None => None,
    };
    match status {
        Some(status) if status.status.as_deref() == Some("Success") => Ok(output),
        status => {
            let ended =
                status.and_then(|status| status.message).unwrap_or_else(|| "it ended without a status".to_owned());
            let said = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            bail!("{ended}: {said}")
        }
    }
}
