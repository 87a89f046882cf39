use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rstest::rstest;
use serde_json::json;

use super::*;

/// A password with what every encoding treats otherwise.
const PASSWORD: &str = r#"pa"ss>?wörd/&+ %41\n"#;

fn knowing(secret: &str) -> Redactor {
    let redactor = Redactor::default();
    redactor.add(secret);
    redactor
}

#[track_caller]
fn check_gone(redactor: &Redactor, text: &str) {
    let shown = redactor.redact(text);
    let expected = format!("before {REPLACEMENT} after");
    assert_eq!(shown, expected, "of `{text}`");
}

/// A failure would mean that a password can be read in the evidence, by whoever knows the encoding.
#[rstest]
#[case::plain(PASSWORD.to_owned())]
#[case::json(json!(PASSWORD).to_string().trim_matches('"').to_owned())]
#[case::json_in_json(json!(json!(PASSWORD).to_string().trim_matches('"')).to_string().trim_matches('"').to_owned())]
#[case::json_of_ascii(PASSWORD.replace('\\', "\\\\").replace('"', "\\u0022").replace('ö', "\\u00F6"))]
#[case::url("pa%22ss%3E%3Fw%C3%B6rd%2F%26%2B%20%2541%5Cn".to_owned())]
#[case::url_in_lower_case("pa%22ss%3e%3fw%c3%b6rd/%26%2b%20%2541%5cn".to_owned())]
#[case::form("pa%22ss%3E%3Fw%C3%B6rd%2F%26%2B+%2541%5Cn".to_owned())]
#[case::html("pa&quot;ss&gt;?wörd/&amp;+ %41\\n".to_owned())]
#[case::html_by_numbers("pa&#34;ss&#x3E;?wörd/&#38;+ %41\\n".to_owned())]
#[case::base64(STANDARD.encode(PASSWORD))]
#[case::base64_without_padding(STANDARD_NO_PAD.encode(PASSWORD))]
#[case::base64_of_urls(URL_SAFE.encode(PASSWORD))]
#[case::base64_of_urls_without_padding(URL_SAFE_NO_PAD.encode(PASSWORD))]
#[case::base64_of_base64(STANDARD.encode(STANDARD.encode(PASSWORD)))]
#[case::base64_of_more(STANDARD.encode(format!("user:{PASSWORD}@host")))]
#[case::base64_of_base64_of_more(STANDARD.encode(format!("x{}", URL_SAFE.encode(format!("ab{PASSWORD}c")))))]
#[case::base64_of_json(STANDARD.encode(json!({"password": PASSWORD}).to_string()))]
#[case::base64_of_a_url(STANDARD.encode("postgres://u:pa%22ss%3E%3Fw%C3%B6rd%2F%26%2B%20%2541%5Cn@h"))]
#[case::base64_in_a_url(STANDARD.encode(PASSWORD).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"))]
fn a_secret_is_found_however_it_is_encoded(#[case] encoded: String) {
    check_gone(&knowing(PASSWORD), &format!("before {encoded} after"));
}

/// A failure would mean that a secret is found in base64 only where the text around it has a length of luck.
#[test]
fn a_secret_is_found_at_each_place_of_an_encoded_text() {
    let redactor = knowing("hunter22");
    for before in 0..4 {
        for after in 0..4 {
            let text = format!("{}hunter22{}", "b".repeat(before), "a".repeat(after));
            check_gone(&redactor, &format!("before {} after", STANDARD.encode(&text)));
            check_gone(&redactor, &format!("before {} after", STANDARD.encode(STANDARD.encode(&text))));
        }
    }
}

/// A failure would mean that the end of a secret stays where another one covers its beginning.
#[test]
fn secrets_that_overlap_are_gone_as_a_whole() {
    let redactor = knowing("abcdefgh");
    redactor.add("efghijkl");
    assert_eq!(redactor.redact("abcdefghijkl, efghijkl"), "[redacted], [redacted]");
    assert_eq!(redactor.redact("abcdefgh efghijkl"), "[redacted] [redacted]");
}

/// A failure would mean that a password is only hidden where it stands as the Secret holds it.
#[rstest]
#[case::url("postgres://app:s%40lty-pass@db:5432/app?x=1", "s@lty-pass")]
#[case::key("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQ")]
#[case::file("MODE=plain\nDB_PASSWORD='salty-pass'\n", "salty-pass")]
#[case::docker(r#"{"auths": {"r": {"username": "u", "password": "salty-pass"}}}"#, "salty-pass")]
fn what_is_secret_in_a_secret_is_learned(#[case] secret: &str, #[case] part: &str) {
    assert_eq!(knowing(secret).redact(&format!("it is {part}!")), "it is [redacted]!");
}

/// A failure would mean that a password which is handed to helm stands in the plan, or that the name of a Secret is hidden.
#[test]
fn values_are_secrets_by_their_name() {
    let redactor = Redactor::default();
    redactor.add_credentials(&json!({
        "auth": {"rootPassword": "salty-pass", "existingSecret": "database-login", "token": "{{random.64}}"},
        "extra": [{"api-key": "0123456789"}],
    }));
    let text = "salty-pass 0123456789 database-login {{random.64}}";
    assert_eq!(redactor.redact(text), "[redacted] [redacted] database-login {{random.64}}");
}

/// A failure would mean that a recording cannot be read any more, because a weak password is a word of it.
#[test]
fn a_values_form_stays_whatever_a_secret_is() {
    let redactor = knowing("replicas");
    redactor.add("123456");
    redactor.add("a-long-secret-in-a-key");
    let mut value = json!({"replicas": 123_456, "x": "has 3 replicas", "a-long-secret-in-a-key": 1});
    redactor.redact_value(&mut value);
    assert_eq!(value, json!({"replicas": 123_456, "x": "has 3 [redacted]", "[redacted]": 1}));
}

/// A failure would mean that evidence is unreadable because a Secret holds the name of a release or a Service.
#[test]
fn what_is_public_is_shown() {
    let redactor = knowing("my-release");
    redactor.publish("my-release");
    assert_eq!(redactor.redact("my-release-app"), "my-release-app");
    redactor.add("my-release-password");
    assert_eq!(redactor.redact("my-release-password"), "[redacted]");
}

/// A failure would mean that ordinary words are blotted out.
#[test]
fn what_is_short_or_unknown_stays() {
    let redactor = knowing("admin");
    let text = "admin, %zz \\q &x; 100% +1 c2VjcmV0\\";
    assert_eq!(redactor.redact(text), text);
    assert_eq!(Redactor::default().redact(text), text);
}

/// A failure would mean that a run which learns new secrets all the time looks for each in an automaton of its own, or makes all of them anew
/// each time, or forgets one of them.
#[test]
fn what_is_learned_one_by_one_is_found_in_few_looks() {
    let redactor = Redactor::default();
    let secret = |number: usize| format!("Zq{number}xT{}", number * 7919);
    for number in 0..300 {
        redactor.add(&secret(number));
        assert_eq!(redactor.redact(&secret(number)), REPLACEMENT);
    }
    let layers = redactor.search().layers.len();
    assert!((1..=9).contains(&layers), "{layers} layers");
    assert!((0..300).all(|number| redactor.redact(&secret(number)) == REPLACEMENT));
    redactor.publish(&secret(7));
    assert_eq!(redactor.redact(&secret(7)), secret(7));
    assert_eq!(redactor.redact(&secret(8)), REPLACEMENT);
}

/// A failure would mean that an example in a chart's values is taken for its password, and each other setting of the same text shows it.
#[test]
fn what_says_that_a_secret_is_to_stand_there_is_none() {
    let redactor = Redactor::default();
    for example in ["<change-me>", "<your password>", "CHANGE_ME", "changeme", "not set"] {
        redactor.add_entry("password", example.as_bytes());
        assert_eq!(redactor.redact(example), example);
    }
    redactor.add_entry("password", b"<3Zq~7!x>");
    assert_eq!(redactor.redact("<3Zq~7!x>"), "[redacted]");
}
