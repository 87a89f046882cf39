//! Which version of an application an image plays: `STANDIN_VERSION`, baked into it.

use crate::environment::Environment;

/// A version, and how it is broken if it is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// The first version.
    V1,
    /// One more migration than the first.
    V2,
    /// As the second, but `start` exits at once: the migration succeeds and the new pods crash.
    Broken,
    /// As the second, but it is never ready.
    BrokenUnready,
    /// As the second, but its last migration fails.
    BrokenMigration,
}

impl Build {
    const ALL: [(&str, Self); 5] = [
        ("v1", Self::V1),
        ("v2", Self::V2),
        ("broken", Self::Broken),
        ("broken-unready", Self::BrokenUnready),
        ("broken-migration", Self::BrokenMigration),
    ];

    /// The build that `STANDIN_VERSION` names; anything else is a problem of the environment.
    pub fn of(env: &mut Environment) -> Self {
        let name = env.required("STANDIN_VERSION");
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        if found.is_none() && !name.is_empty() {
            let known: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
            env.problem(format!(
                "environment variable `STANDIN_VERSION` is `{name}`, expected one of {}",
                known.join(", ")
            ));
        }
        found.map_or(Self::V1, |(_, build)| *build)
    }

    /// The name in `STANDIN_VERSION`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, build)| *build == self).map_or("", |(name, _)| *name)
    }

    /// The major version whose schema it needs.
    pub fn major(self) -> u32 {
        if self == Self::V1 { 1 } else { 2 }
    }
}
