//! Reads a tree into a type, and goes on after a mistake: serde ends at the first one, a person wants to see all.
//!
//! After each mistake the tree is corrected where it stands, and read again: an unknown key becomes the one that was probably
//! meant, a wrong value is cut, and something empty stands in for what is missing.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use super::mistake::Mistake;
use super::nearest;
use super::tree::{Content, Entry, Node, State, place};
use super::words::{listed, with_nearest, worded};

/// Who has more of them is not helped by the next.
const MOST_MISTAKES: usize = 50;
/// A mistake takes a few rounds to recover from.
const MOST_ROUNDS: usize = 10 * MOST_MISTAKES;

/// A mistake, and the bytes of the file that it is about; `None`: the file as a whole.
type Found = (Mistake, Option<Range<usize>>);

/// Reads a tree, and says what was wrong in it. `None`: nothing could be made of it.
pub(super) fn read<T: DeserializeOwned>(root: &mut Node, text: &str) -> (Option<T>, Vec<Found>) {
    let mut recovery = Recovery { root, text, found: Vec::new() };
    for _ in 0..MOST_ROUNDS {
        let error = match serde_path_to_error::deserialize(recovery.root.value()) {
            Ok(read) => return (Some(read), recovery.found),
            Err(error) => error,
        };
        let route = recovery.route(error.path());
        let message = error.inner().to_string();
        let is_recovered = recovery.fix(&route, &message).is_some();
        if !is_recovered && recovery.found.is_empty() {
            recovery.found.push((Mistake::new(&message), None));
        }
        if !is_recovered || recovery.found.len() >= MOST_MISTAKES {
            break;
        }
    }
    (None, recovery.found)
}

/// Positions of children, from the root down.
type Route = [usize];

struct Recovery<'a> {
    root: &'a mut Node,
    text: &'a str,
    found: Vec<Found>,
}

impl Recovery<'_> {
    /// Where a path of serde's leads; its segments that are no places of the file (variants, what is missing) are left out.
    fn route(&self, path: &Path) -> Vec<usize> {
        let mut node = &*self.root;
        let mut route = Vec::new();
        for segment in path {
            let position = match segment {
                Segment::Seq { index } => node.item_position(*index),
                Segment::Map { key } | Segment::Enum { variant: key } => node.position(key),
                Segment::Unknown => None,
            };
            let Some((position, child)) = position.and_then(|position| Some((position, node.child(position)?))) else {
                continue;
            };
            route.push(position);
            node = child;
        }
        route
    }

    fn node(&mut self, route: &Route) -> Option<&mut Node> {
        route.iter().try_fold(&mut *self.root, |node, position| node.child_mut(*position))
    }

    /// The key of the value at the end of a route, where it has one.
    fn entry(&mut self, route: &Route) -> Option<&mut Entry> {
        let (last, parent) = route.split_last()?;
        match &mut self.node(parent)?.content {
            Content::Map(entries) => entries.get_mut(*last),
            _ => None,
        }
    }

    fn state(&mut self, route: &Route) -> State {
        self.node(route).map_or(State::Written, |node| node.state)
    }

    /// Mends what a message of serde's is about; `None`: it cannot be.
    fn fix(&mut self, route: &Route, message: &str) -> Option<()> {
        // A mistake in what was guessed or stands in is ours.
        for length in 0..=route.len() {
            match self.state(&route[..length]) {
                State::Guessed => {
                    self.node(&route[..length])?.state = State::Cut;
                    return Some(());
                }
                State::Substitute(number) => return self.substitute(&route[..length], number + 1),
                State::Written | State::Cut => {}
            }
        }
        if let Some(missing) = quoted(message, "missing field `") {
            return self.fill_in(route, missing);
        }
        if let Some(unknown) = quoted(message, "unknown field `") {
            return self.correct(route, unknown, message);
        }
        if !route.is_empty() && self.node(route)?.is_recovered() {
            // What is wrong with it now is that something in it was refused.
            self.node(route)?.state = State::Cut;
            return Some(());
        }
        let span = self.variant(route, message).or_else(|| self.span(route));
        let text = self.text;
        let written = span.clone().and_then(|span| text.get(span)).unwrap_or_default();
        let key = (0..=route.len()).rev().find_map(|length| Some(self.entry(&route[..length])?.key.clone()));
        self.found.push((worded(message, key.as_deref().unwrap_or("value"), written), span));
        if route.is_empty() {
            return None;
        }
        self.node(route)?.state = State::Cut;
        Some(())
    }

    /// The key that is an unknown name, where a map of one key is written in a name's place.
    fn variant(&mut self, route: &Route, message: &str) -> Option<Range<usize>> {
        let unknown = quoted(message, "unknown variant `")?;
        self.node(route)?.entry(unknown).map(|entry| entry.key_span.clone())
    }

    /// What carets stand under.
    fn span(&mut self, route: &Route) -> Option<Range<usize>> {
        let key = self.entry(route).map(|entry| entry.key_span.clone());
        let node = self.node(route).filter(|_| !route.is_empty())?;
        place(node, key.as_ref())
    }

    /// Puts something empty where a value is missing, or was cut.
    fn fill_in(&mut self, route: &Route, missing: &str) -> Option<()> {
        let span = self.span(route);
        let map = self.node(route)?;
        let Content::Map(entries) = &mut map.content else { return None };
        if let Some(position) = entries.iter().position(|entry| entry.key == missing) {
            return self.substitute(&[route, &[position]].concat(), 0);
        }
        let position = entries.len();
        let value = Node::new(0..0, Content::Scalar(Value::Null));
        entries.push(Entry { key: missing.to_owned(), key_span: 0..0, value });
        self.found.push((Mistake::new(&format!("the key `{missing}` is missing")), span));
        self.substitute(&[route, &[position]].concat(), 0)
    }

    /// Lets the next of the empty values stand in; after the last one, the parent goes without.
    fn substitute(&mut self, route: &Route, number: usize) -> Option<()> {
        let values = [json!(""), json!([]), json!({}), json!(1), json!(false)];
        let node = self.node(route)?;
        if let Some(value) = values.get(number) {
            node.content = match value {
                Value::Array(_) => Content::List(Vec::new()),
                Value::Object(_) => Content::Map(Vec::new()),
                other => Content::Scalar(other.clone()),
            };
            node.state = State::Substitute(number);
        } else {
            let (_, parent) = route.split_last().filter(|(_, parent)| !parent.is_empty())?;
            self.node(parent)?.state = State::Cut;
        }
        Some(())
    }

    /// Refuses an unknown key, and goes on as if it were the one that was probably meant.
    fn correct(&mut self, route: &Route, unknown: &str, message: &str) -> Option<()> {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        let (_, parent) = route.split_last()?;
        let free = match &self.node(parent)?.content {
            Content::Map(entries) => known.iter().filter(|known| entries.iter().all(|entry| entry.key != **known)),
            _ => return None,
        };
        let near = nearest(unknown, free.copied()).map(str::to_owned);
        let entry = self.entry(route)?;
        let span = entry.key_span.clone();
        match &near {
            Some(near) => {
                entry.key.clone_from(near);
                entry.value.state = State::Guessed;
            }
            None => entry.value.state = State::Cut,
        }
        let mistake = Mistake::new(&format!("unknown key `{unknown}`")).with_note(listed(known.iter().copied()));
        self.found.push((with_nearest(mistake, unknown, near.as_deref().into_iter()), Some(span)));
        Some(())
    }
}

/// The name in backticks after a beginning of serde's messages.
fn quoted<'a>(message: &'a str, beginning: &str) -> Option<&'a str> {
    message.strip_prefix(beginning)?.split('`').next()
}
