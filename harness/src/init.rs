//! `chartgate init`: a contract and a scenario for a chart, from what it renders with its defaults. A start that runs, with
//! comments on what only its maintainer knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::helm::Helm;
use crate::home;
use crate::plan::{Action, Plan, Step};
use crate::redact::Redactor;
use crate::scenario::{self, Overrides};
use crate::yaml::{self, Invalid};

/// Kinds whose pods go on until they are stopped.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
/// Labels that tell the parts of an application apart, the most telling first.
const TELLING: [&str; 4] = ["app.kubernetes.io/component", "component", "app.kubernetes.io/name", "app"];
/// Labels that are the same for all of a release's pods.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// Writes `contract.yaml` and a scenario to the chart's `ci/chartgate/`, and gives the files that were written.
///
/// # Errors
/// [`Invalid`] if the chart is none, does not render, or has such files already.
pub async fn init(chart: &Path, helm: &str) -> Result<Vec<PathBuf>> {
    let overrides = Overrides { chart: Some(chart.to_owned()), ..Overrides::default() };
    let folder = chart.join("ci/chartgate");
    let contract = folder.join("contract.yaml");
    if contract.exists() {
        let hint = "hint: edit it, or remove it for a new start";
        return Err(Invalid(format!("`{}` is there already\n{hint}", contract.display())).into());
    }
    let plans = scenario::plans(&[], &overrides)?;
    let (plan, objects, file) = render_first(plans, helm).await?;
    let values = std::fs::read_to_string(chart.join("values.yaml")).unwrap_or_default();
    let values = yaml::value(&values).unwrap_or_else(|_| json!({}));
    std::fs::create_dir_all(&folder).with_context(|| format!("make the folder `{}`", folder.display()))?;
    let scenario = folder.join("install-upgrade-rollback.yaml");
    let found = Found::of(&plan, &objects, &values);
    for (path, text) in [(&contract, found.contract()), (&scenario, found.scenario(file.as_ref()))] {
        std::fs::write(path, text).with_context(|| format!("write `{}`", path.display()))?;
    }
    Ok(vec![contract, scenario])
}

/// Renders with the chart's defaults; where they are not enough, with its first `ci/*-values.yaml`, whose values are given too.
async fn render_first(plans: Vec<Plan>, helm: &str) -> Result<(Plan, Vec<Value>, Option<Value>)> {
    let first = plans.into_iter().next().context("a chart has a plan")?;
    let plain = Plan { values_files: Vec::new(), ..first.clone() };
    let refusal = match render(&plain, helm).await? {
        Ok(objects) => return Ok((plain, objects, None)),
        Err(refusal) => refusal,
    };
    if let Some(file) = first.values_files.first()
        && let Ok(objects) = render(&first, helm).await?
    {
        let text = std::fs::read_to_string(file).with_context(|| format!("read `{}`", file.display()))?;
        let values = yaml::value(&text).with_context(|| format!("parse `{}`", file.display()))?;
        return Ok((first, objects, Some(values)));
    }
    let hint = "hint: give the chart a `ci/NAME-values.yaml` with what a user must set";
    Err(Invalid(format!("the chart does not render with its defaults: {refusal}\n{hint}")).into())
}

async fn render(plan: &Plan, helm: &str) -> Result<Result<Vec<Value>, String>> {
    let version = home::version(&format!("HELM_{helm}"))?;
    if plan.chart.has_dependencies {
        crate::helm::build_dependencies(&home::tool("helm", version)?, &plan.chart.path).await?;
    }
    let helm = Helm::new(version, &home::kubernetes()?, "default", Redactor::default())?;
    helm.template(plan, &Step::new(Action::Install), &json!({})).await
}

/// What a chart's rendered objects say of its roles.
struct Found {
    chart: String,
    roles: BTreeMap<String, Role>,
    hooks: BTreeMap<String, Hook>,
    images: BTreeMap<String, Image>,
    secrets: BTreeMap<String, BTreeSet<String>>,
}

struct Role {
    select: String,
    /// Port and readiness path, where a Service sends to it.
    serves: Option<(String, Option<String>)>,
    is_single: bool,
    environment: Vec<(String, String)>,
}

struct Hook {
    select: String,
    events: Vec<String>,
}

/// Value paths of an image, and what they are by default.
struct Image {
    repository: String,
    tag: Option<String>,
    default_tag: String,
}

impl Found {
    fn of(plan: &Plan, objects: &[Value], values: &Value) -> Self {
        let mut roles = BTreeMap::new();
        for workload in objects.iter().filter(|object| WORKLOADS.contains(&text(&object["kind"]))) {
            let template = &workload["spec"]["template"];
            let name = name_of(workload, &plan.release, &roles);
            roles.insert(name, role(workload, template, objects, &plan.release));
        }
        let mut hooks = BTreeMap::new();
        let events = |object: &Value| -> Vec<String> {
            let written = text(&object["metadata"]["annotations"]["helm.sh/hook"]);
            written
                .split(',')
                .map(str::trim)
                .filter(|event| !event.is_empty() && *event != "test")
                .map(str::to_owned)
                .collect()
        };
        for job in objects.iter().filter(|object| object["kind"] == "Job" && !events(object).is_empty()) {
            let select = selector(&job["metadata"]["labels"], &plan.release);
            hooks.insert(name_of(job, &plan.release, &hooks), Hook { select, events: events(job) });
        }
        let mut images = BTreeMap::new();
        find_images(values, "", &used_images(objects), &mut images);
        Self { chart: plan.chart.name.clone(), roles, hooks, images, secrets: missing_secrets(objects) }
    }

    fn contract(&self) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        self.write_contract(&mut out).ok();
        out
    }

    fn write_contract(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# What the chart `{}` promises, as `chartgate init` read it from what the chart renders.",
            self.chart
        )?;
        writeln!(out, "# Read each line: what stands here is held against every change of the chart.\n")?;
        writeln!(
            out,
            "# Servers that the pods need besides the chart: `postgres: {{}}` gives `{{{{postgres.url}}}}` to values and Secrets.\n# backing:\n#   postgres: {{}}\n"
        )?;
        if !self.secrets.is_empty() {
            writeln!(
                out,
                "# Secrets that the chart refers to and does not make. Put what the application can start with.\nsecrets:"
            )?;
            for (name, keys) in &self.secrets {
                writeln!(out, "  {name}:{}", if keys.is_empty() { " {}" } else { "" })?;
                for key in keys {
                    writeln!(out, "    {key}: \"{{{{random.32}}}}\"")?;
                }
            }
            writeln!(out)?;
        }
        self.write_images(out)?;
        writeln!(out, "roles:{}", if self.roles.is_empty() { " {}" } else { "" })?;
        for (name, role) in &self.roles {
            writeln!(out, "  {name}:\n    select: \"{}\"", role.select)?;
            write_role(out, role)?;
        }
        writeln!(out, "\nhooks:{}", if self.hooks.is_empty() { " {}" } else { "" })?;
        for (name, hook) in &self.hooks {
            writeln!(out, "  {name}:\n    select: \"{}\"\n    events: [{}]", hook.select, hook.events.join(", "))?;
            let roles: Vec<&str> = self.roles.keys().map(String::as_str).collect();
            if hook.events.iter().any(|event| event.starts_with("pre-")) {
                writeln!(out, "    before: [{}]", roles.join(", "))?;
            }
            writeln!(out, "    # migrates: postgres   # the server of `backing` whose schema this hook alone changes")?;
        }
        writeln!(
            out,
            "\n# Good habits that the chart promises beyond what every chart must hold: `chartgate explain` lists the checks."
        )?;
        writeln!(out, "checks: []")
    }

    fn write_images(&self, out: &mut String) -> std::fmt::Result {
        if self.images.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "# Value paths of the images, and the versions that scenarios use. `v2` is to be another version than `v1`.\nimages:"
        )?;
        for (name, image) in &self.images {
            writeln!(out, "  {name}:\n    repository: {}", image.repository)?;
            if let Some(tag) = &image.tag {
                writeln!(out, "    tag: {tag}")?;
            }
            writeln!(out, "    versions: {{v1: \"{0}\", v2: \"{0}\"}}", image.default_tag)?;
        }
        writeln!(out)
    }

    fn scenario(&self, values: Option<&Value>) -> String {
        let chart = &self.chart;
        // JSON is YAML too, and no scalar of it is read in two ways.
        let values = values
            .map_or("# values: {}              # of every step, on top of the chart's own".to_owned(), |values| {
                format!("values: {values}")
            });
        format!(
            "description: {chart} installs, takes an upgrade and goes back.\n\
             {values}\n\
             # from: previous          # upgrade from the newest earlier version in git\n\
             # traffic: {{ROLE: 50/s}}   # requests through the Service all the time: none may be lost\n\
             steps:\n\
             \x20 - install: {{}}\n\
             \x20 # The same once more: nothing may break. With two versions of an image: `upgrade: {{images: {{NAME: v2}}}}`.\n\
             \x20 - upgrade: {{again: true}}\n\
             \x20 - rollback: {{}}\n"
        )
    }
}

fn write_role(out: &mut String, role: &Role) -> std::fmt::Result {
    if !role.environment.is_empty() {
        let pairs: Vec<String> = role.environment.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        writeln!(out, "    # What makes it this role; `null`: must not be set.\n    # env: {{{}}}", pairs.join(", "))?;
    }
    match &role.serves {
        Some((port, Some(path))) => writeln!(out, "    serves: {{port: {port}, ready: {path}}}")?,
        Some((port, None)) => {
            writeln!(
                out,
                "    # A Service sends to it, and no HTTP readiness probe names a path. Without `serves` it must refuse connections."
            )?;
            writeln!(out, "    serves: {{port: {port}, ready: /}}")?;
        }
        None => {}
    }
    if role.is_single { writeln!(out, "    singleton: true") } else { Ok(()) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A short name: the object's without the release's, else the telling label.
fn name_of<T>(object: &Value, release: &str, taken: &BTreeMap<String, T>) -> String {
    let name = text(&object["metadata"]["name"]);
    let short = name.strip_prefix(release).map(|rest| rest.trim_start_matches('-')).filter(|rest| !rest.is_empty());
    let component = object["metadata"]["labels"][TELLING[0]].as_str();
    let candidates = [short, component, Some(name)];
    let free = candidates.into_iter().flatten().find(|candidate| !taken.contains_key(*candidate));
    free.unwrap_or(name).to_owned()
}

/// The labels that tell a role's pods from all others.
fn selector(labels: &Value, release: &str) -> String {
    let mut pairs = Vec::new();
    if labels[INSTANCE] == release {
        pairs.push(format!("{INSTANCE}={{{{release}}}}"));
    }
    let telling = TELLING.into_iter().find_map(|key| Some((key, labels[key].as_str()?)));
    let all =
        || labels.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    pairs.extend(telling.or_else(|| all().next()).map(|(key, value)| format!("{key}={value}")));
    pairs.join(",")
}

fn role(workload: &Value, template: &Value, objects: &[Value], release: &str) -> Role {
    let labels = &template["metadata"]["labels"];
    // What the workload itself selects tells its pods from all others, if anything does.
    let own = workload["spec"]["selector"]["matchLabels"].as_object().filter(|own| !own.is_empty());
    let pairs = own.into_iter().flatten().map(|(key, value)| match text(value) {
        value if value == release && key == INSTANCE => format!("{key}={{{{release}}}}"),
        value => format!("{key}={value}"),
    });
    let select: Vec<String> = pairs.collect();
    let containers: Vec<&Value> = items(&template["spec"]["containers"]).collect();
    let readiness = containers.iter().find_map(|container| container["readinessProbe"]["httpGet"]["path"].as_str());
    let port = objects.iter().filter(|object| object["kind"] == "Service").find_map(|service| {
        let wanted = service["spec"]["selector"].as_object().filter(|wanted| !wanted.is_empty())?;
        let fits = wanted.iter().all(|(key, value)| labels[key.as_str()] == *value);
        let target = items(&service["spec"]["ports"]).next()?;
        let target = if target["targetPort"].is_null() { &target["port"] } else { &target["targetPort"] };
        fits.then(|| target.as_str().map_or_else(|| target.to_string(), str::to_owned))
    });
    let environment = containers.first().into_iter().flat_map(|container| items(&container["env"]));
    let environment = environment
        .filter_map(|variable| Some((text(&variable["name"]).to_owned(), variable["value"].as_str()?.to_owned())));
    Role {
        select: if select.is_empty() { selector(labels, release) } else { select.join(",") },
        serves: port.map(|port| (port, readiness.map(str::to_owned))),
        is_single: workload["spec"]["strategy"]["type"] == "Recreate" && workload["spec"]["replicas"] == 1,
        environment: environment.collect(),
    }
}

fn used_images(objects: &[Value]) -> Vec<String> {
    let mut images = Vec::new();
    for object in objects {
        let spec = &object["spec"]["template"]["spec"];
        let containers = items(&spec["initContainers"]).chain(items(&spec["containers"]));
        images.extend(containers.filter_map(|container| container["image"].as_str().map(str::to_owned)));
    }
    images
}

/// Maps of the values with a `repository` that an image begins with: the convention of `helm create`.
fn find_images(values: &Value, path: &str, used: &[String], found: &mut BTreeMap<String, Image>) {
    let Some(map) = values.as_object() else { return };
    if let Some(repository) = map.get("repository").and_then(Value::as_str).filter(|repository| !repository.is_empty())
        && let Some(reference) = used.iter().find(|reference| {
            reference.strip_prefix(repository).is_some_and(|rest| rest.starts_with(':'))
                || reference.contains(&format!("/{repository}:"))
        })
    {
        let parent = path.trim_end_matches(".image").rsplit('.').next().unwrap_or_default();
        let name = if path == "image" { "app" } else { parent };
        let tag = reference.rsplit_once(':').map_or("", |(_, tag)| tag).to_owned();
        let (repository, tag_path) =
            (format!("{path}.repository"), map.contains_key("tag").then(|| format!("{path}.tag")));
        found.insert(name.to_owned(), Image { repository, tag: tag_path, default_tag: tag });
    }
    for (key, value) in map {
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        find_images(value, &below, used, found);
    }
}

/// Secrets that pods need and the chart does not make, with the keys that are named.
fn missing_secrets(objects: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let made: BTreeSet<&str> = objects
        .iter()
        .filter(|object| object["kind"] == "Secret")
        .map(|object| text(&object["metadata"]["name"]))
        .collect();
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for object in objects {
        collect_secrets(&object["spec"]["template"]["spec"], &mut needed);
    }
    needed.retain(|name, _| !made.contains(name.as_str()));
    needed
}

fn collect_secrets(value: &Value, needed: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Object(map) => {
            for reference in ["secretKeyRef", "secretRef"] {
                if let Some(named) = map.get(reference).filter(|named| named["optional"] != true)
                    && let Some(name) = named["name"].as_str()
                {
                    let keys = needed.entry(name.to_owned()).or_default();
                    keys.extend(named["key"].as_str().map(str::to_owned));
                }
            }
            if let Some(name) =
                map.get("secret").filter(|secret| secret["optional"] != true).and_then(|it| it["secretName"].as_str())
            {
                needed.entry(name.to_owned()).or_default();
            }
            map.values().for_each(|value| collect_secrets(value, needed));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_secrets(item, needed)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let labels = json!({"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "web"});
        let secret = json!({"secretKeyRef": {"name": "shop-keys", "key": "token"}});
        let container = json!({
            "image": "registry.example/shop:1.2",
            "env": [{"name": "MODE", "value": "web"}, {"name": "TOKEN", "valueFrom": secret}],
            "readinessProbe": {"httpGet": {"path": "/ready"}},
        });
        let workload = json!({
            "kind": "Deployment",
            "metadata": {"name": "shop-web", "labels": labels},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        });
        let service =
            json!({"kind": "Service", "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}});
        let hook = json!({
            "kind": "Job",
            "metadata": {"name": "shop-migrate", "labels": labels, "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}},
        });
        let plan = Plan { release: "shop".to_owned(), ..Plan::default() };
        let values = json!({"image": {"repository": "registry.example/shop", "tag": ""}});
        Found::of(&plan, &[workload, service, hook], &values)
    }

    /// A failure would mean that the first thing a newcomer writes with us is refused.
    #[test]
    fn what_is_written_is_a_contract_and_a_scenario() {
        let folder = std::env::temp_dir().join(format!("chartgate-init-{}", std::process::id()));
        let chart = folder.join("ci/chartgate");
        std::fs::create_dir_all(&chart).unwrap();
        std::fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n").unwrap();
        std::fs::write(chart.join("contract.yaml"), found().contract()).unwrap();
        std::fs::write(chart.join("scenario.yaml"), found().scenario(Some(&json!({"replicas": 1})))).unwrap();
        let overrides = Overrides { chart: Some(folder.clone()), ..Overrides::default() };
        let plan = scenario::plans(&[], &overrides).unwrap().remove(0);
        std::fs::remove_dir_all(&folder).unwrap();
        let web = &plan.roles["web"];
        assert!(web.select.contains("app.kubernetes.io/instance=shop"), "{}", web.select);
        assert_eq!(
            web.serves.as_ref().map(|serves| (serves.port.as_str(), serves.paths[0].path.as_str())),
            Some(("http", "/ready"))
        );
        assert_eq!(plan.hooks["migrate"].before, ["web"]);
        assert_eq!(plan.images["app"].tag_path.as_deref(), Some("image.tag"));
        assert!(plan.secrets["shop-keys"].contains_key("token"));
    }
}
