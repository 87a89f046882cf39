//! What is wrong in a file, shown where it stands.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Something that is wrong in a file that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    title: String,
    place: Option<Place>,
    notes: Vec<String>,
    hints: Vec<String>,
}

/// Where a mistake stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    text: Arc<str>,
    /// In bytes; `None`: something is missing in the file as a whole.
    span: Option<Range<usize>>,
}

impl Mistake {
    /// A mistake in a message's own words: what is wrong, then lines that begin with `hint: `.
    pub fn new(message: &str) -> Self {
        let (hints, title): (Vec<&str>, Vec<&str>) = message.lines().partition(|line| line.starts_with("hint: "));
        let hints = hints.iter().map(|hint| hint.trim_start_matches("hint: ").to_owned()).collect();
        Self { title: title.join("\n"), place: None, notes: Vec::new(), hints }
    }

    /// With what was possible.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// At a place of a file; without a span, in the file as a whole.
    #[must_use]
    pub(super) fn at(mut self, path: &Path, text: &Arc<str>, span: Option<Range<usize>>) -> Self {
        self.place = Some(Place { path: path.to_owned(), text: Arc::clone(text), span });
        self
    }

    /// Where in its file it stands; those of the whole file come first.
    pub(super) fn position(&self) -> usize {
        self.place.as_ref().and_then(|place| place.span.as_ref()).map_or(0, |span| span.start)
    }

    fn print(&self, renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(self.title.as_str()));
        let path = self.place.as_ref().map(|place| place.path.display().to_string());
        if let (Some(place), Some(path)) = (&self.place, path) {
            group = match &place.span {
                Some(span) => group.element(
                    Snippet::source(&*place.text).path(path).annotation(AnnotationKind::Primary.span(span.clone())),
                ),
                None => group.element(Origin::path(path)),
            };
        }
        let notes = self.notes.iter().map(|note| Level::NOTE.message(note.as_str()));
        let hints = self.hints.iter().map(|hint| Level::HELP.with_name("hint").message(hint.as_str()));
        renderer.render(&[group.elements(notes).elements(hints)])
    }
}

/// All that is wrong in scenario and contract files: the caller exits with 2, and nothing has run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// An error, if there are any; each is told once, though many scenarios share a contract.
    ///
    /// # Errors
    /// The mistakes.
    pub fn check(found: impl IntoIterator<Item = Mistake>) -> Result<(), Self> {
        let mut mistakes: Vec<Mistake> = Vec::new();
        for mistake in found {
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }

    /// As a person reads them, with the codes of their colours.
    pub fn print(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let shown: Vec<String> = self.0.iter().map(|mistake| mistake.print(renderer)).collect();
        let shown = shown.join("\n\n");
        match self.0.len() {
            1 => shown,
            count => format!("{shown}\n\n{count} mistakes, and nothing has run"),
        }
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Mistakes {}
