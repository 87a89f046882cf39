//! What the plan makes of a contract.

use chartgate_model::plan::{Effect, HealthPath, Hook, Image, Look, Role, Serves, Sessions, UserRequest};
use chartgate_protocol::{Continuity, Job, Scheme, Session};

use super::role::{JobFile, ok};
use super::{EffectFile, HookFile, ImageFile, PortFile, RoleFile, SchemeFile, ServesFile};
use crate::network::NetworkFile;
use crate::scalar::Duration;

impl RoleFile {
    /// As the plan holds it, for a release.
    pub fn plan(self, release: &str) -> Role {
        Role {
            select: for_release(&self.select, release),
            env: self.env,
            serves: self.serves.map(ServesFile::plan),
            refuses: self.refuses.into_iter().map(PortFile::text).collect(),
            listens: self.listens.into_iter().map(PortFile::text).collect(),
            singleton: self.singleton,
        }
    }
}

impl From<SchemeFile> for Scheme {
    fn from(file: SchemeFile) -> Self {
        match file {
            SchemeFile::Http => Self::Http,
            SchemeFile::Https => Self::Https,
        }
    }
}

impl ServesFile {
    fn plan(self) -> Serves {
        let ready = self.ready.map(|path| HealthPath { path, status: ok(), ..HealthPath::default() });
        let others = self.answers.into_iter().map(|answer| HealthPath {
            path: answer.path,
            status: answer.status,
            body: answer.body,
            headers: answer.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
        });
        let port = self.port.text();
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
        let paths = ready.into_iter().chain(others).collect();
        Serves {
            port,
            scheme: self.scheme.into(),
            paths,
            sessions,
            traffic,
            job: self.job.map(JobFile::plan),
            network: self.network.map(NetworkFile::plan),
        }
    }
}

/// What takes longer is lost to most who wait for it.
const WITHIN: Duration = Duration(60);

impl JobFile {
    fn plan(self) -> Job {
        Job {
            path: self.path,
            body: self.body,
            status: self.status,
            id: self.id,
            result: self.result,
            shows: self.shows,
            within_ms: self.within.unwrap_or(WITHIN).0 * 1000,
        }
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
            effects: self.effects.into_iter().map(|(name, effect)| (name, effect.plan(release))).collect(),
        }
    }
}

impl EffectFile {
    fn plan(self, release: &str) -> Effect {
        let Self { pods, server, command, database, query, shows } = self;
        // What is missing was refused where the file was read.
        let look = match (server, database) {
            (Some(server), _) => Look::Server { server, command },
            (None, Some(database)) => Look::Database { database, query: query.unwrap_or_default() },
            (None, None) => Look::Pod { pods: for_release(&pods.unwrap_or_default(), release), command },
        };
        Effect { look, shows }
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
pub(crate) fn for_release(select: &str, release: &str) -> String {
    select.replace("{{release}}", release)
}
