//! How far `kind create cluster` is, from what it says.

use super::{Doing, Part};

/// What begins the line of each step, where kind writes to no terminal.
const STEP: char = '•';
/// Image, nodes, configuration, control plane, CNI and `StorageClass`.
const STEPS: u8 = 6;

/// A cluster in the making.
pub struct Making {
    what: String,
    begun: u8,
    steps: u8,
}

impl Making {
    /// One of so many nodes; `what` says that it is being made.
    pub fn new(what: String, nodes: u8) -> Self {
        // Joining the workers is a step of its own.
        Self { what, begun: 0, steps: STEPS + u8::from(nodes > 1) }
    }

    /// Takes a line of kind's; says what is being done if it begins a step.
    pub fn hear(&mut self, line: &str) -> Option<Doing> {
        let step = line.trim_start().strip_prefix(STEP)?;
        // It ends in pictures and dots.
        let step = step.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != ')');
        let part = Part { done: self.begun.min(self.steps), of: self.steps };
        self.begun = self.begun.saturating_add(1);
        Some(Doing { what: format!("{}: {step}", self.what), part: Some(part) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a person who waits for a cluster cannot see whether anything happens.
    #[test]
    fn each_step_of_kind_is_told_with_what_is_done_before_it() {
        let mut making = Making::new("creating c".to_owned(), 3);
        let said = "Creating cluster \"c\" ...\n • Ensuring node image (node:1.34) 🖼  ...\n ✓ Ensuring node image (node:1.34) 🖼\n \
                    • Preparing nodes 📦 📦 📦   ...\n ✓ Preparing nodes 📦 📦 📦 \n • Starting control-plane 🕹️  ...\n";
        let told: Vec<_> = said.lines().filter_map(|line| making.hear(line)).map(|doing| doing.to_string()).collect();
        let image = "creating c: Ensuring node image (node:1.34) (0 of 7)";
        assert_eq!(
            told,
            [image, "creating c: Preparing nodes (1 of 7)", "creating c: Starting control-plane (2 of 7)"]
        );
    }
}
