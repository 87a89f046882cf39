//! How a check adds up what it met: one finding, the worst of it.

use super::view::View;
use super::{Evidence, Finding, Verdict};

/// What a check met so far.
pub(super) struct Tally {
    check: &'static str,
    claims: Vec<Claim>,
    proofs: Vec<Evidence>,
}

/// One thing that was found broken, or could not be proven.
pub(super) struct Claim {
    verdict: Verdict,
    message: String,
    hint: Option<String>,
    evidence: Vec<Evidence>,
}

impl Claim {
    /// Moments of the timeline that show it.
    pub(super) fn with(&mut self, evidence: impl IntoIterator<Item = Evidence>) -> &mut Self {
        self.evidence.extend(evidence);
        self
    }

    /// What a person can do about it.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Tally {
    /// Nothing met yet.
    pub(super) fn new(check: &'static str) -> Self {
        Self { check, claims: Vec::new(), proofs: Vec::new() }
    }

    /// For a check that needs every step: void from the start where a step did not do what the plan wanted of it.
    pub(super) fn of_whole(check: &'static str, view: &View) -> Self {
        let mut tally = Self::new(check);
        if let Some(why) = view.shortfall() {
            tally.void(format!("not all of it could be proven: {why}"));
        }
        tally
    }

    /// A promise was broken.
    pub(super) fn fail(&mut self, message: impl Into<String>) -> &mut Claim {
        self.claim(Verdict::Fail, message.into())
    }

    /// Something could not be proven.
    pub(super) fn void(&mut self, message: impl Into<String>) -> &mut Claim {
        self.claim(Verdict::Void, message.into())
    }

    /// A good habit is missing that nobody promised.
    pub(super) fn advise(&mut self, message: impl Into<String>) -> &mut Claim {
        self.claim(Verdict::Advice, message.into())
    }

    /// Something was seen to hold.
    pub(super) fn proved(&mut self, evidence: Evidence) {
        self.proofs.push(evidence);
    }

    fn claim(&mut self, verdict: Verdict, message: String) -> &mut Claim {
        self.claims.push(Claim { verdict, message, hint: None, evidence: Vec::new() });
        let last = self.claims.len() - 1;
        &mut self.claims[last]
    }

    /// The finding: the worst claim's, or `pass` with its message where something was proven and nothing spoke against it.
    pub(super) fn finish(self, pass: impl Into<String>) -> Finding {
        let Some(worst) = self.claims.iter().map(|claim| claim.verdict).max() else {
            let proofs = self.proofs;
            if proofs.is_empty() {
                return finding(self.check, Verdict::Void, "nothing was seen that could prove it", Vec::new());
            }
            return finding(self.check, Verdict::Pass, pass, proofs);
        };
        let mut claims = self.claims.into_iter().filter(|claim| claim.verdict == worst);
        let Some(first) = claims.next() else { return finding(self.check, worst, pass, Vec::new()) };
        let mut evidence = first.evidence;
        let mut more = 0;
        for claim in claims {
            more += 1;
            evidence.push(Evidence { seq: None, at: None, text: format!("also: {}", claim.message) });
            evidence.extend(claim.evidence);
        }
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        let hint = first.hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
        finding(self.check, worst, format!("{}{more}{hint}", first.message), evidence)
    }
}

/// A finding about something that does not exist here.
pub(super) fn not_applicable(check: &'static str, why: impl Into<String>) -> Finding {
    finding(check, Verdict::NotApplicable, why, Vec::new())
}

fn finding(check: &str, verdict: Verdict, message: impl Into<String>, evidence: Vec<Evidence>) -> Finding {
    Finding { check: check.to_owned(), verdict, message: message.into(), evidence }
}

/// Evidence that stands at no moment of the timeline.
pub(super) fn note(text: impl Into<String>) -> Evidence {
    Evidence { seq: None, at: None, text: text.into() }
}
