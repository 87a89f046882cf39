//! `report.html`: one static page without outside resources. The verdicts are plain HTML and are there at once; a timeline is
//! unpacked when its scenario is opened. Everything foreign is escaped, and the policy lets no other script run.

mod lanes;
mod mark;
mod pods;
mod story;

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chartgate_base::parallel;
use chartgate_judge::{Finding, Verdict};
use chartgate_model::recording::Recording;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::explanation::{bounded, bounded_statement, headline, hint, moment, plain, promise, shown, word};
use super::order::Red;
use super::{Matrix, Report, ScenarioReport};
use story::{DEPTHS, Scene};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
/// All timelines together, in bytes: the page is to stay below five million, and to open at once where it is uploaded to.
const TIMELINES: usize = 4_000_000;

/// The page as text.
pub(super) fn document(report: &Report) -> Result<String> {
    let mut out = String::new();
    let share = TIMELINES / report.scenarios.len().max(1);
    let timelines = parallel::map(&report.scenarios, |scenario| timeline(scenario, share));
    head(report, &mut out)?;
    for (index, (scenario, timeline)) in report.scenarios.iter().zip(&timelines).enumerate() {
        section(index, scenario, timeline, is_open(report, index), &mut out)?;
    }
    writeln!(out, "</main>\n<dialog aria-labelledby=\"detail-title\"></dialog>")?;
    for (index, timeline) in timelines.iter().enumerate() {
        if let Ok(Some(packed)) = timeline {
            writeln!(out, "<script type=\"text/plain\" id=\"timeline-{index}\">{packed}</script>")?;
        }
    }
    writeln!(out, "<script>{SCRIPT}</script>\n</body>\n</html>")?;
    Ok(out)
}

/// The first broken scenario is shown; of many, a person chooses.
fn is_open(report: &Report, index: usize) -> bool {
    let worst = report.scenarios.iter().position(|scenario| scenario.verdict == report.verdict);
    Some(index) == worst
}

/// The timeline of a scenario in the richest form that fits; `None`: nothing was recorded.
fn timeline(scenario: &ScenarioReport, limit: usize) -> Result<Option<String>> {
    if !scenario.evidence.join("plan.json").exists() {
        return Ok(None);
    }
    let recording = Recording::load(&scenario.evidence)?;
    fitting(&mut Scene::new(&recording, scenario), limit).map(|(packed, _)| Some(packed))
}

/// The richest form of a timeline that fits, packed and as it is.
fn fitting(scene: &mut Scene, limit: usize) -> Result<(String, String)> {
    let (mut packed, mut story) = (String::new(), String::new());
    for depth in DEPTHS {
        story = scene.story(depth)?;
        packed = pack(&story)?;
        if packed.len() <= limit {
            break;
        }
    }
    Ok((packed, story))
}

fn pack(text: &str) -> Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).context("pack a timeline")?;
    Ok(STANDARD.encode(encoder.finish().context("pack a timeline")?))
}

/// What a policy names a script or style by.
fn fingerprint(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

fn head(report: &Report, out: &mut String) -> std::fmt::Result {
    let (verdict, class) = (word(report.verdict), class(report.verdict));
    let policy = format!("default-src 'none'; style-src {}; script-src {}", fingerprint(STYLE), fingerprint(SCRIPT));
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}; base-uri 'none'; form-action 'none'\">"
    )?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{verdict}: chartgate</title>")?;
    writeln!(out, "<style>{STYLE}</style>\n</head>\n<body>\n<main>")?;
    let [passed, failed, void] = [Verdict::Pass, Verdict::Fail, Verdict::Void].map(|verdict| report.count(verdict));
    writeln!(out, "<h1><span class=\"verdict {class}\">{verdict}</span> chartgate</h1>")?;
    writeln!(out, "<p>{passed} passed, {failed} failed, {void} void.</p>")?;
    if report.scenarios.is_empty() {
        return writeln!(out, "<p>No scenario ran, so nothing was proven.</p>");
    }
    if let Some(matrix) = &report.matrix {
        versions(matrix, report, out)?;
    }
    writeln!(out, "<div class=\"wide\"><table>\n<caption>Scenarios</caption>")?;
    writeln!(out, "<thead><tr><th>verdict<th>scenario<th>what is broken<th>passed<th>time</thead>\n<tbody>")?;
    for (index, scenario) in report.scenarios.iter().enumerate() {
        row(index, scenario, out)?;
    }
    writeln!(out, "</tbody></table></div>")
}

/// Scenarios by versions, each verdict a link to its scenario, and what is not the same on all of them.
fn versions(matrix: &Matrix, report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "<div class=\"wide\"><table class=\"versions\">\n<caption>Scenarios by versions</caption>")?;
    let titles: Vec<String> = matrix.columns.iter().map(|column| escaped(&column.to_string())).collect();
    writeln!(out, "<thead><tr><th>scenario<th>{}</thead>\n<tbody>", titles.join("<th>"))?;
    for row in &matrix.rows {
        write!(out, "<tr><td>{}", escaped(&row.scenario))?;
        for (verdict, column) in row.verdicts.iter().zip(&matrix.columns) {
            let is_it = |it: &ScenarioReport| it.name == row.scenario && it.on.as_ref() == Some(column);
            match (verdict, report.scenarios.iter().position(is_it)) {
                (Some(verdict), Some(index)) => {
                    write!(out, "<td><a href=\"#scenario-{index}\">{}</a>", badge(*verdict))?;
                }
                _ => write!(out, "<td>")?,
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "</tbody></table></div>")?;
    if matrix.differences.is_empty() {
        return writeln!(out, "<p>Each check ended the same on all versions.</p>");
    }
    writeln!(out, "<p>Not the same on all versions:</p>\n<ul>")?;
    for it in &matrix.differences {
        let (check, scenario) = (escaped(&it.check), escaped(&it.scenario));
        writeln!(out, "<li>{check} in {scenario}: {}", escaped(&matrix.said(it)))?;
    }
    writeln!(out, "</ul>")
}

fn row(index: usize, scenario: &ScenarioReport, out: &mut String) -> std::fmt::Result {
    let red: Vec<_> = scenario.decisive().into_iter().map(|finding| escaped(&finding.check)).collect();
    let applied = scenario.checks.iter().filter(|finding| finding.verdict != Verdict::NotApplicable).count();
    let passed = scenario.findings(Verdict::Pass).count();
    let name = escaped(&scenario.title());
    writeln!(
        out,
        "<tr><td>{}<td><a href=\"#scenario-{index}\">{name}</a><td>{}<td>{passed} of {applied}<td>{:.1} s",
        badge(scenario.verdict),
        red.join(", "),
        scenario.seconds
    )
}

fn section(
    index: usize,
    scenario: &ScenarioReport,
    timeline: &Result<Option<String>>,
    is_open: bool,
    out: &mut String,
) -> std::fmt::Result {
    let open = if is_open { " open" } else { "" };
    let (name, chart) = (escaped(&scenario.title()), escaped(&scenario.chart));
    writeln!(out, "<details class=\"scenario\" id=\"scenario-{index}\" data-index=\"{index}\"{open}>")?;
    writeln!(
        out,
        "<summary><h2>{} {name}</h2> <span>{chart}, {:.1} s</span></summary>",
        badge(scenario.verdict),
        scenario.seconds
    )?;
    writeln!(out, "<p>{}</p>", escaped(&scenario.description))?;
    for (about, line) in scenario.preface() {
        writeln!(out, "<p><strong>{about}</strong>: {}</p>", escaped(&line))?;
    }
    let red = Red::of(scenario);
    red.broken.iter().try_for_each(|finding| explain(scenario, finding, out))?;
    for finding in &red.explained {
        let (check, said) = (escaped(&finding.check), escaped(&headline(finding)));
        writeln!(out, "<p>With it: {} {check}: {said}</p>", badge(finding.verdict))?;
    }
    red.unproven.iter().try_for_each(|finding| explain(scenario, finding, out))?;
    red.kept().try_for_each(|kept| writeln!(out, "<p>{} {}</p>", badge(Verdict::Void), escaped(&kept)))?;
    match timeline {
        Ok(Some(_)) => {
            writeln!(out, "<div class=\"timeline\"><noscript>The timeline needs JavaScript.</noscript></div>")?;
        }
        Ok(None) => writeln!(out, "<div class=\"timeline\">No timeline was recorded.</div>")?,
        Err(error) => {
            let why = escaped(&format!("{error:#}"));
            writeln!(out, "<div class=\"timeline\">The timeline cannot be shown: {why}</div>")?;
        }
    }
    writeln!(out, "<details class=\"checks\"><summary>All checks</summary><div class=\"wide\"><table><tbody>")?;
    for finding in &scenario.checks {
        let (check, said) = (escaped(&finding.check), escaped(&headline(finding)));
        writeln!(out, "<tr><td>{}<td>{check}<td>{said}", badge(finding.verdict))?;
    }
    writeln!(out, "</tbody></table></div></details>\n</details>")
}

fn explain(scenario: &ScenarioReport, finding: &Finding, out: &mut String) -> std::fmt::Result {
    let check = escaped(&finding.check);
    writeln!(out, "<article class=\"{}\"><h3>{} {check}</h3>\n<dl>", class(finding.verdict), badge(finding.verdict))?;
    let mut say = |label: &str, text: &str| writeln!(out, "<dt>{label}<dd>{text}");
    let seen = if finding.verdict == Verdict::Fail { "broken" } else { "unproven" };
    say(seen, &escaped(&bounded_statement(finding).join("\n")))?;
    if let Some((proves, means)) = promise(finding) {
        say("promise", &escaped(proves))?;
        say("means", &escaped(means))?;
    }
    let (moments, more) = shown(finding);
    let items = moments.iter().map(|evidence| {
        let text = escaped(&bounded(&evidence.text).join("\n"));
        let at = evidence.at.map_or(String::new(), |at| {
            format!("<button type=\"button\" class=\"moment\" data-at=\"{at}\">{}</button> ", moment(at))
        });
        format!("<li>{at}<span>{text}</span>")
    });
    let list: String = items.collect();
    let more = if more > 0 { format!("<p>… and {more} more in the recording") } else { String::new() };
    if !list.is_empty() {
        say("shown by", &format!("<ol>{list}</ol>{more}"))?;
    }
    if let Some(hint) = hint(finding) {
        say("try", &escaped(&hint))?;
    }
    if let Some(command) = &scenario.repeat {
        say("repeat", &format!("<code>{}</code>", escaped(command)))?;
    }
    say("evidence", &format!("<code>{}</code>", escaped(&scenario.evidence.display().to_string())))?;
    writeln!(out, "</dl></article>")
}

fn badge(verdict: Verdict) -> String {
    format!("<span class=\"verdict {}\">{}</span>", class(verdict), word(verdict))
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Void => "void",
        Verdict::Advice | Verdict::Waived | Verdict::NotApplicable => "aside",
    }
}

/// A text as HTML shows it, in an element or a quoted attribute.
fn escaped(text: &str) -> String {
    plain(text).chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests;
