//! A step, from the file to the plan.

use std::collections::BTreeMap;

use chartgate_model::plan::{Action, DEFAULT_TIMEOUT_SECONDS, Expect, Image, Step, Target};
use chartgate_yaml::{Mistake, Spot};
use serde_json::Value;

use super::fault::{self, Means};
use super::file::{Options, REUSE_VALUES, StepFile};
use super::helm::{HelmFile, ServerSideFile};
use super::image::image_values;
use super::merge;
use super::names::Names;
use super::scalar::Duration;

/// What the steps of a file are read against.
pub(super) struct Steps<'a> {
    pub(super) names: &'a Names,
    pub(super) images: &'a BTreeMap<String, Image>,
    pub(super) timeout: Option<Duration>,
    pub(super) means: Means,
}

impl Steps<'_> {
    /// The plan's step; `None`: what it does is refused.
    pub(super) fn step(&self, at: Spot, step: &StepFile) -> Option<Step> {
        let (verb, action, options) = self.verb(at, step)?;
        let at_fault = at.key("fault");
        let at = at.key(verb);
        let at_fault = if action == Action::Disrupt { at_fault } else { at.key("fault") };
        let fault = options.fault.as_ref().map(fault::FaultFile::plan);
        if let Some(fault) = &fault {
            fault::check(at_fault, fault, action == Action::Disrupt, &self.means);
            if let Some(role) = fault.role() {
                self.names.check_role(at_fault.key(fault.name()).key("role"), role);
            }
        }
        if options.reuse_values && action != Action::Upgrade {
            at.key(REUSE_VALUES).of_key().refuse(Mistake::new("only an upgrade has values to reuse"));
        }
        if options.server_side.is_some() && !options.helm.is_some_and(HelmFile::has_server_side) {
            let mistake = Mistake::new("only Helm 4 knows `--server-side`").with_hint("add `helm: 4` to the step");
            at.key("server-side").of_key().refuse(mistake);
        }
        for (index, name) in options.without.iter().enumerate() {
            self.names.check_part(at.key("without").item(index), name);
        }
        let mut values = image_values(at.key("images"), self.names, self.images, &options.images);
        if let Some(fault) = &fault {
            merge(&mut values, fault::values(at_fault, fault, self.images));
        }
        merge(&mut values, Value::Object(options.values));
        let expect = match step.expect.as_ref().and_then(|expect| expect.fails.clone()) {
            Some(text) => Expect::Fails(text),
            None if fault.as_ref().is_some_and(|fault| fault.kind().target == Target::Helm) => Expect::Interrupted,
            None => Expect::Succeeds,
        };
        Some(Step {
            values,
            expect,
            timeout_seconds: options.timeout.or(self.timeout).map_or(DEFAULT_TIMEOUT_SECONDS, |length| length.0),
            is_again: options.again,
            fault,
            rolls_back: options.atomic,
            reuses_values: options.reuse_values,
            absent: options.without,
            helm: options.helm.map(HelmFile::plan),
            server_side: options.server_side.map(ServerSideFile::plan),
            ..Step::new(action)
        })
    }

    /// The one verb of a step, as it is written, and what it does.
    fn verb(&self, at: Spot, step: &StepFile) -> Option<(&'static str, Action, Options)> {
        let rollback = step.rollback.as_ref().map(|back| {
            let (helm, server_side) = (back.helm, back.server_side);
            (back.to, Options { helm, server_side, ..Options::only(back.timeout, back.fault.as_ref()) })
        });
        let by = |timeout, helm| Options { helm, ..Options::only(timeout, None) };
        let hook = step.run_hook.as_ref().map(|run| (Action::RunHook { hook: run.hook.clone() }, run.options()));
        let apply = step.apply.as_ref();
        let apply = apply.map(|apply| (apply.plan(at.key("apply")), Options::only(apply.timeout, None)));
        let verbs = [
            step.install.clone().map(|install| ("install", Action::Install, install)),
            step.upgrade.clone().map(|upgrade| ("upgrade", Action::Upgrade, upgrade)),
            rollback.map(|(to, options)| ("rollback", Action::Rollback { to }, options)),
            step.uninstall.as_ref().map(|gone| ("uninstall", Action::Uninstall, by(gone.timeout, gone.helm))),
            hook.map(|(action, options)| ("run-hook", action, options)),
            step.fault.as_ref().map(|fault| ("fault", Action::Disrupt, Options::only(None, Some(fault)))),
            step.scale.as_ref().map(|sizes| ("scale", self.scale(at.key("scale"), sizes), Options::default())),
            step.test.as_ref().map(|test| ("test", Action::Test, by(test.timeout, test.helm))),
            apply.map(|(action, options)| ("apply", action, options)),
        ];
        let mut verbs = verbs.into_iter().flatten();
        let (Some(verb), None) = (verbs.next(), verbs.next()) else {
            let known = "`install`, `upgrade`, `rollback`, `uninstall`, `run-hook`, `fault`, `scale`, `test`, `apply`";
            let mistake = Mistake::new(&format!("a step has exactly one of {known}"));
            at.refuse(mistake.with_hint("a verb without options is written `install: {}`"));
            return None;
        };
        if let Action::RunHook { hook } = &verb.1 {
            self.names.check_hook(at.key("run-hook").key("hook"), hook);
        }
        Some(verb)
    }

    fn scale(&self, at: Spot, sizes: &BTreeMap<String, u32>) -> Action {
        let mut each = sizes.iter();
        let (Some((role, replicas)), None) = (each.next(), each.next()) else {
            at.refuse(Mistake::new("`scale` names one role and its number of pods: `{app: 3}`"));
            return Action::Scale { role: String::new(), replicas: 0 };
        };
        self.names.check_role(at.key(role).of_key(), role);
        Action::Scale { role: role.clone(), replicas: *replicas }
    }
}
