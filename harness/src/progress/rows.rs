//! The rows of a terminal that show what scenarios are at: a pure function of that, the time and the terminal's size.

use std::time::Duration;

use chartgate_base::stdio::{BOLD, DIM, GOOD};
use chartgate_cluster::{Doing, Part};
use console::{measure_text_width, truncate_str};

use super::board::{Board, Phase, Standing};

/// Between two drawings: a spinner turns smoothly, and a terminal far away keeps up.
pub(super) const PERIOD: Duration = Duration::from_millis(100);

/// One after the other, a spinner.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// A bar takes this much of a row, and is left out where little is left.
const BAR: usize = 12;
/// Spinner, time and what is between them and the name.
const MARGIN: usize = 11;

/// One row for each scenario that has not ended, as many as there is room for, and a last one that counts all.
pub fn rows(board: &Board, now: Duration, width: usize, height: usize) -> Vec<String> {
    let all = board.scenarios();
    let working: Vec<_> = all.iter().filter(|one| matches!(one.phase, Phase::Working(..))).collect();
    let waiting: Vec<_> = all.iter().filter(|one| matches!(one.phase, Phase::Waiting(_))).collect();
    if working.is_empty() && waiting.is_empty() {
        return Vec::new();
    }
    // One row counts, and the cursor rests below it.
    let room = height.saturating_sub(2);
    let is_counted = all.len() > 1;
    // All who wait are folded together where one would have to be: which of them it is says nothing.
    let own_rows = if working.len() + waiting.len() <= room { waiting.len() } else { 0 };
    let shown: Vec<_> = working.iter().take(room).chain(waiting.iter().take(own_rows)).collect();
    let name_width = name_width(&shown, width);
    let mut rows: Vec<_> = shown.iter().map(|one| row(one, now, name_width, width)).collect();
    if is_counted {
        rows.push(count(board, now, shown.len() == working.len() + waiting.len(), width));
    }
    rows
}

/// As wide as the longest name, but leaving half of the row to what is done.
fn name_width(shown: &[&&Standing], width: usize) -> usize {
    let longest = shown.iter().map(|one| measure_text_width(&one.name)).max().unwrap_or_default();
    longest.min(width.saturating_sub(MARGIN) / 2)
}

fn row(of: &Standing, now: Duration, name_width: usize, width: usize) -> String {
    let (mark, what) = match &of.phase {
        Phase::Waiting(doing) => ("·", said(doing, None, width)),
        Phase::Working(doing, detail) => (spinner(now), said(doing, detail.as_deref(), width)),
        Phase::Ended(_) => (" ", "ended".to_owned()),
    };
    let name = shortened(&of.name, name_width);
    let gap = " ".repeat(name_width - measure_text_width(&name));
    let time = clock(now.saturating_sub(of.since));
    let line = format!("{mark} {time:>6}  {name}{gap}  {what}");
    painted(&of.phase, &fitting(&line, width))
}

fn spinner(now: Duration) -> &'static str {
    let turns = now.as_millis() / PERIOD.as_millis();
    SPINNER[usize::try_from(turns).unwrap_or_default() % SPINNER.len()]
}

fn painted(phase: &Phase, line: &str) -> String {
    match phase {
        Phase::Waiting(_) => format!("{DIM}{line}{DIM:#}"),
        _ => match line.char_indices().nth(1) {
            Some((end, _)) => format!("{GOOD}{}{GOOD:#}{}", &line[..end], &line[end..]),
            None => line.to_owned(),
        },
    }
}

fn said(doing: &Doing, detail: Option<&str>, width: usize) -> String {
    let bar = doing.part.filter(|_| width >= 60).map(|part| bar(part) + " ").unwrap_or_default();
    let what = if doing.what.is_empty() { "starting" } else { &doing.what };
    let detail = detail.map(|detail| format!(" · {detail}")).unwrap_or_default();
    // What a program says may hold tabs and colours, which have no width that could be known.
    let plain = format!("{bar}{what}{detail}").replace('\t', " ");
    console::strip_ansi_codes(&plain).chars().filter(|c| !c.is_control()).collect()
}

fn bar(part: Part) -> String {
    let inside = BAR - 2;
    let of = usize::from(part.of.max(1));
    let done = (usize::from(part.done) * inside / of).min(inside);
    let tip = if done < inside { ">" } else { "" };
    format!("[{}{tip}{}]", "=".repeat(done), " ".repeat(inside - done - tip.len()))
}

/// How many scenarios are at what; and where not all have a row, what those who wait are waiting for.
fn count(board: &Board, now: Duration, are_all_shown: bool, width: usize) -> String {
    let of = |is: fn(&Phase) -> bool| board.scenarios().iter().filter(|one| is(&one.phase)).count();
    let waiting = of(|phase| matches!(phase, Phase::Waiting(_)));
    let working = of(|phase| matches!(phase, Phase::Working(..)));
    let failed = of(|phase| matches!(phase, Phase::Ended(verdict) if verdict.is_red()));
    let ended = of(|phase| matches!(phase, Phase::Ended(_)));
    let mut parts = vec![format!("{ended} of {} ended", board.scenarios().len())];
    parts.extend((failed > 0).then(|| format!("{failed} not passed")));
    parts.extend((working > 0).then(|| format!("{working} running")));
    parts.extend((waiting > 0).then(|| format!("{waiting} waiting")));
    let why = board.scenarios().iter().rev().find_map(|one| match &one.phase {
        Phase::Waiting(doing) if !are_all_shown && !doing.what.is_empty() => Some(format!(" ({})", doing.what)),
        _ => None,
    });
    let line = format!("  {:>6}  {}{}", clock(now), parts.join(", "), why.unwrap_or_default());
    format!("{BOLD}{}{BOLD:#}", fitting(&line, width))
}

/// A time as a stopwatch shows it.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A name's end, which tells scenarios of one chart apart.
fn shortened(name: &str, width: usize) -> String {
    if measure_text_width(name) <= width {
        return name.to_owned();
    }
    let skip = name.chars().count().saturating_sub(width.saturating_sub(1));
    std::iter::once('…').chain(name.chars().skip(skip)).take(width).collect()
}

/// As much of a line as a row takes without reaching the terminal's edge, where some go on to the next row.
fn fitting(line: &str, width: usize) -> String {
    truncate_str(line.trim_end(), width.saturating_sub(1), "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::News;
    use super::*;
    use chartgate_judge::Verdict;

    fn plain(rows: &[String]) -> Vec<String> {
        rows.iter().map(|row| console::strip_ansi_codes(row).into_owned()).collect()
    }

    /// A run of so many scenarios, of which two are at work and one has failed.
    fn board(count: usize) -> Board {
        let mut board = Board::default();
        for index in 0..count {
            board.add(&format!("codex-pooler/scenario-{index:02}"), Duration::ZERO);
            let waiting = News::Waits("waiting for a cluster".into());
            board.note(index, &waiting, Duration::ZERO);
        }
        let begun = Duration::from_secs(20);
        board.note(0, &News::Works("step 2/3: helm upgrade".into()), begun);
        let part = Part { done: 3, of: 6 };
        board.note(1, &News::Works(Doing { what: "installing CNI".to_owned(), part: Some(part) }), begun);
        let ended = News::Ended { verdict: Verdict::Fail, took: begun, wrong: "ready".to_owned() };
        board.note(2, &ended, begun);
        board
    }

    /// A failure would mean that a person cannot see what a scenario is at, or for how long.
    #[test]
    fn each_scenario_has_a_row_with_its_time_and_what_it_is_at() {
        let mut board = board(4);
        board.note(0, &News::Detail("deployment/app:\t\u{1b}[31m0 of 1\u{1b}[0m ready".to_owned()), Duration::ZERO);
        let rows = plain(&rows(&board, Duration::from_secs(85), 100, 24));
        assert_eq!(
            rows,
            [
                "⠋   1:05  codex-pooler/scenario-00  step 2/3: helm upgrade · deployment/app: 0 of 1 ready",
                "⠋   1:05  codex-pooler/scenario-01  [=====>    ] installing CNI",
                "·   1:25  codex-pooler/scenario-03  waiting for a cluster",
                "    1:25  1 of 4 ended, 1 not passed, 2 running, 1 waiting",
            ]
        );
    }

    /// A failure would mean that the rows of a large run push each other off the screen, and stay there.
    #[test]
    fn many_scenarios_are_counted_where_there_is_no_room_for_them() {
        let rows = plain(&rows(&board(60), Duration::from_secs(25), 100, 24));
        assert_eq!(rows.len(), 3, "{rows:?}");
        let last = "    0:25  1 of 60 ended, 1 not passed, 2 running, 57 waiting (waiting for a cluster)";
        assert_eq!(rows[2], last);
        for height in 0..6 {
            assert!(super::rows(&board(60), Duration::ZERO, 100, height).len() <= height.saturating_sub(1).max(1));
        }
    }

    /// A failure would mean that a row wraps, so that the next drawing leaves half of it behind.
    #[test]
    fn a_row_fits_every_width() {
        for width in 1..120 {
            for row in plain(&rows(&board(5), Duration::from_secs(4000), width, 24)) {
                assert!(measure_text_width(&row) < width.max(2), "{width}: `{row}`");
            }
        }
        let narrow = plain(&rows(&board(4), Duration::from_secs(85), 40, 24));
        assert_eq!(narrow[0], "⠋   1:05  …r/scenario-00  step 2/3: he…");
    }

    /// A failure would mean that rows stay on the screen under the verdict.
    #[test]
    fn nothing_is_left_at_the_end() {
        let mut board = Board::default();
        board.add("a/b", Duration::ZERO);
        let ended = News::Ended { verdict: Verdict::Pass, took: Duration::ZERO, wrong: String::new() };
        board.note(0, &ended, Duration::ZERO);
        assert!(rows(&board, Duration::ZERO, 80, 24).is_empty());
    }
}
