//! Rows at the end of a terminal's text, drawn again and again, with lines that stay above them.
//!
//! `indicatif` draws bars, but fills its rows to the terminal's edge and lets them wrap: a narrower window, or the `^C` that
//! a terminal shows, then leaves rows behind. So only its terminal is used.

use indicatif::TermLike;

/// Cuts a row off where the text ends: what was there before is gone, and what is the same does not flicker.
const REST_OF_ROW: &str = "\u{1b}[K";
/// The same for all rows below.
const REST_OF_SCREEN: &str = "\u{1b}[J";

/// The end of a terminal's text.
#[derive(Debug)]
pub struct Screen {
    term: Box<dyn TermLike>,
    is_colored: bool,
    /// The widths of the rows that stand there; the cursor is below the last.
    drawn: Vec<usize>,
}

impl Screen {
    /// Nothing is drawn yet.
    pub fn new(term: Box<dyn TermLike>, is_colored: bool) -> Self {
        Self { term, is_colored, drawn: Vec::new() }
    }

    /// Width and height of the terminal.
    pub fn size(&self) -> (usize, usize) {
        (self.term.width().into(), self.term.height().into())
    }

    /// Replaces the rows, and writes lines above them that stay. A terminal that is gone is no one's loss.
    pub fn draw(&mut self, lines: &[String], rows: &[String]) {
        let is_quiet = lines.is_empty() && rows.is_empty() && self.drawn.is_empty();
        if !is_quiet {
            self.try_draw(lines, rows).ok();
        }
    }

    fn try_draw(&mut self, lines: &[String], rows: &[String]) -> std::io::Result<()> {
        self.term.write_str("\r")?;
        self.term.move_cursor_up(self.height())?;
        let colored =
            |line: &String| if self.is_colored { line.clone() } else { console::strip_ansi_codes(line).into_owned() };
        if !lines.is_empty() {
            // They may wrap, and then end anywhere.
            self.term.write_str(REST_OF_SCREEN)?;
        }
        for line in lines {
            self.term.write_line(&colored(line))?;
        }
        for row in rows {
            self.term.write_line(&(colored(row) + REST_OF_ROW))?;
        }
        self.term.write_str(REST_OF_SCREEN)?;
        self.drawn = rows.iter().map(|row| console::measure_text_width(row)).collect();
        self.term.flush()
    }

    /// How many rows the drawn ones take by now: a terminal that has become narrower has wrapped them.
    fn height(&self) -> usize {
        let width = usize::from(self.term.width()).max(1);
        self.drawn.iter().map(|row| row.div_ceil(width).max(1)).sum()
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn screen(width: u16) -> (InMemoryTerm, Screen) {
        let term = InMemoryTerm::new(8, width);
        (term.clone(), Screen::new(Box::new(term), false))
    }

    /// A failure would mean that old rows stay between the lines, or that a line is overwritten.
    #[test]
    fn lines_stay_and_rows_are_replaced() {
        let (term, mut screen) = screen(20);
        term.write_line("$ chartgate run").unwrap();
        screen.draw(&[], &texts(&["a is long and works", "b waits"]));
        screen.draw(&texts(&["\u{1b}[31mFAIL\u{1b}[0m b"]), &texts(&["a works"]));
        assert_eq!(term.contents(), "$ chartgate run\nFAIL b\na works");
        screen.draw(&[], &[]);
        screen.draw(&[], &[]);
        assert_eq!(term.contents(), "$ chartgate run\nFAIL b");
    }

    /// A failure would mean that each Ctrl-C leaves a row behind.
    #[test]
    fn what_the_terminal_shows_of_a_key_is_wiped_off() {
        let (term, mut screen) = screen(20);
        screen.draw(&[], &texts(&["a works", "b waits"]));
        term.write_str("^C").unwrap();
        screen.draw(&texts(&["interrupted"]), &texts(&["a ends"]));
        assert_eq!(term.contents(), "interrupted\na ends");
    }

    /// A failure would mean that a window that becomes narrower shows rows twice.
    #[test]
    fn rows_that_a_narrower_window_wraps_are_replaced_whole() {
        let (term, mut screen) = screen(10);
        // What a terminal of twice the width showed, as this one shows it after the change.
        for row in ["before", "a is long and works", "b is long and waits"] {
            term.write_line(row).unwrap();
        }
        screen.drawn = vec![19, 19];
        screen.draw(&[], &texts(&["a works", "b waits"]));
        assert_eq!(term.contents(), "before\na works\nb waits");
    }

    /// A failure would mean that a long line hides a part of itself, or of what stands above it.
    #[test]
    fn a_line_longer_than_the_window_wraps() {
        let (term, mut screen) = screen(10);
        screen.draw(&[], &texts(&["a works"]));
        screen.draw(&texts(&["0123456789abcde"]), &texts(&["a works"]));
        assert_eq!(term.contents(), "0123456789\nabcde\na works");
    }
}
