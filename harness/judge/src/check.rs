//! What a check is: what it proves, what it needs, how bad its finding is and how near to the cause, and the function that judges.

mod crds_current;
mod duplicate_keys;
mod values_keep_their_form;
mod data_kept;
mod egress_allows_dns;
mod grace_covers_drain;
mod names_fit;
mod pods_alike;
mod references_resolve;
mod render_stable;
mod replicas_spread;
mod rollout_can_proceed;
mod selectors_disjoint;
mod selectors_match;
mod service_links;
mod startup_allowed;

use serde::Serialize;

use super::view::View;
use super::{Finding, Verdict};
pub(crate) use crds_current::CRDS_CURRENT;
pub(crate) use data_kept::DATA_KEPT;
pub(crate) use duplicate_keys::DUPLICATE_KEYS;
pub(crate) use egress_allows_dns::EGRESS_ALLOWS_DNS;
pub(crate) use grace_covers_drain::GRACE_COVERS_DRAIN;
pub(crate) use names_fit::NAMES_FIT;
pub(crate) use pods_alike::PODS_ALIKE;
pub(crate) use references_resolve::REFERENCES_RESOLVE;
pub(crate) use render_stable::RENDER_STABLE;
pub(crate) use replicas_spread::REPLICAS_SPREAD;
pub(crate) use rollout_can_proceed::ROLLOUT_CAN_PROCEED;
pub(crate) use selectors_disjoint::SELECTORS_DISJOINT;
pub(crate) use selectors_match::SELECTORS_MATCH;
pub(crate) use service_links::SERVICE_LINKS;
pub(crate) use startup_allowed::STARTUP_ALLOWED;
pub(crate) use values_keep_their_form::VALUES_KEEP_THEIR_FORM;

/// A check: everything that is known of it, and the function that judges.
pub struct Check {
    /// Stable name, as in reports and contracts.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// What a failure means for a user of the chart.
    pub means: &'static str,
    /// How it is proven, its examples and what to do: the Markdown file of its name, which `explain` reads.
    pub explanation: &'static str,
    /// The least that a recording must hold for the check to say anything.
    pub needs: Needs,
    /// What the rest of the check needs, where the recording has it; `None`: no more than `needs`.
    pub adds: Option<Needs>,
    /// How bad its finding is as long as no contract makes it binding.
    pub level: Level,
    /// How near it is to the cause of what it sees.
    pub rank: Rank,
    /// Whether it also applies where no step of the plan must succeed: it judges the refusal itself.
    pub judges_refusals: bool,
    /// Judges a recording.
    pub judge: fn(&View) -> Finding,
}

/// What a recording must hold, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needs {
    /// The plan and the rendered manifests.
    Render,
    /// What an API server says of the rendered objects, which it does not make.
    Admission,
    /// The objects of a cluster and their order; stub images do.
    Orchestration,
    /// What the application itself answers: probes, traffic, sessions, its database's schema.
    Behaviour,
}

/// The worst that a check says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It never fails unless the contract names the check or says `strict`.
    Advice,
    /// It fails.
    Fail,
}

/// How near a check is to the cause of what it sees, and what its failure explains.
#[derive(Clone, Copy, Debug)]
pub struct Rank {
    /// 0: it names the cause itself. Reports order failures by this.
    pub distance: u8,
    /// The checks that fail because this one does; a report needs no more of them than their headlines.
    pub explains: &'static [&'static str],
}

impl Rank {
    /// It names what is broken, and no other check fails because of it.
    pub(crate) const CAUSE: Self = Self { distance: 0, explains: &[] };

    /// It names what is broken, and these checks fail because of it.
    pub(crate) const fn cause_of(explains: &'static [&'static str]) -> Self {
        Self { distance: 0, explains }
    }

    /// It sees what others name the cause of, this far from it.
    pub(crate) const fn symptom(distance: u8) -> Self {
        Self { distance, explains: &[] }
    }

    pub(crate) const fn explaining(self, explains: &'static [&'static str]) -> Self {
        Self { explains, ..self }
    }
}

impl Check {
    /// The check's finding as bad as its level lets it be; a binding check knows no advice.
    pub(crate) fn weigh(&self, finding: Finding, is_binding: bool) -> Finding {
        let verdict = match finding.verdict {
            Verdict::Advice if is_binding => Verdict::Fail,
            Verdict::Fail if self.level == Level::Advice && !is_binding => Verdict::Advice,
            verdict => verdict,
        };
        Finding { verdict, ..finding }
    }
}

/// The checks of one subject.
pub struct Group {
    /// The subject's name, as in the reference.
    pub name: &'static str,
    /// What the checks look at.
    pub about: &'static str,
    /// In the order of reports.
    pub checks: &'static [Check],
}

/// Names that checks had before, and have now: contracts and waivers may use them for one more release.
const RENAMED: [(&str, &str); 1] = [("selector-stable", "immutable-fields")];

/// The name that a check has now.
pub fn present_name(name: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new)
}
