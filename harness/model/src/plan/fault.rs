//! Faults: what goes wrong in a step, made to happen. Each has one entry here, which scenario files, the runner and the checks read; the
//! runner injects it, and the check `fault-happened` recognises it.

use serde::{Deserialize, Serialize};

/// Something that goes wrong, made to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The first change of a migrated database's schema fails, and each one after it.
    MigrationFails,
    /// The first change of a migrated database's schema takes this long.
    MigrationSlow {
        /// In seconds.
        seconds: u64,
    },
    /// The first change of a migrated database's schema never ends.
    MigrationHangs,
    /// The pod of a migrating hook is killed while it changes the schema.
    MigratorKilled,
    /// Helm is killed once the step has begun to change something.
    ClientKilled,
    /// The new image ends as soon as it is started as a server.
    ImageCrashes,
    /// The new image's server never becomes ready.
    ImageNeverReady,
    /// The new image does not exist.
    ImageMissing,
    /// One pod of a role is killed without grace.
    PodKilled {
        /// Name in the plan's `roles`.
        role: String,
    },
    /// The node with the most pods of the release is drained by evictions.
    NodeDrained,
    /// A role has no pod for a while; it is back at the step's end.
    RoleDown {
        /// Name in the plan's `roles`.
        role: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// The server of the databases restarts.
    DatabaseRestarts,
}

/// What is known of a fault.
#[derive(Debug)]
pub struct FaultKind {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What happens, for the reference and the schema.
    pub about: &'static str,
    /// What is written with it in scenario files.
    pub takes: Takes,
    /// What comes to harm.
    pub target: Target,
    /// What no check blames the chart for in the fault's step.
    pub excuses: &'static [Excuse],
}

/// What a fault is made of.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Its name alone.
    Nothing(fn() -> Fault),
    /// How long, in seconds.
    Time(fn(u64) -> Fault),
    /// Of which role.
    Role(fn(String) -> Fault),
    /// Of which role, and how long in seconds; so long if nothing is said.
    RoleAndTime(fn(String, u64) -> Fault, u64),
}

/// What comes to harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The migration that a hook of the step runs.
    Migration {
        /// Whether it fails for good.
        fails: bool,
    },
    /// The images of the step, by a tag.
    Image(FaultyTag),
    /// Helm itself, which ends in the middle of the step.
    Helm,
    /// Pods of a release that nobody changes: a step of its own.
    Pods,
    /// A node of the cluster, from which pods must have somewhere to go: a step of its own.
    Node,
    /// The server of the databases: a step of its own.
    DatabaseServer,
}

/// The tag that makes an image a faulty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultyTag {
    /// The contract's `crashes`.
    Crashes,
    /// The contract's `never-ready`.
    NeverReady,
    /// One that does not exist.
    Missing,
}

/// Something that a check would blame on the chart, and that a fault brings with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// A pod of a hook's Job fails, and its next one does the work.
    FailedHookPod,
    /// A pod is replaced while it still ends, whatever its workload says.
    OverlappingPods,
    /// A session ends without a proper goodbye.
    AbruptClose,
}

/// Long enough for the liveness probes of the others to fail, if they ask the role (three times ten seconds by default).
const ROLE_DOWN_SECONDS: u64 = 40;

const MIGRATION_FAILS: FaultKind = FaultKind {
    name: "migration-fails",
    about: "Every change of the schema that the application makes fails, in every database that a hook `migrates`.",
    takes: Takes::Nothing(|| Fault::MigrationFails),
    target: Target::Migration { fails: true },
    excuses: &[],
};

const MIGRATION_SLOW: FaultKind = FaultKind {
    name: "migration-slow",
    about: "The first change of the schema takes so long: `{migration-slow: 20s}`.",
    takes: Takes::Time(|seconds| Fault::MigrationSlow { seconds }),
    target: Target::Migration { fails: false },
    excuses: &[],
};

const MIGRATION_HANGS: FaultKind = FaultKind {
    name: "migration-hangs",
    about: "No change of the schema ends, until helm does.",
    takes: Takes::Nothing(|| Fault::MigrationHangs),
    target: Target::Migration { fails: true },
    excuses: &[],
};

const MIGRATOR_KILLED: FaultKind = FaultKind {
    name: "migrator-killed",
    about: "The pod of the hook that `migrates` is killed in its first change; the Job's next pod finds nothing in its way.",
    takes: Takes::Nothing(|| Fault::MigratorKilled),
    target: Target::Migration { fails: false },
    excuses: &[Excuse::FailedHookPod],
};

const CLIENT_KILLED: FaultKind = FaultKind {
    name: "client-killed",
    about: "Helm is killed once a Job's pod or a changed workload shows that it has begun. The step is to end so, without `expect`.",
    takes: Takes::Nothing(|| Fault::ClientKilled),
    target: Target::Helm,
    excuses: &[],
};

const IMAGE_CRASHES: FaultKind = FaultKind {
    name: "image-crashes",
    about: "The images get the contract's tag `crashes`: the migration succeeds, and the server ends at once.",
    takes: Takes::Nothing(|| Fault::ImageCrashes),
    target: Target::Image(FaultyTag::Crashes),
    excuses: &[],
};

const IMAGE_NEVER_READY: FaultKind = FaultKind {
    name: "image-never-ready",
    about: "The images get the contract's tag `never-ready`: the migration succeeds, and the server is never ready.",
    takes: Takes::Nothing(|| Fault::ImageNeverReady),
    target: Target::Image(FaultyTag::NeverReady),
    excuses: &[],
};

const IMAGE_MISSING: FaultKind = FaultKind {
    name: "image-missing",
    about: "The images get a tag that does not exist.",
    takes: Takes::Nothing(|| Fault::ImageMissing),
    target: Target::Image(FaultyTag::Missing),
    excuses: &[],
};

const POD_KILLED: FaultKind = FaultKind {
    name: "pod-killed",
    about: "A ready pod of the role is killed without grace: `{pod-killed: app}`.",
    takes: Takes::Role(|role| Fault::PodKilled { role }),
    target: Target::Pods,
    // It has no say in it.
    excuses: &[Excuse::AbruptClose],
};

const NODE_DRAINED: FaultKind = FaultKind {
    name: "node-drained",
    about: "The node with the most pods of the release is cordoned and its pods are evicted, as by `kubectl drain`; needs `workers: 2`.",
    takes: Takes::Nothing(|| Fault::NodeDrained),
    target: Target::Node,
    excuses: &[Excuse::OverlappingPods],
};

const ROLE_DOWN: FaultKind = FaultKind {
    name: "role-down",
    about: "The role has no pod for so long, by default 40 s: `{role-down: app}`, `{role-down: {role: app, for: 90s}}`.",
    takes: Takes::RoleAndTime(|role, seconds| Fault::RoleDown { role, seconds }, ROLE_DOWN_SECONDS),
    target: Target::Pods,
    excuses: &[],
};

const DATABASE_RESTARTS: FaultKind = FaultKind {
    name: "database-restarts",
    about: "The PostgreSQL server, which is then the scenario's own, is restarted.",
    takes: Takes::Nothing(|| Fault::DatabaseRestarts),
    target: Target::DatabaseServer,
    excuses: &[],
};

/// Every fault, in the order of the reference.
pub const FAULTS: [&FaultKind; 12] = [
    &MIGRATION_FAILS,
    &MIGRATION_SLOW,
    &MIGRATION_HANGS,
    &MIGRATOR_KILLED,
    &CLIENT_KILLED,
    &IMAGE_CRASHES,
    &IMAGE_NEVER_READY,
    &IMAGE_MISSING,
    &POD_KILLED,
    &NODE_DRAINED,
    &ROLE_DOWN,
    &DATABASE_RESTARTS,
];

impl Fault {
    /// Its entry.
    pub fn kind(&self) -> &'static FaultKind {
        match self {
            Self::MigrationFails => &MIGRATION_FAILS,
            Self::MigrationSlow { .. } => &MIGRATION_SLOW,
            Self::MigrationHangs => &MIGRATION_HANGS,
            Self::MigratorKilled => &MIGRATOR_KILLED,
            Self::ClientKilled => &CLIENT_KILLED,
            Self::ImageCrashes => &IMAGE_CRASHES,
            Self::ImageNeverReady => &IMAGE_NEVER_READY,
            Self::ImageMissing => &IMAGE_MISSING,
            Self::PodKilled { .. } => &POD_KILLED,
            Self::NodeDrained => &NODE_DRAINED,
            Self::RoleDown { .. } => &ROLE_DOWN,
            Self::DatabaseRestarts => &DATABASE_RESTARTS,
        }
    }

    /// Its name in scenario files.
    pub fn name(&self) -> &'static str {
        self.kind().name
    }

    /// The role that comes to harm, if it is one.
    pub fn role(&self) -> Option<&str> {
        match self {
            Self::PodKilled { role } | Self::RoleDown { role, .. } => Some(role),
            Self::MigrationFails
            | Self::MigrationSlow { .. }
            | Self::MigrationHangs
            | Self::MigratorKilled
            | Self::ClientKilled
            | Self::ImageCrashes
            | Self::ImageNeverReady
            | Self::ImageMissing
            | Self::NodeDrained
            | Self::DatabaseRestarts => None,
        }
    }
}

impl FaultKind {
    /// Whether it is a step of its own; else it happens to a step of helm.
    pub fn is_disruption(&self) -> bool {
        match self.target {
            Target::Pods | Target::Node | Target::DatabaseServer => true,
            Target::Migration { .. } | Target::Image(_) | Target::Helm => false,
        }
    }

    /// A fault of the kind, with something in the place of what belongs to it.
    #[cfg(test)]
    fn example(&self) -> Fault {
        match self.takes {
            Takes::Nothing(make) => make(),
            Takes::Time(make) => make(1),
            Takes::Role(make) => make("app".to_owned()),
            Takes::RoleAndTime(make, usual) => make("app".to_owned(), usual),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a scenario asks for one fault and gets another.
    #[test]
    fn each_entry_is_that_of_the_fault_that_it_makes() {
        for kind in FAULTS {
            let fault = kind.example();
            assert_eq!(fault.name(), kind.name);
            let takes_role = matches!(kind.takes, Takes::Role(_) | Takes::RoleAndTime(..));
            assert_eq!(fault.role().is_some(), takes_role, "{}", kind.name);
        }
    }
}
