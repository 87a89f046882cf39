//! The commands that the documents tell a reader to type are run as they stand, where they need no cluster. What needs one is
//! in `tests/it/cluster/tutorial.rs` and `tests/e2e.rs`.

use chartgate_process::tool::Output;

use crate::support;
use crate::support::markdown;
use crate::support::shell::Shell;

/// Subcommands that only look or tell.
const TELLING: [&str; 5] = ["explain", "list", "completions", "man", "schema"];
/// Paths in documents that stand for a reader's own.
const READERS: [&str; 4] = ["../", "/tmp/", "hello", "chartgate-out"];

/// Whether a command can be run here: it changes nothing but the reader's home, and names nothing of a reader's own.
fn is_runnable(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.next().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    let is_readers =
        |word: &str| READERS.iter().any(|own| word.starts_with(own)) || word.chars().all(char::is_uppercase);
    let rest: Vec<&str> = words.collect();
    let is_own = match program {
        "mkdir" => true,
        "make" => rest == ["help"] || rest == ["versions"],
        "chartgate" => rest.first().is_some_and(|subcommand| TELLING.contains(subcommand)),
        _ => false,
    };
    is_own && !rest.iter().any(|word| is_readers(word))
}

/// A failure would mean that the first thing a reader types is refused.
#[tokio::test]
async fn what_the_documents_say_to_type_works() {
    let shell = Shell::new(&support::repository());
    let mut count = 0;
    for document in markdown::own() {
        for command in document.commands().into_iter().filter(|command| is_runnable(&command.text)) {
            // The documents speak of the release build, or of the command on the `PATH`: here it is the one under test.
            let text = command.text.replace("target/release/chartgate", "chartgate");
            let output: Output = shell.run(&text).await;
            let place = format!("{}:{}", document.path.display(), command.line);
            assert!(output.is_success(), "{place}: `{text}`:\n{}{}", output.stdout, output.stderr);
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} commands of the documents were run");
}

/// A failure would mean that the test above removes a reader's files, or that it runs nothing.
#[test]
fn only_what_changes_nothing_is_run() {
    for command in
        ["chartgate explain hook-order", "mkdir -p ~/.zfunc", "chartgate completions fish > ~/x", "make help"]
    {
        assert!(is_runnable(command), "{command}");
    }
    for command in
        ["chartgate clean", "make clean", "chartgate list hello", "chartgate explain NAME", "docker build ../shop"]
    {
        assert!(!is_runnable(command), "{command}");
    }
}
