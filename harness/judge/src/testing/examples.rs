//! Holds the examples of a check's explanation to what the check says.

use std::path::Path;

use super::Story;
use crate::explain::Explanation;
use crate::{Check, Finding, Verdict, View};

/// Moments that an example shows.
const MOMENTS: usize = 2;

/// Checks that an explanation shows what its check says of a story that passes, and of one that does not. With `RENEW=1` in the
/// environment it is made to.
#[track_caller]
pub(crate) fn examples(check: &Check, passing: &Story, failing: &Story) {
    let judged = |story: &Story| (check.judge)(&View::of(&story.0));
    let (passes, fails) = (judged(passing), judged(failing));
    assert_eq!(passes.verdict, Verdict::Pass, "{passes:#?}");
    assert!(fails.verdict > Verdict::Pass, "{fails:#?}");
    let said = Explanation::of(check.explanation);
    let wanted = [shown(&passes), shown(&fails)];
    if [said.passes, said.fails] == [&wanted[0], &wanted[1]] {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/explanation/{}.md", check.name));
    if std::env::var_os("RENEW").is_some() {
        renew(&path, &wanted);
        return;
    }
    panic!(
        "{} shows other examples than\n{}\nhint: `RENEW=1 cargo test -p chartgate-judge examples`",
        path.display(),
        wanted.join("\n")
    );
}

/// What reports show of a finding, without the scenario.
fn shown(finding: &Finding) -> String {
    let statement: Vec<&str> = finding.statement().lines().collect();
    let hint = finding.hint();
    let (word, seen) = match finding.verdict {
        Verdict::Fail => ("FAIL", "broken"),
        Verdict::Void => ("VOID", "unproven"),
        Verdict::Advice => ("advice", "advice"),
        _ => return format!("```text\npass    {}  {}\n```", finding.check, statement.join(" ")),
    };
    let mut lines =
        vec![format!("{word} {}", finding.check), format!("  {seen:<9} {}", statement.join("\n            "))];
    for (index, evidence) in finding.evidence.iter().take(MOMENTS).enumerate() {
        let label = if index == 0 { "shown by" } else { "" };
        let at = evidence.at.map_or(String::new(), |at| format!("+{}.{:03}s  ", at / 1000, at % 1000));
        lines.push(format!("  {label:<9} {at}{}", evidence.text.lines().next().unwrap_or_default()));
    }
    lines.extend(hint.map(|hint| format!("  {:<9} {hint}", "try")));
    format!("```text\n{}\n```", lines.join("\n"))
}

fn renew(path: &Path, wanted: &[String; 2]) {
    let text = std::fs::read_to_string(path).expect("the explanation can be read");
    let parts = text.split("\n## ").map(|part| match part.split_once('\n') {
        Some(("Passes", _)) => format!("Passes\n\n{}\n", wanted[0]),
        Some(("Fails", _)) => format!("Fails\n\n{}\n", wanted[1]),
        _ => part.to_owned(),
    });
    std::fs::write(path, parts.collect::<Vec<_>>().join("\n## ")).expect("the explanation can be written");
}
