//! Standard output and error: in colour where the reader wants it, and no panic where the reader is gone.
//!
//! Texts hold the codes of their colours; they are left out here where no one wants them.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use anyhow::Result;

use crate::Environment;

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is broken.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What could not be proven.
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
/// What is of less interest.
pub const DIM: Style = Style::new().dimmed();
/// What is of more.
pub const BOLD: Style = Style::new().bold();

/// When to write in colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or `CLICOLOR=0` is set or it is a dumb one; and with `CLICOLOR_FORCE`.
    #[default]
    Auto,
    /// Whatever reads it.
    Always,
    /// Not at all.
    Never,
}

/// Decides for all that is written from now on.
pub fn set_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Whether standard error is in colour.
pub fn is_colored() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

/// A text without the codes of its colours.
pub fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// Writes a text to standard output. A reader that has seen enough, as `head` has after its last line, is no error.
///
/// # Errors
/// [`Environment`] if it cannot be written, as on a disk that is full.
pub fn print(text: impl Display) -> Result<()> {
    let mut out = AutoStream::auto(std::io::stdout().lock());
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| Environment::new(format!("cannot write to standard output: {error}")).into())
        }
    }
}

/// Writes a line to standard error, in one piece. Who has closed it does not want to know.
pub fn tell(line: impl Display) {
    let line = format!("{line}\n");
    AutoStream::auto(std::io::stderr().lock()).write_all(line.as_bytes()).ok();
}
