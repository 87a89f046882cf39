//! The command that runs one scenario alone once more.

use chartgate_base::quoted;

use crate::plan::Plan;

impl Plan {
    /// The command, with the plan's `--set` arguments: a secret among them is left out of the plan once it is known.
    pub fn command(&self) -> Option<String> {
        let set = self.set.iter().map(|pair| format!(" --set {}", quoted(pair)));
        Some(self.repeat.clone()? + &set.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a report of a run with `--set` names a command that runs something else.
    #[test]
    fn the_command_has_what_was_set() {
        let plan =
            Plan { repeat: Some("chartgate run a.yaml".to_owned()), set: vec!["a=b c".to_owned()], ..Plan::default() };
        assert_eq!(plan.command().as_deref(), Some("chartgate run a.yaml --set 'a=b c'"));
        assert_eq!(Plan::default().command(), None);
    }
}
