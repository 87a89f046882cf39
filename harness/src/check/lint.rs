//! `helm lint`, by the helm that renders.

use std::path::PathBuf;

use anyhow::Result;
use chartgate_model::plan::Plan;
use chartgate_model::recording::{LintMessage, Moment};
use chartgate_process::tool::Tool;

use super::Setting;

/// What `helm lint` says of a chart with the setting's values.
pub async fn lint(setting: &Setting) -> Result<Moment> {
    let Plan { chart, base_files, values_files, set, .. } = &setting.plan;
    let file = |path: &PathBuf| ["--values".to_owned(), path.display().to_string()];
    let mut args = vec!["lint".to_owned(), chart.path.display().to_string()];
    args.extend(["--kube-version".to_owned(), setting.kubernetes.clone()]);
    args.extend(base_files.iter().chain(values_files).flat_map(file));
    args.extend(set.iter().flat_map(|pair| ["--set".to_owned(), pair.clone()]));
    let call = Tool::new("helm", &setting.program.path).args(args).env("KUBECONFIG", "/dev/null");
    let output = call.run_unchecked().await?;
    Ok(Moment::Linted { messages: messages(&output.stdout) })
}

/// The lines of helm's that say how bad something is. What templates refuse, the render shows better.
fn messages(told: &str) -> Vec<LintMessage> {
    let read = |line: &str| {
        let (level, what) = line.strip_prefix('[')?.split_once("] ")?;
        let is_error = match level {
            "ERROR" => true,
            "WARNING" => false,
            _ => return None,
        };
        let is_of_render = what.starts_with("templates/: ") || what.contains("Unable to read chart dependencies");
        (!is_of_render).then(|| LintMessage { is_error, what: what.to_owned() })
    };
    told.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that helm's own findings are lost, or its hints are taken for findings.
    #[test]
    fn errors_and_warnings_are_told_and_hints_are_not() {
        let told = "==> Linting charts/x\n[INFO] Chart.yaml: icon is recommended\n[WARNING] templates/a.yaml: old API\n\
                    [ERROR] Chart.yaml: version is required\n[ERROR] templates/: template: x/templates/a.yaml:1: no\n\
                    Error: 1 chart(s) linted, 1 chart(s) failed\n";
        let found: Vec<_> = messages(told).into_iter().map(|message| (message.is_error, message.what)).collect();
        assert_eq!(
            found,
            [(false, "templates/a.yaml: old API".to_owned()), (true, "Chart.yaml: version is required".to_owned())]
        );
    }
}
