//! The ways in which a subject is rendered: which values, which helm, which Kubernetes.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chartgate_model::plan::Plan;
use chartgate_process::tool::Tool;
use chartgate_redact::Redactor;
use chartgate_runner::helm::Helm;
use chartgate_runner::run::{RENDER_NAMESPACE, Server};
use serde_json::Value;
use tempfile::TempDir;

use super::{Options, Program, Subject};

/// One way of rendering a subject.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What is rendered.
    pub plan: Plan,
    /// Which values these are, in words: `defaults`, `ci/ha-values.yaml`.
    pub values: String,
    /// What renders it.
    pub program: Program,
    /// For which Kubernetes, for example `1.34.4`.
    pub kubernetes: String,
    /// Of a variation of the values, the smallest values that make it.
    pub smallest: Option<Value>,
    /// The API server that is asked about what it renders.
    pub server: Option<Server>,
}

/// What the chart's own values are called.
pub const DEFAULTS: &str = "defaults";

impl Setting {
    /// The helm that renders it.
    pub fn helm(&self) -> Helm {
        let Program { path, version } = self.program.clone();
        let helm = Helm::at(path, &version, &self.kubernetes, RENDER_NAMESPACE, Redactor::default());
        helm.serving(match &self.server {
            Some(server) => server.served(),
            None => chartgate_judge::served(&self.kubernetes),
        })
    }

    /// Where its recording goes, below the subject's directory.
    pub fn directory(&self) -> PathBuf {
        let values: String = self.values.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        PathBuf::from(format!("{values}-helm-{}-kubernetes-{}", self.program.version, self.kubernetes))
    }
}

/// Every setting of a subject: the first plan, that of its defaults, under each helm and on the oldest and the newest Kubernetes that
/// the chart allows (all versions where it allows none, so that helm's refusal shows); the others once each; all for the server.
pub async fn settings(subject: &Subject, options: &Options) -> Result<Vec<Setting>> {
    let versions = match allowed(subject, &options.kubernetes, options.helms.first()).await? {
        none if none.is_empty() => options.kubernetes.clone(),
        some => some,
    };
    let ends: Vec<&String> = match versions.as_slice() {
        [oldest, .., newest] => vec![oldest, newest],
        other => other.iter().collect(),
    };
    let newest = ends.last().context("no version of Kubernetes to render for")?;
    let mut settings = Vec::new();
    for (index, (values, plan)) in subject.plans.iter().enumerate() {
        let setting = |program: &Program, kubernetes: &String| Setting {
            plan: plan.clone(),
            values: values.clone(),
            program: program.clone(),
            kubernetes: kubernetes.clone(),
            smallest: None,
            server: None,
        };
        if index == 0 {
            let pairs = options.helms.all().iter().flat_map(|program| ends.iter().map(move |it| (program, *it)));
            settings.extend(pairs.map(|(program, kubernetes)| setting(program, kubernetes)));
        } else {
            settings.push(setting(options.helms.first(), newest));
        }
    }
    if let Some(server) = &options.server {
        let version = [server.version().to_owned()];
        if !allowed(subject, &version, options.helms.first()).await?.is_empty() {
            for (values, plan) in &subject.plans {
                ask(server, values, plan, options.helms.first(), &mut settings);
            }
        }
    }
    Ok(settings)
}

/// Lets a server be asked about what some values render for its version: in the setting that does so already, or in one more.
fn ask(server: &Server, values: &str, plan: &Plan, program: &Program, settings: &mut Vec<Setting>) {
    let is_it = |known: &&mut Setting| {
        (known.values.as_str(), known.kubernetes.as_str(), &known.program) == (values, server.version(), program)
    };
    if let Some(known) = settings.iter_mut().find(is_it) {
        known.server = Some(server.clone());
        return;
    }
    settings.push(Setting {
        plan: plan.clone(),
        values: values.to_owned(),
        program: program.clone(),
        kubernetes: server.version().to_owned(),
        smallest: None,
        server: Some(server.clone()),
    });
}

/// The versions of Kubernetes among these that the chart's `kubeVersion` allows, as helm itself reads it.
async fn allowed(subject: &Subject, all: &[String], helm: &Program) -> Result<Vec<String>> {
    let Some(constraint) = &subject.kube_version else { return Ok(all.to_vec()) };
    let directory = TempDir::with_prefix("chartgate-kube-version-").context("make a directory to ask helm with")?;
    let description =
        serde_json::json!({"apiVersion": "v2", "name": "probe", "version": "0.0.0", "kubeVersion": constraint});
    let asked = async {
        std::fs::write(directory.path().join("Chart.yaml"), description.to_string())
            .context("write a chart to ask helm with")?;
        let asked = all.iter().map(async |version| {
            let call = Tool::new("helm", &helm.path).args(["template", "probe"]).args([directory.path()]);
            let call = call.args(["--kube-version", version]).env("KUBECONFIG", "/dev/null");
            anyhow::Ok(call.run_unchecked().await?.is_success())
        });
        futures::future::try_join_all(asked).await
    };
    let answers = asked.await?;
    Ok(all.iter().zip(answers).filter(|(_, is_allowed)| *is_allowed).map(|(it, _)| it.clone()).collect())
}
