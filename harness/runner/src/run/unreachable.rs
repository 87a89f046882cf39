//! Whether helm failed because the API server did not answer it: that says nothing of the chart.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kube::config::Kubeconfig;

/// How Go's network and HTTP client end a message where nothing answers, or no longer. A limit of time is not among them: it may be helm's own,
/// for a release that is never ready.
const SILENT: [&str; 9] = [
    "connection refused",
    "connection reset by peer",
    "i/o timeout",
    "TLS handshake timeout",
    "network is unreachable",
    "no route to host",
    "client connection lost",
    "broken pipe",
    "EOF",
];

/// Reads what helm said when it failed.
///
/// # Errors
/// If it lost the API server of this kubeconfig: the step, and so the scenario, proves nothing.
pub fn check(said: &str, kubeconfig: &Path) -> Result<()> {
    let config = Kubeconfig::read_from(kubeconfig).with_context(|| format!("read `{}`", kubeconfig.display()))?;
    let mut servers = config.clusters.iter().filter_map(|named| named.cluster.as_ref()?.server.as_deref());
    if servers.any(|server| is_lost(said, server)) {
        bail!("helm could not reach the API server any more: {said}");
    }
    Ok(())
}

/// Whether a request to this server got no answer. What a webhook or a registry does not answer is sent to another one.
fn is_lost(said: &str, server: &str) -> bool {
    let request = format!("\"{}/", server.trim_end_matches('/'));
    said.lines().any(|line| {
        let after = line.rfind(&request).map(|at| &line[at..]);
        after.is_some_and(|after| SILENT.iter().any(|words| after.trim_end().ends_with(words)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://10.0.0.2:6443";

    #[track_caller]
    fn check(said: &str, expected: bool) {
        assert_eq!(is_lost(said, SERVER), expected, "{said}");
    }

    /// A failure would mean that a chart is blamed for a network that was away.
    #[test]
    fn a_server_that_does_not_answer_helm_is_known() {
        check(
            "Error: INSTALLATION FAILED: Kubernetes cluster unreachable: Get \"https://10.0.0.2:6443/version\": \
             dial tcp 10.0.0.2:6443: connect: connection refused",
            true,
        );
        check(
            "level=ERROR msg=a\nError: UPGRADE FAILED: Get \"https://10.0.0.2:6443/apis/apps/v1/namespaces/a/deployments/b\": \
             read tcp 10.0.0.1:5->10.0.0.2:6443: read: connection reset by peer\n",
            true,
        );
        check("Error: Get \"https://10.0.0.2:6443/api/v1/namespaces/a/pods\": http2: client connection lost", true);
    }

    /// A failure would mean that a chart whose webhook does not answer, or whose release is never ready, is let off.
    #[test]
    fn what_others_do_not_answer_is_the_charts_business() {
        check(
            "Error: Internal error occurred: failed calling webhook \"a.b\": failed to call webhook: \
             Post \"https://a.b.svc:443/validate?timeout=10s\": dial tcp 10.96.0.9:443: connect: connection refused",
            false,
        );
        check("Error: Get \"https://10.0.0.2:6443/api/v1/namespaces/a/pods\": context deadline exceeded", false);
        check("Error: UPGRADE FAILED: context deadline exceeded", false);
        check("Error: Get \"https://10.0.0.22:6443/version\": EOF", false);
    }
}
