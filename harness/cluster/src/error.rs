//! An error as a person reads it.

use std::error::Error;

use kube::core::Status;

/// An error and its causes in one line of text, each of them once. Of a refusal by an API server it has the server's own message, and
/// not kube's dump of the whole answer.
pub fn message(error: &anyhow::Error) -> String {
    let refusals: Vec<(String, String)> = error.chain().filter_map(refusal).collect();
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = refusals.iter().fold(cause.to_string(), |text, (dump, message)| text.replace(dump, message));
        // Many errors repeat their cause in their own words.
        if !causes.last().is_some_and(|above| above.ends_with(&text)) {
            causes.push(text);
        }
    }
    causes.join(": ")
}

/// A refusal by an API server as kube shows it, and the server's message.
fn refusal(cause: &(dyn Error + 'static)) -> Option<(String, String)> {
    let status = match cause.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => status,
        // The source of the former.
        _ => cause.downcast_ref::<Box<Status>>()?,
    };
    Some((cause.to_string(), server_message(status)))
}

fn server_message(status: &Status) -> String {
    let words = [&status.message, &status.reason].into_iter().find(|text| !text.is_empty());
    words.cloned().unwrap_or_else(|| format!("the API server answered with status {}", status.code))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    /// A failure would mean that the first line that a user reads is a dump of a data structure.
    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let status = Status::failure("pods \"a\" is forbidden: exceeded quota", "Forbidden").with_code(403);
        let refused = kube::Error::Api(status.boxed());
        let wrapped = kube::runtime::wait::delete::Error::Delete(refused);
        let error = Err::<(), _>(wrapped).context("replace job/migrate").unwrap_err();
        assert!(format!("{error:#}").contains("Status {"), "what is to be kept from users: {error:#}");
        let expected = "replace job/migrate: failed to delete object: pods \"a\" is forbidden: exceeded quota";
        assert_eq!(message(&error), expected);
    }

    /// A failure would mean that an answer without words is no reason at all.
    #[test]
    fn an_answer_without_words_is_told_by_its_code() {
        let error = anyhow::Error::from(kube::Error::Api(Status::default().with_code(503).boxed()));
        assert_eq!(message(&error), "the API server answered with status 503");
        assert_eq!(message(&anyhow::anyhow!("a").context("b")), "b: a");
    }
}
