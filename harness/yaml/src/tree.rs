//! A document with the place of everything in it, which serde's data model has no room for.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::helms_reading;

/// Deeper than any values file, and no danger for the stack.
const DEEPEST: usize = 100;
/// Aliases of aliases make a small file a huge one.
const MOST_NODES: usize = 200_000;

/// A value, and where it stands, in bytes of the file's text.
#[derive(Clone, Debug)]
pub struct Node {
    /// All of it, with the brackets or quotes.
    pub span: Range<usize>,
    /// What it is.
    pub content: Content,
    /// What became of it while the file was read.
    pub state: State,
}

/// What the reader did to a node, so that the rest of the file could be read in spite of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It stands in the file.
    Written,
    /// It stands in the file, under a key that was corrected by a guess.
    Guessed,
    /// It stands in the file, and counts no longer: its mistake has been noted.
    Cut,
    /// It is missing in the file or wrong there, and something empty stands in for it: the one of this number.
    Substitute(usize),
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// A text, number, boolean or null.
    Scalar(Value),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key; numbers and the like as they are written.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// Its value.
    pub value: Node,
}

/// A mistake that keeps no one from reading on, or the one that does.
#[derive(Debug)]
pub struct Wrong {
    /// Where.
    pub span: Range<usize>,
    /// What.
    pub title: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Wrong {
    fn new(span: Range<usize>, title: impl Into<String>, hint: Option<&str>) -> Self {
        Self { span, title: title.into(), hint: hint.map(str::to_owned) }
    }
}

impl Node {
    /// A node of a state, at a place.
    pub fn new(span: Range<usize>, content: Content) -> Self {
        Self { span, content, state: State::Written }
    }

    /// As serde takes it, without what was cut.
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().filter(|item| item.counts()).map(Node::value).collect(),
            Content::Map(entries) => {
                let entries = entries.iter().filter(|entry| entry.value.counts());
                Value::Object(entries.map(|entry| (entry.key.clone(), entry.value.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// Whether it was not cut.
    pub fn counts(&self) -> bool {
        self.state != State::Cut
    }

    /// Whether it, or something directly in it, has a mistake that was noted already.
    pub fn is_recovered(&self) -> bool {
        let is_recovered = |node: &Self| matches!(node.state, State::Cut | State::Substitute(_));
        is_recovered(self)
            || match &self.content {
                Content::Scalar(_) => false,
                Content::List(items) => items.iter().any(is_recovered),
                Content::Map(entries) => entries.iter().any(|entry| is_recovered(&entry.value)),
            }
    }

    /// A child of it, by its position.
    pub fn child_mut(&mut self, position: usize) -> Option<&mut Node> {
        match &mut self.content {
            Content::Scalar(_) => None,
            Content::List(items) => items.get_mut(position),
            Content::Map(entries) => entries.get_mut(position).map(|entry| &mut entry.value),
        }
    }

    /// A child of it, by its position.
    pub fn child(&self, position: usize) -> Option<&Node> {
        match &self.content {
            Content::Scalar(_) => None,
            Content::List(items) => items.get(position),
            Content::Map(entries) => entries.get(position).map(|entry| &entry.value),
        }
    }

    /// The position of an entry that counts.
    pub fn position(&self, key: &str) -> Option<usize> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().position(|entry| entry.key == key && entry.value.counts())
    }

    /// The position of an item, as serde counts them.
    pub fn item_position(&self, index: usize) -> Option<usize> {
        let Content::List(items) = &self.content else { return None };
        items.iter().enumerate().filter(|(_, item)| item.counts()).nth(index).map(|(position, _)| position)
    }

    fn size(&self) -> usize {
        1 + match &self.content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::size).sum(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum::<usize>(),
        }
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let Content::Map(entries) = &self.content else { return None };
        entries.get(self.position(key)?)
    }

    /// An item of a list, as serde counts them.
    pub fn item(&self, index: usize) -> Option<&Node> {
        let Content::List(items) = &self.content else { return None };
        items.get(self.item_position(index)?)
    }

    /// The first scalar or key in it: what can be pointed at where all of it is too much.
    pub fn first(&self) -> Option<&Range<usize>> {
        match &self.content {
            Content::Scalar(_) => Some(&self.span),
            Content::List(items) => items.first().and_then(Self::first),
            Content::Map(entries) => entries.first().map(|entry| &entry.key_span),
        }
    }
}

/// Reads a file that holds one document. What can be read in spite of a mistake is there, beside the mistakes.
pub fn read(text: &str) -> (Option<Node>, Vec<Wrong>) {
    let offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { text, parser, offsets, anchors: HashMap::new(), count: 0, wrong: Vec::new() };
    let root = reader.document();
    let root = root.map_err(|wrong| reader.wrong.push(wrong)).ok();
    (root, reader.wrong)
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    /// Of each character; the parser counts these.
    offsets: Vec<usize>,
    anchors: HashMap<usize, Node>,
    count: usize,
    wrong: Vec<Wrong>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Wrong> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(Wrong::new(
                        span,
                        "a file holds one document",
                        Some("put the other one into a file of its own"),
                    ));
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        let empty = || Node::new(0..0, Content::Map(Vec::new()));
        // A file of comments says as little as one that says `{}`.
        Ok(root.filter(|root| !matches!(root.content, Content::Scalar(Value::Null))).unwrap_or_else(empty))
    }

    fn next(&mut self) -> Result<(Event<'a>, Range<usize>), Wrong> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.range(span))),
            Some(Err(error)) => Err(self.unreadable(&error)),
            None => Ok((Event::StreamEnd, self.text.len()..self.text.len())),
        }
    }

    fn unreadable(&self, error: &ScanError) -> Wrong {
        let start = self.offset(error.marker().index()).min(self.text.len());
        let length = self.text[start..].chars().next().filter(|next| *next != '\n').map_or(0, char::len_utf8);
        Wrong::new(start..start + length, format!("this is no YAML: {}", error.info()), None)
    }

    fn offset(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    fn range(&self, span: Span) -> Range<usize> {
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        // A block ends where the next one begins; the blanks between are no one's.
        start..start + self.text[start..end.max(start)].trim_end().len()
    }

    fn node(&mut self, event: Event<'a>, span: Range<usize>, depth: usize) -> Result<Node, Wrong> {
        self.count += 1;
        if depth > DEEPEST || self.count > MOST_NODES {
            return Err(Wrong::new(span, "the file is nested too deeply, or too large", None));
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.as_ref().is_some_and(|tag| tag.suffix == "str");
                self.refuse_tag(tag.as_deref(), &span);
                if tag.is_none() && !is_text {
                    self.refuse_ambiguous(&text, &span);
                }
                let value = if is_text { Value::String(text.into_owned()) } else { plain(&text) };
                (anchor, Node::new(span, Content::Scalar(value)))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &span);
                (anchor, self.list(span, depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &span);
                (anchor, self.map(span, depth)?)
            }
            Event::Alias(anchor) => {
                let Some(known) = self.anchors.get(&anchor) else {
                    return Err(Wrong::new(span, "an alias of what it stands in", None));
                };
                self.count += known.size();
                (0, known.clone())
            }
            _ => return Err(Wrong::new(span, "a value is missing", None)),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, start: Range<usize>, depth: usize) -> Result<Node, Wrong> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Node::new(start.start..span.end, Content::List(items)));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, start: Range<usize>, depth: usize) -> Result<Node, Wrong> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Node::new(start.start..key_span.end, Content::Map(entries)));
            }
            let is_plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.node(event, key_span.clone(), depth + 1)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            let key = match key.content {
                Content::Scalar(Value::String(text)) => text,
                Content::Scalar(_) => self.text[key_span.clone()].to_owned(),
                _ => {
                    let hint = "quote a text that begins with a bracket: `\"{{release}}\"`";
                    self.wrong.push(Wrong::new(key_span, "a key is a text", Some(hint)));
                    continue;
                }
            };
            if is_plain && key == "<<" {
                let hint = "write its keys out: helm would merge them, and YAML 1.2 does not";
                self.wrong.push(Wrong::new(key_span.clone(), "`<<` merges nothing here", Some(hint)));
                value.state = State::Cut;
            } else if entries.iter().any(|entry| entry.key == key) {
                self.wrong.push(Wrong::new(key_span.clone(), format!("the key `{key}` stands twice"), None));
                value.state = State::Cut;
            }
            entries.push(Entry { key, key_span, value });
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Range<usize>) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            let title = format!("the tag `{}{}` means nothing here", tag.handle, tag.suffix);
            self.wrong.push(Wrong::new(span.clone(), title, None));
        }
    }

    /// Helm reads YAML 1.1, we read 1.2: a plain scalar that means one thing here and another there is refused.
    fn refuse_ambiguous(&mut self, text: &str, span: &Range<usize>) {
        if let Some(helms) = helms_reading(text) {
            let title = format!("`{text}` is a text here and {helms} to helm");
            let hint = format!("write `\"{text}\"`, or what you mean");
            self.wrong.push(Wrong::new(span.clone(), title, Some(&hint)));
        }
    }
}

/// A plain scalar: the same reader says what it is that reads charts' values.
fn plain(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// What carets stand under: a scalar, else the key of the map or list, else the first thing in it, else its brackets.
pub(super) fn place(node: &Node, key: Option<&Range<usize>>) -> Option<Range<usize>> {
    match &node.content {
        Content::Scalar(_) if !node.span.is_empty() => Some(node.span.clone()),
        _ => key.or_else(|| node.first()).or(Some(&node.span).filter(|span| !span.is_empty())).cloned(),
    }
}
