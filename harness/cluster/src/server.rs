//! Servers beside the cluster, or as pods in it. A kind of server is a file here and an entry of [`kind_of`]; `PostgreSQL` beside it is one
//! for all leases, each with databases of its own. What is asked of a running server is the same at each [`Place`].

mod container;
mod described;
mod exec;
mod in_cluster;
mod numbered;
mod place;
mod pod;
pub mod postgres;
mod redis;

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_model::plan::{Backing, Plan, Server};

pub use container::{remove, start};
pub use exec::output_in;
pub use in_cluster::{MILLICORES, SERVERS, ServerNamespace};
pub(crate) use place::Heard;
pub use place::Place;

/// A kind of server that runs in a container of the lease's own.
trait Kind {
    /// What its container is started from.
    ///
    /// # Errors
    /// If the set-up made no image of it.
    fn container(&self) -> Result<Server>;

    /// What templates may use of it at this address, besides `host` and `port`.
    fn variables(&self, _host: &str, _port: u16) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The kind of a server; `None`: it is a database, and all share one server.
fn kind_of(backing: &Backing) -> Option<&dyn Kind> {
    match backing {
        Backing::Postgres => None,
        Backing::Redis => Some(&redis::Redis),
        Backing::Server(described) => Some(described),
    }
}

/// The containers that a plan needs, by name.
///
/// # Errors
/// If the set-up made no image of a server that is known by name.
pub fn servers(plan: &Plan) -> Result<BTreeMap<String, Server>> {
    let own = plan.backing.iter().filter_map(|(name, backing)| Some((name, kind_of(backing)?)));
    own.map(|(name, kind)| Ok((name.clone(), kind.container()?))).collect()
}

/// What templates may use of a server at this address, as `{{NAME.key}}`.
pub fn variables(backing: &Backing, host: &str, port: u16) -> Vec<(&'static str, String)> {
    let mut variables = vec![("host", host.to_owned()), ("port", port.to_string())];
    variables.extend(kind_of(backing).map(|kind| kind.variables(host, port)).unwrap_or_default());
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a template which a file may use stands for nothing.
    #[test]
    fn each_kind_fills_what_templates_may_use_of_it() {
        let server = Server { image: String::new(), env: BTreeMap::new(), port: 1, ready: String::new() };
        for backing in [Backing::Redis, Backing::Server(server)] {
            let mut filled: Vec<&str> = variables(&backing, "h", 1).into_iter().map(|(field, _)| field).collect();
            let mut known = backing.fields().to_vec();
            filled.sort_unstable();
            known.sort_unstable();
            assert_eq!(filled, known, "{backing:?}");
        }
    }
}
