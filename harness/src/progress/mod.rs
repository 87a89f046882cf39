//! What a person sees while scenarios run: rows that change on a terminal, lines that stay elsewhere.

mod board;
mod groups;
mod rows;
mod screen;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chartgate_base::stdio;
use chartgate_process::wait::pause;
use console::Term;
use tokio::task::JoinHandle;

use board::Board;
pub use chartgate_runner::progress::{News, Progress};
use groups::Groups;
use screen::Screen;

/// How much is said while scenarios run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loudness {
    /// Nothing.
    Quiet,
    /// What each scenario is at.
    #[default]
    Normal,
    /// Also what is waited for, and each line that helm says.
    Verbose,
}

/// Where news are shown.
enum View {
    Nowhere,
    /// A line for each.
    Lines(fn(&str)),
    /// The same, one scenario after the other.
    Groups(Groups),
    /// A row for each scenario that runs.
    Screen(Screen),
}

/// What a run shows of all its scenarios. Clones show the same run.
#[derive(Clone)]
pub struct Show(Arc<Shared>);

struct Shared {
    started: Instant,
    loudness: Loudness,
    state: Mutex<State>,
}

struct State {
    board: Board,
    view: View,
    /// What scenarios waited for, in words: several wait for the same cluster, and one of them says so.
    waited: BTreeSet<String>,
    drawing: Option<JoinHandle<()>>,
}

impl Show {
    /// Shows on standard error, in the way that suits what reads it: rows on a terminal, groups where GitHub Actions does, else
    /// lines. Of a terminal in CI no one sees anything but what was written to it.
    pub fn new(loudness: Loudness) -> Self {
        let is_set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "false");
        let term = Term::buffered_stderr();
        if loudness == Loudness::Quiet {
            Self::with(loudness, View::Nowhere)
        } else if is_set("GITHUB_ACTIONS") {
            Self::with(loudness, View::Groups(Groups::default()))
        } else if term.is_term() && !is_set("CI") && std::env::var("TERM").is_ok_and(|name| name != "dumb") {
            let show = Self::with(loudness, View::Screen(Screen::new(Box::new(term), stdio::is_colored())));
            show.keep_drawing();
            show
        } else {
            Self::lines(loudness, |line| stdio::tell(line))
        }
    }

    /// Shows lines, which are said so.
    pub fn lines(loudness: Loudness, say: fn(&str)) -> Self {
        Self::with(loudness, View::Lines(say))
    }

    fn with(loudness: Loudness, view: View) -> Self {
        let state = State { board: Board::default(), view, waited: BTreeSet::new(), drawing: None };
        Self(Arc::new(Shared { started: Instant::now(), loudness, state: Mutex::new(state) }))
    }

    /// Shows one scenario more.
    pub fn scenario(&self, name: &str) -> Progress {
        let index = self.state().board.add(name, self.elapsed());
        let show = self.clone();
        Progress::new(move |news| show.tell(index, news))
    }

    /// Says something about the whole run.
    pub fn say(&self, what: &str) {
        let line = stamped(self.elapsed(), what);
        self.state().print(None, vec![line], self.elapsed());
    }

    /// Takes what changes off the terminal: what is printed from now on stands where it was.
    pub fn end(&self) {
        let mut state = self.state();
        if let Some(drawing) = state.drawing.take() {
            drawing.abort();
        }
        if let View::Screen(screen) = &mut state.view {
            screen.draw(&[], &[]);
        }
        state.view = View::Nowhere;
    }

    fn keep_drawing(&self) {
        let shared = Arc::downgrade(&self.0);
        self.state().drawing = Some(tokio::spawn(async move {
            while let Some(shared) = shared.upgrade() {
                Self(shared).draw();
                pause(rows::PERIOD).await;
            }
        }));
    }

    fn draw(&self) {
        let now = self.elapsed();
        self.state().print(None, Vec::new(), now);
    }

    fn tell(&self, scenario: usize, news: News) {
        let now = self.elapsed();
        let mut state = self.state();
        let name = state.board.name(scenario).to_owned();
        let is_new = state.board.note(scenario, &news, now);
        // The rows show what scenarios are at; who wants all of it keeps it.
        let is_told = !matches!(state.view, View::Screen(_)) || self.0.loudness == Loudness::Verbose;
        let what = match news {
            News::Waits(doing) if is_new => {
                let is_first = state.waited.insert(doing.to_string());
                (is_first && is_told).then(|| doing.to_string())
            }
            News::Works(doing) if is_new => is_told.then(|| doing.to_string()),
            News::Detail(what) if is_new => (self.0.loudness == Loudness::Verbose).then_some(what),
            News::Note(what) => Some(what),
            News::Ended { verdict, took, wrong } => {
                let colon = if wrong.is_empty() { "" } else { ": " };
                Some(format!("{} in {:.1} s{colon}{wrong}", chartgate_report::painted(verdict), took.as_secs_f64()))
            }
            _ => None,
        };
        let lines = what.iter().flat_map(|what| what.lines()).map(|what| stamped(now, &format!("{name}: {what}")));
        state.print(Some(scenario), lines.collect(), now);
    }

    fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Shows lines that stay, and what changes as it is now.
    fn print(&mut self, scenario: Option<usize>, lines: Vec<String>, now: Duration) {
        match &mut self.view {
            View::Nowhere => {}
            View::Lines(say) => lines.iter().for_each(|line| say(line)),
            View::Groups(groups) => match scenario.map(|index| &self.board.scenarios()[index]) {
                None => lines.iter().for_each(stdio::tell),
                Some(row) => groups.take(row, lines, now).iter().for_each(stdio::tell),
            },
            View::Screen(screen) => {
                let (width, height) = screen.size();
                screen.draw(&lines, &rows::rows(&self.board, now, width, height));
            }
        }
    }
}

/// A line with the time since the run's beginning.
fn stamped(at: Duration, what: &str) -> String {
    format!("{:>7.1}s  {what}", at.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that the making of one cluster is told by each scenario that waits for it.
    #[test]
    fn what_several_wait_for_is_told_once() {
        static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let show = Show::lines(Loudness::Normal, |line| SAID.lock().unwrap().push(line.trim_start()[6..].to_owned()));
        let scenarios = ["c/a", "c/b"].map(|name| show.scenario(name));
        for doing in ["creating cluster x", "waiting for the DNS of cluster x"] {
            for scenario in &scenarios {
                scenario.waits(doing);
            }
        }
        for scenario in &scenarios {
            scenario.works("step 1/1: helm install");
        }
        let said = SAID.lock().unwrap();
        assert_eq!(
            *said,
            [
                "c/a: creating cluster x",
                "c/a: waiting for the DNS of cluster x",
                "c/a: step 1/1: helm install",
                "c/b: step 1/1: helm install",
            ]
        );
    }
}
