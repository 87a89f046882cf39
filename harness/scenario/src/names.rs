//! The names that a contract gives its parts, for what refers to them.

use chartgate_base::stdio::tell;
use chartgate_yaml::{Source, Spot, unknown};

use super::contract::ContractFile;

/// What can be referred to. `None`: no one knows, because just there the contract has a mistake.
#[derive(Debug, Default)]
pub struct Names {
    roles: Option<Vec<String>>,
    hooks: Option<Vec<String>>,
    images: Option<Vec<String>>,
    databases: Vec<String>,
    servers: Vec<String>,
}

impl Names {
    /// The names in a contract, also of what has mistakes itself.
    pub fn of(source: Option<&Source>, contract: &ContractFile) -> Self {
        let below = |key: &str| match source.map(Source::root) {
            None => Some(Vec::new()),
            Some(root) if root.is_readable() => root.child(key).map_or(Some(Vec::new()), Spot::names),
            Some(_) => None,
        };
        let (databases, servers): (Vec<_>, Vec<_>) =
            contract.backing.iter().partition(|(name, server)| server.is_database(name));
        let named = |backing: Vec<(&String, _)>| backing.into_iter().map(|(name, _)| name.clone()).collect();
        Self {
            roles: below("roles"),
            hooks: below("hooks"),
            images: below("images"),
            databases: named(databases),
            servers: named(servers),
        }
    }

    /// Refuses what is no role; whether it is one.
    pub fn check_role(&self, at: Spot, name: &str) -> bool {
        check(at, "role", name, self.roles.as_deref())
    }

    /// Refuses what is no hook.
    pub fn check_hook(&self, at: Spot, name: &str) {
        check(at, "hook", name, self.hooks.as_deref());
    }

    /// Refuses what is no image; whether it is one.
    pub fn check_image(&self, at: Spot, name: &str) -> bool {
        check(at, "image", name, self.images.as_deref())
    }

    /// Refuses what is neither role nor hook.
    pub fn check_part(&self, at: Spot, name: &str) {
        let parts = self.roles.as_ref().zip(self.hooks.as_ref()).map(|(roles, hooks)| [&**roles, hooks].concat());
        check(at, "role or hook", name, parts.as_deref());
    }

    /// Refuses what is no database.
    pub fn check_database(&self, at: Spot, name: &str) {
        check(at, "database", name, Some(&self.databases));
    }

    /// Refuses what is no server with a container of its own.
    pub fn check_server(&self, at: Spot, name: &str) {
        check(at, "server", name, Some(&self.servers));
    }
}

/// Refuses what is no check; one that has another name now is told.
pub fn check_check(source: &Source, at: Spot, name: &str) {
    let known = || chartgate_judge::all().map(|check| check.name);
    let present = chartgate_judge::present_name(name);
    if !known().any(|known| known == present) {
        at.refuse(unknown("check", name, known()));
    } else if present != name {
        let file = source.path.display();
        tell(format!(
            "note: {file}: `{name}` is called `{present}` now; the next release no longer knows the old name"
        ));
    }
}

fn check(at: Spot, what: &str, name: &str, known: Option<&[String]>) -> bool {
    let Some(known) = known else { return false };
    let is_known = known.iter().any(|known| known == name);
    if !is_known {
        at.refuse(unknown(what, name, known.iter().map(String::as_str)));
    }
    is_known
}
