//! Scalars that mean more than their text: durations and rates.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Above what one prober sends on time.
const HIGHEST_RATE: u32 = 1000;

/// A length of time in seconds, written `90s`, `5m` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub u64);

impl Duration {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(['s', 'm', 'h']);
        let factor = match &text[digits.len()..] {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        number(digits)?.checked_mul(factor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let parsed = reader.deserialize_any(Text("a duration such as `90s`, `5m` or `1h`"))?;
        Self::parse(&parsed).ok_or_else(|| {
            Error::custom(format!("`{parsed}` is no duration\nhint: write a number with s, m or h: `90s`, `5m`"))
        })
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "duration",
            "description": "A length of time: a number of seconds (`s`), minutes (`m`) or hours (`h`), more than none.",
            "type": "string",
            "pattern": "^[1-9][0-9]{0,9}[smh]?$",
            "examples": ["90s", "5m", "1h"],
        })
    }
}

/// Requests a second, written `50/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u32);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = reader.deserialize_any(Text("a rate such as `50/s`"))?;
        let rate = text.strip_suffix("/s").and_then(number).and_then(|number| u32::try_from(number).ok());
        rate.filter(|rate| *rate <= HIGHEST_RATE).map(Self).ok_or_else(|| {
            let hint = format!("hint: write requests a second, 1 to {HIGHEST_RATE}: `50/s`");
            Error::custom(format!("`{text}` is no rate\n{hint}"))
        })
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "rate",
            "description": "Requests a second, at most 1000.",
            "type": "string",
            "pattern": "^([1-9][0-9]{0,2}|1000)/s$",
            "examples": ["50/s"],
        })
    }
}

/// A number above zero, of digits alone.
fn number(digits: &str) -> Option<u64> {
    let is_number =
        digits.len() <= 10 && !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// Reads a text, and says of anything else what was expected.
struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
