//! How a check adds up what it met: one finding, the worst of it.

use chartgate_model::recording::Entry;

use super::cause::Cause;
use super::view::View;
use super::{Evidence, Finding, Problem, Verdict};

/// What a check met so far.
pub(super) struct Tally {
    check: &'static str,
    claims: Vec<Claim>,
    proofs: Vec<Evidence>,
    /// What was looked at, by what it is called: `pod`, `variable`.
    counts: Vec<(&'static str, usize)>,
}

/// One thing that was found broken, or could not be proven.
pub(super) struct Claim {
    verdict: Verdict,
    message: String,
    hint: Option<String>,
    evidence: Vec<Evidence>,
    /// What another check tells, and what this follows from.
    since: Option<String>,
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
        Self { check, claims: Vec::new(), proofs: Vec::new(), counts: Vec::new() }
    }

    /// For a check that needs every step: void from the start where a step did not do what the plan wanted of it.
    pub(super) fn of_whole(check: &'static str, view: &View) -> Self {
        let mut tally = Self::new(check);
        if let Some(why) = view.shortfall() {
            tally.void_since(&why, format!("not all of it could be proven: {why}"));
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

    /// Something could not be proven because of what is told elsewhere: a step that failed.
    pub(super) fn void_since(&mut self, cause: &Cause, message: impl Into<String>) -> &mut Claim {
        let claim = self.claim(Verdict::Void, message.into());
        claim.since = Some(cause.what.clone());
        claim
    }

    /// A good habit is missing that nobody promised.
    pub(super) fn advise(&mut self, message: impl Into<String>) -> &mut Claim {
        self.claim(Verdict::Advice, message.into())
    }

    /// Something was seen to hold.
    pub(super) fn proved(&mut self, evidence: Evidence) {
        self.proofs.push(evidence);
    }

    /// Counts what was looked at, so that a pass says how much it rests on.
    pub(super) fn saw(&mut self, what: &'static str, count: usize) {
        match self.counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum += count,
            None => self.counts.push((what, count)),
        }
    }

    /// Whether nothing was found broken or unproven so far.
    pub(super) fn has_no_claim(&self) -> bool {
        self.claims.is_empty()
    }

    /// A claim that was made before is the same one: a Secret that six variables of a pod need is missing once.
    fn claim(&mut self, verdict: Verdict, message: String) -> &mut Claim {
        let is_it = |claim: &Claim| (claim.verdict, &claim.message) == (verdict, &message);
        if let Some(known) = self.claims.iter().position(is_it) {
            return &mut self.claims[known];
        }
        self.claims.push(Claim { verdict, message, hint: None, evidence: Vec::new(), since: None });
        let last = self.claims.len() - 1;
        &mut self.claims[last]
    }

    /// [`Self::finish`]; where nothing was met at all, the check's subject does not exist here, for this reason.
    pub(super) fn finish_or(self, pass: impl Into<String>, absent: impl Into<String>) -> Finding {
        if self.claims.is_empty() && self.proofs.is_empty() {
            return not_applicable(self.check, absent);
        }
        self.finish(pass)
    }

    /// The finding: the worst claim's, or `pass` with its message where something was proven and nothing spoke against it.
    pub(super) fn finish(self, pass: impl Into<String>) -> Finding {
        let Some(worst) = self.claims.iter().map(|claim| claim.verdict).max() else {
            let proofs = self.proofs;
            if proofs.is_empty() {
                return finding(self.check, Verdict::Void, "nothing was seen that could prove it", Vec::new());
            }
            let seen = counted(&self.counts, proofs.len());
            return finding(self.check, Verdict::Pass, format!("{} ({seen})", pass.into()), proofs);
        };
        let since = self.since(worst);
        let (claims, lesser): (Vec<Claim>, Vec<Claim>) =
            self.claims.into_iter().partition(|claim| claim.verdict == worst);
        let mut claims = claims.into_iter();
        let Some(first) = claims.next() else { return finding(self.check, worst, pass, Vec::new()) };
        let mut evidence = first.evidence;
        let mut problems = vec![Problem { what: first.message, hint: first.hint }];
        for claim in claims {
            let problem = Problem { what: claim.message, hint: claim.hint };
            evidence.push(problem.further());
            evidence.extend(claim.evidence);
            problems.push(problem);
        }
        // What is less bad was found nonetheless.
        for claim in lesser {
            let word = if claim.verdict == Verdict::Advice { "advice" } else { "unproven" };
            evidence.push(note(format!("{word}: {}", claim.message)));
        }
        Finding { since, ..Finding::of_problems(self.check, worst, problems, evidence) }
    }

    /// What the check is void for alone: something that was seen to be missing is a reason of its own.
    fn since(&self, worst: Verdict) -> Option<String> {
        let is_own = |claim: &&Claim| claim.since.is_none() && !claim.evidence.is_empty();
        let is_alone = worst == Verdict::Void && !self.claims.iter().any(|claim| is_own(&claim));
        self.claims.iter().find_map(|claim| claim.since.clone()).filter(|_| is_alone)
    }
}

/// `6 pods, 12 variables`; where a check does not say what it counts, how much evidence it has.
fn counted(counts: &[(&str, usize)], proofs: usize) -> String {
    let counted = |(what, count): &(&str, usize)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" });
    if counts.is_empty() {
        return counted(&("observation", proofs));
    }
    counts.iter().map(counted).collect::<Vec<_>>().join(", ")
}

/// A finding about something that does not exist here.
pub(super) fn not_applicable(check: &'static str, why: impl Into<String>) -> Finding {
    finding(check, Verdict::NotApplicable, why, Vec::new())
}

fn finding(check: &str, verdict: Verdict, message: impl Into<String>, evidence: Vec<Evidence>) -> Finding {
    Finding {
        check: check.to_owned(),
        verdict,
        message: message.into(),
        evidence,
        problems: Vec::new(),
        since: None,
        templates: Vec::new(),
    }
}

/// An entry of the timeline as evidence.
pub(super) fn at(entry: &Entry, text: impl Into<String>) -> Evidence {
    Evidence { seq: Some(entry.seq), at: Some(entry.at), text: text.into() }
}

/// Evidence that stands at no moment of the timeline.
pub(super) fn note(text: impl Into<String>) -> Evidence {
    Evidence { seq: None, at: None, text: text.into() }
}
