//! What tests read out of a document: code spans, commands, links, tables.

use std::path::{Path, PathBuf};

/// A Markdown document, in lines.
pub struct Document {
    /// Where it is.
    pub path: PathBuf,
    lines: Vec<Line>,
}

/// A piece of a document, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Line number, from 1.
    pub line: usize,
    /// The piece.
    pub text: String,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Line number of its first line, from 1.
    pub line: usize,
    /// The language that its fence names.
    pub language: String,
    /// Its lines.
    pub text: String,
}

struct Line {
    /// Language of the fenced block that the line is in; empty if the fence names none. `None`: prose.
    fence: Option<String>,
    piece: Piece,
}

impl Document {
    /// Reads a document.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        Self::new(path, &text)
    }

    /// A document with this text.
    pub fn new(path: &Path, text: &str) -> Self {
        let mut fence = None;
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            match (text.trim().strip_prefix("```"), &fence) {
                (Some(language), None) => fence = Some(language.to_owned()),
                (Some(_), Some(_)) => fence = None,
                (None, _) => {
                    let piece = Piece { line: index + 1, text: text.to_owned() };
                    lines.push(Line { fence: fence.clone(), piece });
                }
            }
        }
        Self { path: path.to_owned(), lines }
    }

    /// The lines outside fenced blocks.
    pub fn prose(&self) -> impl Iterator<Item = &Piece> {
        self.lines.iter().filter(|line| line.fence.is_none()).map(|line| &line.piece)
    }

    /// The code spans outside fenced blocks, and those in the comments of `bash` blocks.
    pub fn spans(&self) -> Vec<Piece> {
        let lines = self.lines.iter().filter(|line| line.fence.as_deref().is_none_or(|language| language == "bash"));
        lines.flat_map(|Line { piece, .. }| spans(&piece.text).map(|text| Piece { line: piece.line, text })).collect()
    }

    /// The commands in the document's `bash` blocks: continued lines are one, comments are left out.
    pub fn commands(&self) -> Vec<Piece> {
        let mut commands: Vec<Piece> = Vec::new();
        let mut is_continued = false;
        for line in self.lines.iter().filter(|line| line.fence.as_deref() == Some("bash")) {
            let text = line.piece.text.split(" #").next().unwrap_or_default().trim();
            let (text, continues) = text.strip_suffix('\\').map_or((text, false), |text| (text.trim_end(), true));
            match commands.last_mut().filter(|_| is_continued) {
                Some(command) => command.text = format!("{} {text}", command.text),
                None => commands.push(Piece { line: line.piece.line, text: text.to_owned() }),
            }
            is_continued = continues;
        }
        commands.retain(|command| !command.text.is_empty() && !command.text.starts_with('#'));
        commands
    }

    /// The fenced blocks, in their order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut last = 0;
        for Line { fence, piece } in &self.lines {
            let Some(language) = fence else { continue };
            // Between two blocks stand two fences.
            match blocks.last_mut().filter(|_| piece.line == last + 1) {
                Some(block) => block.text.extend([piece.text.as_str(), "\n"]),
                None => blocks.push(Block {
                    line: piece.line,
                    language: language.clone(),
                    text: format!("{}\n", piece.text),
                }),
            }
            last = piece.line;
        }
        blocks
    }

    /// What a link may name after `#`: the headings, as mdBook and GitHub derive it from them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|piece| piece.text.strip_prefix('#'));
        let anchor = |heading: &str| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }

    /// The targets of links within the repository, with what follows `#`.
    pub fn links(&self) -> Vec<Piece> {
        let targets = self.prose().flat_map(|piece| {
            let targets = piece.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            targets.map(|text| Piece { line: piece.line, text: text.to_owned() })
        });
        targets.filter(|link| !link.text.is_empty() && !link.text.contains(':')).collect()
    }
}

/// The project's own documents: those at the root, and the book's pages.
///
/// # Panics
/// If they cannot be read.
pub fn own() -> Vec<Document> {
    let root = super::repository();
    let at_root = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    at_root.into_iter().chain(pages()).map(|path| Document::read(&path)).collect()
}

/// The book's pages.
///
/// # Panics
/// If they cannot be listed.
pub fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![super::repository().join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("list {}: {error}", folder.display())) {
            let path = entry.unwrap_or_else(|error| panic!("list {}: {error}", folder.display())).path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The code spans of a line.
pub fn spans(line: &str) -> impl Iterator<Item = String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The cells of a table's row; `None`: the line is none.
pub fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = vec![String::new()];
    let mut is_code = false;
    for character in row.chars() {
        is_code ^= character == '`';
        match cells.last_mut() {
            Some(cell) if is_code || character != '|' => cell.push(character),
            _ => cells.push(String::new()),
        }
    }
    Some(cells.iter().map(|cell| cell.trim().to_owned()).collect())
}
