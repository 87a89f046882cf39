//! What a value is by its looks: an ordinary word, a number, an address, or something that was made up to be secret.

/// Whether every part of a value is a word, a number or a short name such as `db01`: what may stand in the names of objects and in
/// each second setting. A password is none, unless it is a weak one.
pub fn is_ordinary(value: &str) -> bool {
    /// No setting, address or name has them.
    const SIGNS: [char; 9] = ['!', '$', '^', '~', '"', '`', '<', '>', '|'];
    !value.contains(SIGNS) && value.split(|c: char| !c.is_alphanumeric()).all(is_ordinary_part)
}

/// A word, a number, a number with a unit, or a word with a small number behind it.
fn is_ordinary_part(part: &str) -> bool {
    /// `10Mi`, `250ms`
    const LONGEST_UNIT: usize = 2;
    /// `k8s`, `x509`
    const SHORT: usize = 4;
    /// `server01`, but no password such as `hunter22`.
    const SHORT_NAME: usize = 7;
    let unit = part.trim_start_matches(|c: char| c.is_ascii_digit());
    if part.len() <= SHORT
        || unit.len() < part.len() && unit.len() <= LONGEST_UNIT && unit.chars().all(char::is_alphabetic)
    {
        return true;
    }
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_word = letters.chars().all(char::is_alphabetic);
    let has_digits = letters.len() < part.len();
    is_word
        && (letters.is_empty()
            || (has_digits && part.len() <= SHORT_NAME)
            || (!has_digits && is_pronounceable(letters)))
}

/// Whether letters read like words: random ones have few vowels, or none for long.
fn is_pronounceable(letters: &str) -> bool {
    /// Shorter ones are abbreviations as often as not.
    const SHORT: usize = 8;
    /// `catchphrase`, `Lengthwise` and the like have five.
    const MOST_CONSONANTS: usize = 5;
    let is_vowel = |c: char| "aeiouyAEIOUY".contains(c);
    let longest = letters.split(is_vowel).map(str::len).max().unwrap_or_default();
    // A change from small to large letters begins a word, and words have more than one letter.
    let humps =
        letters.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let is_camel = humps.count() * 4 <= letters.len();
    !letters.is_ascii() || letters.len() < SHORT || (longest <= MOST_CONSONANTS && is_camel)
}

/// Whether a value is long and mixes letters and digits as no name does.
pub fn is_random(value: &str) -> bool {
    const SHORTEST: usize = 16;
    const LEAST_CHANGES: usize = 3;
    let is_mixed = |part: &str| {
        let changes = part.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit());
        part.len() >= SHORTEST && changes.count() >= LEAST_CHANGES
    };
    value.split(|c: char| !c.is_ascii_alphanumeric()).any(is_mixed)
}

/// Whether a value stands for another one, which is filled in at run time or before.
pub fn is_reference(value: &str) -> bool {
    let is_variable = value.contains('_')
        && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let is_in = |open: char, close: char| value.starts_with(open) && value.ends_with(close);
    is_variable
        || value.contains("{{")
        || value.contains("$(")
        || value.contains("${")
        || value.starts_with(['$', '!', '&'])
        || value.contains("%(")
        || is_in('<', '>')
        || is_in('%', '%')
        || is_in('@', '@')
        || (value.starts_with("__") && value.ends_with("__"))
}

/// The passwords of all URLs in a text: `scheme://user:password@host`. Those that stand for another value are none.
pub fn passwords_of_urls(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("://").filter_map(|(at, sign)| {
        let rest = &text[at + sign.len()..];
        let is_end = |c: char| c.is_whitespace() || ['/', '?', '#', '"', '\'', '`', '<', '>', ',', ';'].contains(&c);
        let (user, _) = rest.split(is_end).next()?.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        (!password.is_empty() && !is_reference(password)).then_some(password)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that ordinary words are blotted out of every report, or that a password is not.
    #[test]
    fn words_are_told_from_what_was_made_up() {
        for word in [
            "elastic",
            "0.0.0.0",
            "http://0.0.0.0:8081",
            "server",
            "x-server.default.svc:5432",
            "node01",
            "kubernetes",
            "MyServiceAccountName",
            "scram-sha-256",
            "etcd-cluster-k8s",
            "true",
            "10Mi",
            "a sentence with words in it",
        ] {
            assert!(is_ordinary(word), "{word}");
        }
        for secret in [
            "hunter22",
            "correct-h0rse",
            "xK9dPq2LmZ",
            "wqrtplkjhg",
            "pass!word",
            "Garten?>~\"9f2c/41d7&x",
            "AKIAIOSFODNN7EXAMPLE",
            "5f4dcc3b5aa765d6",
        ] {
            assert!(!is_ordinary(secret), "{secret}");
        }
    }

    /// A failure would mean that a user's name which is a key of a cloud can be read in every report.
    #[test]
    fn what_is_long_and_mixed_is_random() {
        assert!(is_random("a1b2c3d4e5f6a7b8") && is_random("ghp_16C7e42F292c6912E7"));
        assert!(!is_random("a-long-name-of-a-service-2") && !is_random("hunter22"));
    }

    /// A failure would mean that a password behind another URL is overlooked, or that a template is taken for one.
    #[test]
    fn passwords_are_found_in_each_url() {
        let found = |text| passwords_of_urls(text).collect::<Vec<_>>();
        assert_eq!(found("a: http://x/\nb: postgres://u:hunter22@db/x\n"), ["hunter22"]);
        for text in
            ["tcp://${env:USER}:${env:PASSWORD}@db:9000", "http://$USER:$PASSWORD@db/", "http://a/b@c:d", "http://u@db"]
        {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
