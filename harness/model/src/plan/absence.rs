//! Roles and hooks that are switched off: in the whole scenario, or by the values of a step.

use super::{EffectOnRelease, Expect, Hook, Plan, Role};

impl Plan {
    /// Whether a role or a hook is switched off at a step: by the scenario, or by the values of the revision that the step makes or
    /// leaves as it is.
    pub fn is_absent_in(&self, step: usize, name: &str) -> bool {
        self.absent.iter().chain(self.switched_off(step)).any(|absent| absent == name)
    }

    /// Whether a role or a hook is switched off from the first step to the last one.
    pub fn is_always_absent(&self, name: &str) -> bool {
        self.absent.iter().any(|absent| absent == name)
            || (!self.steps.is_empty() && (0..self.steps.len()).all(|step| self.is_absent_in(step, name)))
    }

    /// The roles that are expected to run after a step.
    pub fn roles_in(&self, step: usize) -> impl Iterator<Item = (&String, &Role)> {
        self.roles.iter().filter(move |(name, _)| !self.is_absent_in(step, name))
    }

    /// The hooks that a step is expected to run, where it has their events.
    pub fn hooks_in(&self, step: usize) -> impl Iterator<Item = (&String, &Hook)> {
        self.hooks.iter().filter(move |(name, _)| !self.is_absent_in(step, name))
    }

    /// What the values of a step, or of the revision that is there then, switch off besides the scenario's.
    fn switched_off(&self, step: usize) -> &[String] {
        let mut revisions: Vec<&[String]> = Vec::new();
        for step in self.steps.iter().take(step + 1) {
            let before = revisions.last().copied();
            match step.action.effect() {
                EffectOnRelease::Installed => revisions = vec![&step.absent],
                EffectOnRelease::Upgraded => {
                    revisions.push(&step.absent);
                    let goes_back = step.rolls_back && step.expect != Expect::Succeeds;
                    revisions.extend(before.filter(|_| goes_back));
                }
                EffectOnRelease::RolledBack { to } => {
                    let to = to.map_or(revisions.len().saturating_sub(1), |to| to as usize);
                    revisions
                        .push(to.checked_sub(1).and_then(|index| revisions.get(index).copied()).unwrap_or_default());
                }
                // What is removed is made anew by an install.
                EffectOnRelease::Removed | EffectOnRelease::Disturbed | EffectOnRelease::None => {}
            }
        }
        revisions.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, Step};

    fn plan(steps: Vec<Step>) -> Plan {
        let names = ["web", "worker"].map(|name| (name.to_owned(), Role::default()));
        Plan { roles: names.into(), steps, ..Plan::default() }
    }

    fn without(action: Action, name: &str) -> Step {
        Step { absent: vec![name.to_owned()], ..Step::new(action) }
    }

    #[track_caller]
    fn check_absent(plan: &Plan, name: &str, expected: &[bool]) {
        let absent = (0..plan.steps.len()).map(|step| plan.is_absent_in(step, name));
        assert_eq!(absent.collect::<Vec<_>>(), expected);
    }

    /// A failure would mean that a rollback is held to the values of the revision that it left.
    #[test]
    fn a_rollback_goes_back_to_what_its_revision_switched_off() {
        let back = |to| Step::new(Action::Rollback { to });
        let install = || without(Action::Install, "worker");
        let plan_of = |last| plan(vec![install(), Step::new(Action::Upgrade), Step::new(Action::Test), last]);
        check_absent(&plan_of(back(None)), "worker", &[true, false, false, true]);
        check_absent(&plan_of(back(Some(2))), "worker", &[true, false, false, false]);
        check_absent(&plan_of(Step::new(Action::Uninstall)), "worker", &[true, false, false, false]);
        check_absent(&plan_of(Step::new(Action::Install)), "web", &[false; 4]);
        let twice = plan(vec![install(), without(Action::Upgrade, "web"), back(None), back(Some(2))]);
        check_absent(&twice, "web", &[false, true, false, true]);
    }

    /// A failure would mean that a role which helm brought back by itself is taken for one that is switched off.
    #[test]
    fn an_upgrade_that_goes_back_by_itself_switches_nothing_off() {
        let fails =
            Step { rolls_back: true, expect: Expect::Fails("hook".to_owned()), ..without(Action::Upgrade, "worker") };
        check_absent(&plan(vec![Step::new(Action::Install), fails]), "worker", &[false, false]);
    }

    /// A failure would mean that a role which never runs is looked for.
    #[test]
    fn what_each_step_switches_off_is_always_absent() {
        let all = plan(vec![without(Action::Install, "worker"), without(Action::Upgrade, "worker")]);
        assert!(all.is_always_absent("worker") && !all.is_always_absent("web"));
        assert_eq!(all.roles_in(1).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["web"]);
        assert!(!Plan::default().is_always_absent("web"));
    }
}
