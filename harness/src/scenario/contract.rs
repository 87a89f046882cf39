//! The contract file, as it is written: what the chart promises.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use chartgate_prober::{Continuity, Session};
use serde::Deserialize;

use super::backing::{BackingFile, check_backing};
use super::unknown;
use crate::judge;
use crate::plan::{HealthPath, Hook, Image, Requirement, Role, Serves, Sessions, UserRequest};
use crate::yaml::Source;

/// What a chart promises, independent of scenarios.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractFile {
    /// The chart, relative to the file.
    pub chart: Option<PathBuf>,
    /// Servers that the chart's pods need.
    #[serde(default)]
    pub backing: BTreeMap<String, BackingFile>,
    /// Secrets that a user of the chart makes: name to key to value or template.
    #[serde(default)]
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// The chart's roles.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleFile>,
    /// The chart's hooks.
    #[serde(default)]
    pub hooks: BTreeMap<String, HookFile>,
    /// Advice fails.
    #[serde(default)]
    pub strict: bool,
    /// Checks whose advice fails: what the chart promises beyond what all charts must hold.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Checks that may fail or be void for a while.
    #[serde(default)]
    pub waivers: Vec<WaiverFile>,
    /// The images that scenarios vary.
    #[serde(default)]
    pub images: BTreeMap<String, ImageFile>,
    /// What must be in the cluster before the release.
    #[serde(default)]
    pub requires: Vec<RequirementFile>,
    /// No version of the chart comes before this one; it ends with the chart's first tag in git.
    #[serde(default, rename = "first-release")]
    pub first_release: bool,
}

/// Objects from a file, or from files of a Go module.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequirementFile {
    /// A file of manifests or a folder of such files, relative to the file that says so.
    pub manifest: Option<PathBuf>,
    /// `PATH@VERSION` of a Go module.
    #[serde(rename = "go-module")]
    pub go_module: Option<String>,
    /// Files and folders in the module.
    #[serde(default)]
    pub files: Vec<String>,
}

impl RequirementFile {
    /// As the plan holds it.
    pub fn plan(self, source: &Source) -> Result<Requirement> {
        match (self.manifest, self.go_module) {
            (Some(path), None) if self.files.is_empty() => Ok(Requirement::Manifest(source.path.with_file_name(path))),
            (None, Some(module)) if !self.files.is_empty() && module.contains('@') => {
                Ok(Requirement::GoModule { module, files: self.files })
            }
            (None, Some(module)) => {
                let hint = "hint: write `{go-module: PATH@VERSION, files: [FILE]}`";
                Err(source.error(&module, &format!("`{module}` needs a version, and `files` of it\n{hint}")))
            }
            _ => Err(source.error("requires", "a requirement is a `manifest`, or a `go-module` with its `files`")),
        }
    }
}

/// A check that may fail or be void until a day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaiverFile {
    /// The check's name.
    pub check: String,
    /// The scenario, by its file's stem.
    pub scenario: String,
    /// Why that is acceptable for now.
    pub reason: String,
    /// The last day on which it counts, as `YYYY-MM-DD` in UTC.
    pub until: String,
}

/// A role's promises.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleFile {
    /// Label selector of its pods.
    pub select: String,
    /// Environment variables that it has; `null`: that it must not have.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// What it serves; without it, it must refuse connections.
    pub serves: Option<ServesFile>,
    /// At most one pod of it may run at any time.
    #[serde(default)]
    pub singleton: bool,
}

/// What a role serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServesFile {
    /// Container port, by name or number.
    pub port: PortFile,
    /// Readiness path: answers 200 when the pod is ready.
    pub ready: String,
    /// Websocket sessions that live in one pod and can be reached through each.
    pub sessions: Option<SessionsFile>,
    /// Further paths and what they answer.
    #[serde(default)]
    pub answers: Vec<AnswerFile>,
    /// What its users ask for under traffic; by default the readiness path.
    pub traffic: Option<TrafficFile>,
}

/// A request of a user, and the answer that is right.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficFile {
    /// Path with its query.
    pub path: String,
    /// Headers that it carries.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Exact status code of the answer; by default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the answer's body contains.
    pub body: Option<String>,
    /// Header of the answer that holds the name of the pod which gave it.
    pub pod: Option<String>,
}

/// How a websocket session is spoken to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsFile {
    /// Path of the websocket; `{{session}}` stands for the session's name.
    pub path: String,
    /// Headers of the upgrade request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Said by the one that opens a session.
    pub first: String,
    /// Said by the one that reaches it through another pod.
    pub second: String,
    /// Text that an answer to each contains.
    pub reply: String,
    /// How a session goes on when its pod ends.
    pub continuity: Option<ContinuityFile>,
}

/// How a session goes on. In each text `{{n}}` stands for a message's number, from 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuityFile {
    /// What the client sends.
    pub message: String,
    /// What the server's acknowledgement of a message contains.
    pub acknowledged: String,
    /// What the server's first message on a connection contains: the number of the last one that it acknowledged.
    pub resumed: String,
}

/// A port's name or number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum PortFile {
    /// By number.
    Number(u16),
    /// By name.
    Name(String),
}

/// A promised answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerFile {
    /// Path with its query.
    pub path: String,
    /// Exact status code; by default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the body contains.
    pub body: Option<String>,
    /// Headers and their exact values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A hook's promises.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookFile {
    /// Label selector of its Job.
    pub select: String,
    /// Events that it runs at, for example `pre-upgrade`.
    pub events: Vec<String>,
    /// Roles whose new pods wait for it.
    #[serde(default)]
    pub before: Vec<String>,
    /// The database whose schema it alone changes.
    pub migrates: Option<String>,
}

/// An image and the values that set it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// Value path of the repository, or of the whole reference where there is no `tag`.
    pub repository: String,
    /// Value path of the tag.
    pub tag: Option<String>,
    /// Repository to use in place of the chart's default.
    pub r#use: Option<String>,
    /// Version name to tag.
    pub versions: BTreeMap<String, String>,
    /// Tag of a version that migrates well and whose server ends at once, for the fault `image-crashes`.
    pub crashes: Option<String>,
    /// Tag of a version that migrates well and whose server never becomes ready, for the fault `image-never-ready`.
    #[serde(rename = "never-ready")]
    pub never_ready: Option<String>,
    /// Roles and hooks that run it; by default all.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl ContractFile {
    /// Reports what serde cannot see: names that refer to nothing.
    pub fn check(&self, source: &Source) -> Result<()> {
        check_backing(&self.backing, source)?;
        let known: Vec<String> = judge::all().iter().map(|check| check.name.to_owned()).collect();
        let named = self.checks.iter().chain(self.waivers.iter().map(|waiver| &waiver.check));
        if let Some(name) = named.into_iter().find(|name| !known.contains(name)) {
            return Err(unknown(source, "check", name, known.iter()));
        }
        if let Some(waiver) = self.waivers.iter().find(|waiver| !is_day(&waiver.until)) {
            return Err(source.error(&waiver.until, &format!("`{}` is no day\nhint: write `YYYY-MM-DD`", waiver.until)));
        }
        for hook in self.hooks.values() {
            if let Some(role) = hook.before.iter().find(|role| !self.roles.contains_key(*role)) {
                return Err(unknown(source, "role", role, self.roles.keys()));
            }
            let databases =
                || self.backing.iter().filter(|(name, server)| server.is_database(name)).map(|(name, _)| name);
            if let Some(database) = hook.migrates.as_ref().filter(|name| !databases().any(|known| known == *name)) {
                return Err(unknown(source, "database", database, databases()));
            }
            let events: Vec<String> = EVENTS.iter().map(|event| (*event).to_owned()).collect();
            if let Some(event) = hook.events.iter().find(|event| !events.contains(event)) {
                return Err(unknown(source, "hook event", event, events.iter()));
            }
        }
        for role in self.images.values().flat_map(|image| &image.roles) {
            if !self.roles.contains_key(role) && !self.hooks.contains_key(role) {
                return Err(unknown(source, "role or hook", role, self.roles.keys().chain(self.hooks.keys())));
            }
        }
        for (name, image) in &self.images {
            if image.versions.is_empty() {
                return Err(source.error(name, &format!("the image `{name}` has no `versions`")));
            }
        }
        Ok(())
    }
}

/// Whether a text has the form of a day, so that days can be compared as texts.
fn is_day(text: &str) -> bool {
    let is_part =
        |(part, length): (&str, usize)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 3 && parts.into_iter().zip([4, 2, 2]).all(is_part)
}

/// Helm's hook events (Helm's documentation, "Chart Hooks").
const EVENTS: [&str; 9] = [
    "pre-install",
    "post-install",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "pre-delete",
    "post-delete",
    "test",
];

impl RoleFile {
    /// As the plan holds it, for a release.
    pub fn plan(self, release: &str) -> Role {
        Role {
            select: for_release(&self.select, release),
            env: self.env,
            serves: self.serves.map(ServesFile::plan),
            singleton: self.singleton,
        }
    }
}

impl ServesFile {
    fn plan(self) -> Serves {
        let ready = HealthPath { path: self.ready, status: ok(), ..HealthPath::default() };
        let others = self.answers.into_iter().map(|answer| HealthPath {
            path: answer.path,
            status: answer.status,
            body: answer.body,
            headers: answer.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
        });
        let port = match self.port {
            PortFile::Number(number) => number.to_string(),
            PortFile::Name(name) => name,
        };
        let sessions = self.sessions.map(|file| Sessions {
            path: file.path,
            talk: Session { headers: file.headers, first: file.first, second: file.second, reply: file.reply },
            continuity: file.continuity.map(|said| Continuity {
                message: said.message,
                acknowledged: said.acknowledged,
                resumed: said.resumed,
            }),
        });
        let traffic = self.traffic.map(|file| UserRequest {
            path: file.path,
            headers: file.headers,
            status: file.status,
            body: file.body,
            pod: file.pod.map(|name| name.to_lowercase()),
        });
        Serves { port, paths: std::iter::once(ready).chain(others).collect(), sessions, traffic }
    }
}

impl HookFile {
    /// As the plan holds it, for a release.
    pub fn plan(self, release: &str) -> Hook {
        Hook {
            select: for_release(&self.select, release),
            events: self.events,
            before: self.before,
            migrates: self.migrates,
        }
    }
}

impl ImageFile {
    /// As the plan holds it.
    pub fn plan(&self) -> Image {
        Image {
            repository_path: self.repository.clone(),
            tag_path: self.tag.clone(),
            repository: self.r#use.clone(),
            versions: self.versions.clone(),
            crashes: self.crashes.clone(),
            never_ready: self.never_ready.clone(),
            used_by: self.roles.clone(),
        }
    }
}

/// A selector may name the release, the one thing that is known before anything runs.
fn for_release(select: &str, release: &str) -> String {
    select.replace("{{release}}", release)
}

fn ok() -> u16 {
    200
}
