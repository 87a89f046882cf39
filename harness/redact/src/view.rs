//! A text as its readers see it: with the escapes of JSON, of URLs and of HTML undone, each byte with its place in the text.

use std::ops::Range;

/// What is escaped more often than this is shown to nobody.
const DEPTH: usize = 3;

/// Bytes, and where each of them comes from.
pub(super) struct View {
    bytes: Vec<u8>,
    /// Of each byte, where it begins in the text; and the text's length at last.
    from: Vec<usize>,
}

/// A way to undo an escape: what stands at a place, if it is one: the bytes it means, and its length.
type Unescape = fn(&[u8]) -> Option<(Vec<u8>, usize)>;

const ESCAPES: [(u8, Unescape); 4] = [(b'\\', backslash), (b'%', percent), (b'&', entity), (b'+', plus)];

impl View {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a stretch of the view stands in the text.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.from[range.start]..self.from[range.end]
    }

    /// The same with one kind of escape undone; `None`: there is none.
    fn without(&self, sign: u8, unescape: Unescape) -> Option<Self> {
        if !self.bytes.contains(&sign) {
            return None;
        }
        let (mut bytes, mut from, mut at) = (Vec::with_capacity(self.bytes.len()), Vec::new(), 0);
        let mut is_changed = false;
        while at < self.bytes.len() {
            let found = if self.bytes[at] == sign { unescape(&self.bytes[at..]) } else { None };
            is_changed |= found.is_some();
            let (meant, length) = found.unwrap_or_else(|| (vec![self.bytes[at]], 1));
            from.extend(meant.iter().map(|_| self.from[at]));
            bytes.extend(meant);
            at += length;
        }
        from.push(self.from[at]);
        is_changed.then_some(Self { bytes, from })
    }
}

/// Shows a text as it is, and with its escapes undone in every order.
pub(super) fn each(text: &[u8], look: &mut impl FnMut(&View)) {
    descend(&View { bytes: text.to_owned(), from: (0..=text.len()).collect() }, DEPTH, look);
}

fn descend(view: &View, depth: usize, look: &mut impl FnMut(&View)) {
    look(view);
    if depth > 0 {
        for (sign, unescape) in ESCAPES {
            if let Some(view) = view.without(sign, unescape) {
                descend(&view, depth - 1, look);
            }
        }
    }
}

/// A text with its percent signs decoded; as it is, where that is no text.
pub(super) fn without_percents(text: &str) -> String {
    let view = View { bytes: text.as_bytes().to_owned(), from: (0..=text.len()).collect() };
    let decoded = view.without(b'%', percent).and_then(|view| String::from_utf8(view.bytes).ok());
    decoded.unwrap_or_else(|| text.to_owned())
}

/// JSON's, Rust's and a shell's.
fn backslash(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let plain = |byte| Some((vec![byte], 2));
    match *text.get(1)? {
        b'n' => plain(b'\n'),
        b't' => plain(b'\t'),
        b'r' => plain(b'\r'),
        b'b' => plain(8),
        b'f' => plain(12),
        b'u' => {
            let unit = |at: usize| u16::from_str_radix(std::str::from_utf8(text.get(at..at + 4)?).ok()?, 16).ok();
            let first = unit(2)?;
            let second = if text.get(6..8) == Some(b"\\u") { unit(8) } else { None };
            let (units, length) = match second.filter(|_| (0xd800..0xdc00).contains(&first)) {
                Some(second) => (vec![first, second], 12),
                None => (vec![first], 6),
            };
            String::from_utf16(&units).ok().map(|text| (text.into_bytes(), length))
        }
        b'x' => hex(text.get(2..4)?).map(|byte| (vec![byte], 4)),
        byte if byte.is_ascii_punctuation() => plain(byte),
        _ => None,
    }
}

fn percent(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    hex(text.get(1..3)?).map(|byte| (vec![byte], 3))
}

/// A form's blank.
#[expect(clippy::unnecessary_wraps, reason = "the signature of an `Unescape`")]
fn plus(_: &[u8]) -> Option<(Vec<u8>, usize)> {
    Some((vec![b' '], 1))
}

fn entity(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    const NAMED: [(&str, char); 5] = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\'')];
    /// `&#x10FFFF;`
    const LONGEST: usize = 10;
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&text[1..end]).ok()?;
    let number = || {
        let number = name.strip_prefix('#')?;
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        char::from_u32(code.ok()?)
    };
    let meant = NAMED.iter().find(|(known, _)| *known == name).map(|(_, meant)| *meant).or_else(number)?;
    Some((meant.to_string().into_bytes(), end + 1))
}

fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}
