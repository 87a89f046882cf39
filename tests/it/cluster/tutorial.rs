//! The book's tutorial, done step by step as a reader does it: files are written, commands typed, and what the page says is
//! compared with what comes out. It needs a cluster.

use std::path::{Path, PathBuf};

use chartgate_process::home;

use crate::support::{
    self,
    markdown::{Block, Document},
    shell::Shell,
};

/// How the page marks a command that is to fail.
const EXITS: &str = "# exits with ";
/// In an example of what comes out, what differs from run to run.
const ANYTHING: char = '…';

/// A reader's folder.
struct Reader(PathBuf);

impl Reader {
    fn new() -> Self {
        let folder = support::repository().join("target/tutorial").join(chartgate_base::random::text(8));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        Self(folder)
    }

    /// Writes a file, whose name stands in the block's first line.
    fn write(&self, block: &Block) {
        let path = self.0.join(named(block));
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        std::fs::write(path, with_image_at_hand(&block.text)).expect("it can be written");
    }

    /// Changes a file: the lines with `+` are new in the place that the others describe.
    fn fix(&self, block: &Block) {
        let path = self.0.join(named(block));
        let lines = || block.text.lines().skip(1).filter(|line| !line.is_empty());
        let side = |left_out: char| -> String {
            lines().filter(|line| !line.starts_with(left_out)).flat_map(|line| [&line[1..], "\n"]).collect()
        };
        let (before, after) = (side('+'), side('-'));
        let text = std::fs::read_to_string(&path).expect("it was written before");
        assert_eq!(text.matches(&before).count(), 1, "line {}: the place in {}:\n{text}", block.line, path.display());
        std::fs::write(&path, text.replace(&before, &after)).expect("it can be written");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The file that a block is about.
fn named(block: &Block) -> &Path {
    let first = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
    Path::new(first.unwrap_or_else(|| panic!("line {}: the block's first line names no file", block.line)))
}

/// The page's image, which a registry has, or the one like it that the set-up built where none answers.
fn with_image_at_hand(text: &str) -> String {
    let parts = |reference: &str| {
        let (repository, tag) = reference.rsplit_once(':').expect("an image has a tag");
        format!("{{repository: {repository}, tag: {tag}}}")
    };
    let pinned = parts(home::version("REGISTRY_IMAGE").expect("versions.env names it"));
    let at_hand = parts(&home::image("REGISTRY").expect("the set-up made it"));
    assert!(!text.contains("{repository: ") || text.contains(&pinned), "the page's image is not {pinned}:\n{text}");
    text.replace(&pinned, &at_hand)
}

/// Types a block's commands, and gives what came out.
async fn type_in(shell: &Shell, block: &Block) -> String {
    let mut said = String::new();
    for line in block.text.lines() {
        let expected = line.split_once(EXITS).map_or(0, |(_, code)| code.trim().parse().expect("a number"));
        let output = shell.run(line).await;
        said.extend([output.stdout, output.stderr]);
        eprintln!("$ {line}\n{said}");
        let code = output.status.and_then(|status| status.code());
        assert_eq!(code, Some(expected), "line {}: exit code of `{line}`:\n{said}", block.line);
    }
    said
}

/// Checks that each line of an example came out.
fn check_said(said: &str, block: &Block) {
    for expected in block.text.lines() {
        let is_it = |line: &str| {
            let mut rest = line;
            expected.split(ANYTHING).all(|part| match rest.split_once(part) {
                Some((_, behind)) => {
                    rest = behind;
                    true
                }
                None => false,
            })
        };
        assert!(said.lines().any(is_it), "line {}: `{expected}` did not come out:\n{said}", block.line);
    }
}

/// A failure would mean that the first hour with chartgate ends with a page that is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tutorial_is_red_and_then_green() {
    let page = Document::read(&support::repository().join("docs/src/tutorial.md"));
    let reader = Reader::new();
    let shell = Shell::new(&reader.0);
    let mut said = String::new();
    let mut runs = 0;
    for block in page.blocks() {
        match block.language.as_str() {
            "yaml" => reader.write(&block),
            "diff" => reader.fix(&block),
            "bash" => said = type_in(&shell, &block).await,
            "text" => check_said(&said, &block),
            other => panic!("line {}: what is a reader to do with `{other}`?", block.line),
        }
        runs += usize::from(block.text.starts_with("chartgate run"));
    }
    assert_eq!(runs, 2, "the page runs the scenario twice");
}

/// A failure would mean that the test above is green whatever comes out.
#[test]
fn an_example_that_did_not_come_out_is_noticed() {
    let block = |text: &str| Block { line: 1, language: "text".to_owned(), text: text.to_owned() };
    let fails = |text: &str| {
        let text = text.to_owned();
        std::panic::catch_unwind(move || check_said("FAIL a in b/c\n  broken x of y\n", &block(&text))).is_err()
    };
    assert!(!fails("FAIL a in …/c\n…\n  broken … y\n"));
    assert!(fails("FAIL z in …\n") && fails("  broken y … x\n"));
}
