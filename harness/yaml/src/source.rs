//! A file that a person wrote, and what is wrong in it.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Invalid;
use super::mistake::{Mistake, Mistakes};
use super::recover;
use super::tree::{self, Content, Node, place};

/// A file that a person wrote, kept so that a mistake can be shown where it stands.
#[derive(Debug)]
pub struct Source {
    /// Where it was read from.
    pub path: PathBuf,
    text: Arc<str>,
    root: Option<Node>,
    /// What was found wrong so far: one look at a file is to show all of it.
    mistakes: RefCell<Vec<Mistake>>,
}

impl Source {
    /// Reads a file, and as much of it as its mistakes leave; they are kept for [`Source::mistakes`].
    ///
    /// # Errors
    /// [`Invalid`] if it cannot be read at all.
    pub fn read<T: DeserializeOwned>(path: &Path) -> Result<(Self, Option<T>)> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Invalid(format!("cannot read `{}`: {error}", path.display())))?;
        Ok(Self::of(path, &text))
    }

    /// Reads a text as if it stood in a file.
    pub fn of<T: DeserializeOwned>(path: &Path, text: &str) -> (Self, Option<T>) {
        let (root, wrong) = tree::read(text);
        let mut source = Self { path: path.to_owned(), text: text.into(), root, mistakes: RefCell::default() };
        for wrong in wrong {
            let mistake = Mistake::new(&wrong.title);
            source.note(wrong.hint.into_iter().fold(mistake, Mistake::with_hint), Some(wrong.span));
        }
        let mut root = source.root.take();
        let read = root.as_mut().and_then(|root| {
            let (read, mistakes) = recover::read(root, &source.text);
            for (mistake, span) in mistakes {
                source.note(mistake, span);
            }
            read
        });
        source.root = root;
        (source, read)
    }

    fn note(&self, mistake: Mistake, span: Option<Range<usize>>) {
        self.mistakes.borrow_mut().push(mistake.at(&self.path, &self.text, span));
    }

    /// What was found wrong, in the order of the file.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.borrow().clone();
        mistakes.sort_by_key(Mistake::position);
        mistakes
    }

    /// The file's root, to go down from.
    pub fn root(&self) -> Spot<'_> {
        Spot { source: self, node: self.root.as_ref(), key: None, is_key: false }
    }

    /// Keeps the mistakes that a result is an error of, so that others are found too.
    ///
    /// # Errors
    /// Any other error.
    pub fn keep<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result.map_err(anyhow::Error::downcast::<Mistakes>) {
            Ok(right) => Ok(Some(right)),
            Err(Ok(mistakes)) => {
                self.mistakes.borrow_mut().extend(mistakes);
                Ok(None)
            }
            Err(Err(other)) => Err(other),
        }
    }

    /// An error that points at the first key or text that is `word`.
    pub fn error(&self, word: &str, message: &str) -> anyhow::Error {
        let span = self.root.as_ref().and_then(|root| find(root, word));
        let mistake = Mistake::new(message).at(&self.path, &self.text, span);
        Mistakes::from(mistake).into()
    }
}

/// The first key or text of a tree that is a word.
fn find(node: &Node, word: &str) -> Option<Range<usize>> {
    match &node.content {
        Content::Scalar(value) => (value.as_str() == Some(word)).then(|| node.span.clone()),
        Content::List(items) => items.iter().find_map(|item| find(item, word)),
        Content::Map(entries) => entries
            .iter()
            .find_map(|entry| if entry.key == word { Some(entry.key_span.clone()) } else { find(&entry.value, word) }),
    }
}

/// A place in a file: what is wrong there is refused here, and kept by the file.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    source: &'a Source,
    /// `None`: nothing of the file could be read.
    node: Option<&'a Node>,
    /// The key whose value this is.
    key: Option<&'a Range<usize>>,
    /// It is the key that is meant, not the value.
    is_key: bool,
}

impl Spot<'_> {
    /// The value of a key; where there is none, the map that lacks it.
    #[must_use]
    pub fn key(self, name: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(name));
        entry.map_or(self, |entry| Self { node: Some(&entry.value), key: Some(&entry.key_span), ..self })
    }

    /// The value of a key, if it is there.
    pub fn child(self, name: &str) -> Option<Self> {
        self.node?.entry(name).map(|_| self.key(name))
    }

    /// An item of a list, counted from 0.
    #[must_use]
    pub fn item(self, index: usize) -> Self {
        let item = self.node.and_then(|node| node.item(index));
        item.map_or(self, |item| Self { node: Some(item), key: None, ..self })
    }

    /// Keys of the map, also of those whose values have mistakes; `None`: no one knows, for the map itself has one.
    pub fn names(self) -> Option<Vec<String>> {
        match &self.node?.content {
            Content::Map(entries) => Some(entries.iter().map(|entry| entry.key.clone()).collect()),
            _ => None,
        }
    }

    /// Gives each text below to a visitor, with its place.
    pub fn visit_texts(self, visit: &mut impl FnMut(Self, &str)) {
        match self.node.map(|node| &node.content) {
            Some(Content::Scalar(Value::String(text))) => visit(self, text),
            Some(Content::List(items)) => {
                for item in items {
                    Self { node: Some(item), key: None, ..self }.visit_texts(visit);
                }
            }
            Some(Content::Map(entries)) => {
                for entry in entries {
                    Self { node: Some(&entry.value), key: Some(&entry.key_span), ..self }.visit_texts(visit);
                }
            }
            _ => {}
        }
    }

    /// A file or folder that is named relative to this file.
    pub fn beside(self, relative: &Path) -> PathBuf {
        self.source.path.with_file_name(relative)
    }

    /// The key of this value.
    #[must_use]
    pub fn of_key(self) -> Self {
        Self { is_key: true, ..self }
    }

    /// Whether anything of the file could be read.
    pub fn is_readable(self) -> bool {
        self.node.is_some()
    }

    /// Refuses what is here. A map or list of which something was refused before lacks perhaps just that, and is left alone.
    pub fn refuse(self, mistake: Mistake) {
        match (self.node, self.key) {
            (Some(_), Some(key)) if self.is_key => self.source.note(mistake, Some(key.clone())),
            (Some(node), key) if !node.is_recovered() => self.source.note(mistake, place(node, key)),
            _ => {}
        }
    }
}
