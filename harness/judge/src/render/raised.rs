//! `version-raised`: a chart that was changed has a new version.

use chartgate_model::recording::Moment;
use semver::Version;

use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const VERSION_RAISED: Check = Check {
    name: "version-raised",
    proves: "a chart that differs from what git has has a higher version",
    means: "the change is not published, or two different packages have one version",
    explanation: include_str!("../explanation/version-raised.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: version_raised,
};

/// How many changed files a message names.
const NAMED: usize = 3;

fn version_raised(view: &View) -> Finding {
    let recording = view.recording;
    let changed = recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Changed { since, version, files } => Some((since, version, files)),
        _ => None,
    });
    let Some((since, before, files)) = changed else {
        return not_applicable(VERSION_RAISED.name, "nothing was compared: `chartgate check --changed` does");
    };
    let now = &recording.plan.chart.version;
    let Some(before) = before else {
        return not_applicable(VERSION_RAISED.name, format!("there is no chart at {since}"));
    };
    if files.is_empty() {
        return not_applicable(VERSION_RAISED.name, format!("no file of the package changed since {since}"));
    }
    let mut tally = Tally::new(VERSION_RAISED.name);
    let named: Vec<String> = files.iter().take(NAMED).map(|file| format!("`{file}`")).collect();
    let more = if files.len() > NAMED { format!(" and {} more", files.len() - NAMED) } else { String::new() };
    match (Version::parse(now), Version::parse(before)) {
        (Ok(new), Ok(old)) if new > old => tally.proved(note(format!("{old} became {new}"))),
        (Ok(_), Ok(_)) => {
            let message = format!(
                "{}{more} changed since {since}, and the version is still {now} (there: {before})",
                named.join(", ")
            );
            tally.fail(message).hint("raise `version` in Chart.yaml; list in `.helmignore` what users do not get");
        }
        _ => {
            tally.void(format!("`{now}` or `{before}` is no version of semver"));
        }
    }
    tally.finish(format!("the version was raised from {before} to {now}"))
}

#[cfg(test)]
mod tests {
    use crate::Verdict;
    use crate::testing::{Story, check, examples};

    use super::*;

    fn changed(now: &str, before: Option<&str>, files: &[&str]) -> Story {
        let now = now.to_owned();
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        let moment = Moment::Changed { since: "main".to_owned(), version: before.map(str::to_owned), files };
        Story::good()
            .plan(move |plan| plan.chart.version = now)
            .before(|moment| matches!(moment, Moment::Watching), moment)
    }

    /// A failure would mean that a change is merged which no user ever gets.
    #[test]
    fn a_change_without_a_higher_version_fails() {
        let files = ["templates/a.yaml", "values.yaml"];
        let forgotten = changed("1.2.3", Some("1.2.3"), &files);
        check(&VERSION_RAISED, &forgotten, Verdict::Fail, "`templates/a.yaml`, `values.yaml` changed since main");
        check(
            &VERSION_RAISED,
            &changed("1.2.3-rc.1", Some("1.2.3"), &files),
            Verdict::Fail,
            "still 1.2.3-rc.1 (there: 1.2.3)",
        );
        let raised = changed("1.10.0", Some("1.9.0"), &files);
        check(&VERSION_RAISED, &raised, Verdict::Pass, "from 1.9.0 to 1.10.0");
        check(&VERSION_RAISED, &changed("1.x", Some("1.9.0"), &files), Verdict::Void, "no version");
        examples(&VERSION_RAISED, &raised, &forgotten);
    }

    /// A failure would mean that a new chart, or one whose users get the same as before, must raise its version.
    #[test]
    fn what_is_new_or_the_same_needs_no_higher_version() {
        check(&VERSION_RAISED, &changed("1.0.0", None, &["values.yaml"]), Verdict::NotApplicable, "no chart at main");
        check(&VERSION_RAISED, &changed("1.0.0", Some("1.0.0"), &[]), Verdict::NotApplicable, "no file of the package");
        check(&VERSION_RAISED, &Story::good(), Verdict::NotApplicable, "nothing was compared");
    }
}
