//! What serde cannot see in a contract: names that refer to nothing.

use chartgate_yaml::{Mistake, Source, Spot, unknown};

use super::{ContractFile, EffectFile, SchemeFile};
use crate::backing::check_backing;
use crate::names::{Names, check_check};
use crate::network;

impl ContractFile {
    /// Refuses what serde cannot see.
    pub fn check(&self, source: &Source, names: &Names) {
        let root = source.root();
        check_backing(root.key("backing"), &self.backing);
        network::check(root.key("roles"), &self.roles);
        self.check_checks(source);
        self.check_schemes(root.key("roles"));
        self.check_hooks(root.key("hooks"), names);
        self.check_routes(root.key("routes"), names);
        self.check_ports(root.key("roles"));
        for (name, image) in &self.images {
            let at = root.key("images").key(name);
            for (index, role) in image.roles.iter().enumerate() {
                names.check_part(at.key("roles").item(index), role);
            }
            if image.versions.is_empty() {
                at.key("versions").refuse(Mistake::new(&format!("the image `{name}` has no `versions`")));
            }
        }
    }

    fn check_checks(&self, source: &Source) {
        let root = source.root();
        for (index, name) in self.checks.iter().enumerate() {
            check_check(source, root.key("checks").item(index), name);
        }
        for (index, survivor) in self.survives.iter().enumerate() {
            let at = root.key("survives").item(index).key("operator");
            if chartgate_mutate::named(&survivor.operator).is_none() {
                at.refuse(unknown(
                    "operator",
                    &survivor.operator,
                    chartgate_mutate::OPERATORS.iter().map(|it| it.name),
                ));
            }
        }
        for (index, waiver) in self.waivers.iter().enumerate() {
            let at = root.key("waivers").item(index);
            check_check(source, at.key("check"), &waiver.check);
            if !is_day(&waiver.until) {
                let mistake = Mistake::new(&format!("`{}` is no day", waiver.until));
                at.key("until").refuse(mistake.with_hint("write `YYYY-MM-DD`"));
            }
        }
    }

    fn check_routes(&self, at: Spot, names: &Names) {
        for (route, role) in &self.routes {
            if !route.contains('/') {
                let mistake = Mistake::new(&format!("`{route}` is no path of a route"));
                at.key(route)
                    .of_key()
                    .refuse(mistake.with_hint(format!("write `/{route}`, or `{route}/` if it is a host")));
            }
            names.check_role(at.key(route), role);
        }
    }

    /// A port cannot be both promised and refused.
    fn check_ports(&self, at: Spot) {
        for (name, role) in &self.roles {
            let serving = role.serves.as_ref().map(|serves| &serves.port);
            let open: Vec<String> = serving.into_iter().chain(&role.listens).map(|port| port.clone().text()).collect();
            for (index, port) in
                role.refuses.iter().enumerate().filter(|(_, port)| open.contains(&(*port).clone().text()))
            {
                let what = format!(
                    "the role `{name}` cannot both accept and refuse connections on port {}",
                    port.clone().text()
                );
                at.key(name).key("refuses").item(index).refuse(Mistake::new(&what));
            }
        }
    }

    fn check_schemes(&self, at: Spot) {
        for (name, role) in &self.roles {
            let serves = role.serves.as_ref().filter(|serves| serves.sessions.is_some());
            if serves.is_some_and(|serves| matches!(serves.scheme, SchemeFile::Https)) {
                let mistake = Mistake::new("websocket sessions are spoken to over `http` alone");
                at.key(name)
                    .key("serves")
                    .key("sessions")
                    .refuse(mistake.with_hint("leave out `sessions` or `scheme`"));
            }
        }
    }

    fn check_hooks(&self, at: Spot, names: &Names) {
        for (name, hook) in &self.hooks {
            let at = at.key(name);
            for (index, role) in hook.before.iter().enumerate() {
                names.check_role(at.key("before").item(index), role);
            }
            if let Some(database) = &hook.migrates {
                names.check_database(at.key("migrates"), database);
            }
            for (effect, file) in &hook.effects {
                check_effect(at.key("effects").key(effect), effect, file, names);
            }
            for (index, event) in hook.events.iter().enumerate() {
                if !EVENTS.contains(&event.as_str()) {
                    at.key("events").item(index).refuse(unknown("hook event", event, EVENTS));
                }
            }
        }
    }
}

fn check_effect(at: Spot, name: &str, file: &EffectFile, names: &Names) {
    match (&file.pods, &file.server, &file.database) {
        (Some(_), None, None) => {}
        (None, Some(server), None) => names.check_server(at.key("server"), server),
        (None, None, Some(database)) => names.check_database(at.key("database"), database),
        _ => {
            let mistake = Mistake::new(&format!("the effect `{name}` is not looked at in one place"));
            at.refuse(mistake.with_hint("write one of `pods`, `server` and `database`"));
            return;
        }
    }
    let (is_query, has_command) = (file.database.is_some(), !file.command.is_empty());
    if is_query != file.query.is_some() || is_query == has_command {
        let (what, hint) = if is_query {
            ("a database is asked by one statement of SQL", "write a `query`, and no `command`")
        } else {
            ("a program shows what is in a server", "write a `command`, and no `query`")
        };
        at.refuse(Mistake::new(what).with_hint(hint));
    }
    if file.shows.is_empty() {
        let mistake = Mistake::new(&format!("the effect `{name}` shows nothing"));
        at.key("shows").refuse(mistake.with_hint("write what is seen once the hook has run"));
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
pub(super) const EVENTS: [&str; 9] = [
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
