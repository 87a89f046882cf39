//! Reading a recording: its steps, its objects over time, the pods of a role and the runs of a hook.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_model::plan::{Action, Hook, Plan};
use chartgate_model::recording::{Entry, Moment, Probe, Recording, Release, StepOutcome};

use super::cause::Cause;
use super::lacking;
use super::step::Rendered;
pub(super) use super::step::StepRun;
pub(super) use super::track::{Sighting, Track, warning};
use super::{Evidence, track};
use chartgate_k8s::object::is_named;
use chartgate_k8s::trouble::trouble;
use chartgate_k8s::typed::Object;
use chartgate_yaml::manifest::is_of_crds;

/// A recording, sorted by what checks ask for.
pub struct View<'a> {
    pub(super) recording: &'a Recording,
    pub(super) plan: &'a Plan,
    /// The release's namespace, which is what was watched.
    pub(super) namespace: &'a str,
    /// Wall-clock time of `at` = 0, in milliseconds since 1970.
    pub(super) unix_ms: u64,
    /// Resource versions of different kinds may be compared.
    pub(super) single_etcd: bool,
    /// What is live was compared with the manifest after each step that succeeded.
    pub(super) compares: bool,
    /// The recording has its last entry.
    pub(super) is_whole: bool,
    pub(super) steps: Vec<StepRun<'a>>,
    /// What a step needs that is the cluster's to have, after which nothing is known of the chart.
    pub(super) lacking: Option<Cause>,
    /// What came from `crds/`: helm makes it beside the release.
    pub(super) definitions: Vec<&'a Object>,
    tracks: Vec<Track<'a>>,
    /// Positions of the tracks of each kind.
    by_kind: BTreeMap<&'a str, Vec<usize>>,
    /// What was not seen, and why.
    gaps: Vec<(&'a Entry, &'a str, &'a str)>,
    probes: Vec<(&'a Entry, &'a Probe)>,
    /// The lines of each pod's log, with their containers.
    logs: BTreeMap<&'a str, Vec<(&'a Entry, &'a str, &'a str)>>,
}

impl<'a> View<'a> {
    pub(super) fn of(recording: &'a Recording) -> Self {
        let plan = &recording.plan;
        let step = |(index, step)| StepRun {
            index,
            step,
            started: None,
            ended: None,
            rendered: None,
            helm: None,
            release: None,
            ended_early: None,
        };
        let of_crds = recording.sources.iter().filter(|(_, file)| is_of_crds(file));
        let mut view = Self {
            recording,
            plan,
            namespace: "",
            unix_ms: 0,
            single_etcd: false,
            compares: false,
            is_whole: false,
            lacking: None,
            steps: plan.steps.iter().enumerate().map(step).collect(),
            definitions: of_crds.map(|(hash, _)| recording.object(hash)).collect(),
            tracks: track::tracks(recording),
            by_kind: BTreeMap::new(),
            gaps: Vec::new(),
            probes: Vec::new(),
            logs: BTreeMap::new(),
        };
        for (index, track) in view.tracks.iter().enumerate() {
            view.by_kind.entry(track.last().kind()).or_default().push(index);
        }
        for entry in &recording.entries {
            view.take(entry);
        }
        view.end_before_what_was_not_examined();
        view.render_from_release();
        view
    }

    fn take(&mut self, entry: &'a Entry) {
        let recording = self.recording;
        match &entry.moment {
            Moment::Started { unix_ms, single_etcd, compares, namespace, .. } => {
                (self.unix_ms, self.single_etcd, self.namespace) = (*unix_ms, *single_etcd, namespace);
                self.compares = *compares;
            }
            Moment::OneStore => self.single_etcd = true,
            Moment::Ended => self.is_whole = true,
            Moment::StepStarted { step } => self.step_mut(*step, |run| run.started = Some(entry)),
            Moment::EndedEarly { step, why } => self.step_mut(*step, |run| run.ended_early = Some((entry, why))),
            Moment::StepEnded { step, outcome } => self.step_mut(*step, |run| run.ended = Some((entry, outcome))),
            Moment::Rendered { step, error, objects, needs, asks_cluster } => self.step_mut(*step, |run| {
                let objects = objects.iter().map(|hash| recording.object(hash)).collect();
                run.rendered =
                    Some(Rendered { entry, error: error.as_deref(), objects, needs, asks_cluster: *asks_cluster });
            }),
            Moment::Helm(call) => self.step_mut(call.step, |run| run.helm = Some((entry, call))),
            Moment::Release(release) => self.step_mut(release.step, |run| run.release = Some(release)),
            Moment::Gap { of, why } => self.gaps.push((entry, of, why)),
            Moment::Probe(probe) => self.probes.push((entry, probe)),
            Moment::Log { pod, container, line, .. } => {
                self.logs.entry(pod).or_default().push((entry, container, line));
            }
            _ => {}
        }
    }

    /// A step that was not examined proves nothing, nor does one after it, for or against the chart.
    fn end_before_what_was_not_examined(&mut self) {
        let is_it = |run: &StepRun| matches!(run.ended, Some((_, StepOutcome::NotExamined { .. })));
        if let Some(at) = self.steps.iter().position(is_it) {
            self.steps.truncate(at);
        }
        let lacking = |(at, run)| Some((at, lacking::of(run, &self.definitions)?));
        if let Some((at, what)) = self.steps.iter().enumerate().find_map(lacking) {
            self.steps.truncate(at);
            self.lacking = Some(what);
        }
    }

    /// What helm made of a step is known from the release: `helm template` asks no cluster, so it knows neither what `lookup` finds
    /// nor the revision. Where helm went back by itself, the release is that of another step.
    fn render_from_release(&mut self) {
        let mut before = 0;
        for run in &mut self.steps {
            let Some(release) = run.release else { continue };
            let is_its_own = matches!(run.step.action, Action::Install | Action::Upgrade)
                && release.revision > before
                && !release.objects.is_empty()
                && (run.is_succeeded() || !run.step.rolls_back);
            // A refusal by `helm template` alone is one where helm was to refuse too; else it only missed the cluster.
            let is_refused = run.rendered.as_ref().is_some_and(|rendered| rendered.error.is_some())
                && !(run.is_to_succeed() && run.is_succeeded());
            before = release.revision;
            let entry = run.rendered.as_ref().map(|rendered| rendered.entry).or(run.started);
            if let (true, Some(entry)) = (is_its_own && !is_refused, entry) {
                let hashes = release.objects.iter().chain(release.hooks.iter().map(|hook| &hook.object));
                let mut objects: Vec<&Object> = hashes.map(|hash| self.recording.object(hash)).collect();
                // The release says nothing of them.
                let rendered = run.rendered.iter().flat_map(|rendered| rendered.objects.iter().copied());
                objects.extend(rendered.filter(|object| self.definitions.iter().any(|it| std::ptr::eq(*it, *object))));
                run.rendered = Some(Rendered { entry, error: None, objects, needs: &[], asks_cluster: false });
            }
        }
    }

    fn step_mut(&mut self, index: usize, change: impl FnOnce(&mut StepRun<'a>)) {
        if let Some(run) = self.steps.get_mut(index) {
            change(run);
        }
    }

    /// Whether the contract asks for a check, so that its advice is red.
    pub(super) fn is_binding(&self, check: &str) -> bool {
        self.plan.strict || self.plan.binding.iter().any(|name| super::present_name(name) == check)
    }

    /// Why not all of the plan could be proven: a step that was to succeed did not, or the recording is cut; `None`: all
    /// of it was carried out.
    pub(super) fn shortfall(&self) -> Option<Cause> {
        if let Some(why) = self.missing_origin().or_else(|| self.lacking.clone()) {
            return Some(why);
        }
        // The chart's own tests change nothing: that they failed is told by `release-outcome` alone.
        let is_short = |run: &&StepRun| {
            let has_failed = run.step.action != Action::Test && run.is_to_succeed() && !run.is_succeeded();
            run.ended.is_none() || has_failed
        };
        if let Some(run) = self.steps.iter().find(is_short) {
            return run.unfinished();
        }
        (!self.is_whole).then(|| Cause::new("the recording is not whole", "it lacks its last entry"))
    }

    /// Why the version to upgrade from could not be had; `None`: it could, or there is none.
    pub(super) fn missing_origin(&self) -> Option<Cause> {
        if self.plan.is_first_release {
            return None;
        }
        let missing = self.plan.from.iter().find_map(|origin| Some((origin, origin.missing.as_ref()?)));
        missing.map(|(origin, why)| {
            Cause::new(format!("the version to upgrade from (`{}`) could not be had", origin.asked), why)
        })
    }

    /// The steps that are judged: those of earlier versions only lead up to them.
    pub(super) fn tested(&self) -> impl Iterator<Item = &StepRun<'a>> {
        self.steps.iter().filter(|run| run.is_tested())
    }

    /// The steps that were to leave a running release, and did. A disruption counts where samples were taken after it.
    pub(super) fn settled(&self) -> impl Iterator<Item = &StepRun<'a>> {
        let is_sampled = |run: &StepRun| run.is_disruption() && self.probes(run.index).next().is_some();
        self.tested().filter(move |run| run.is_succeeded() && (run.leaves_release() || is_sampled(run)))
    }

    /// Whether a moment belongs to what is judged, and not to a step of an earlier version.
    pub(super) fn is_tested_at(&self, seq: u64) -> bool {
        self.step_at(seq).is_none_or(StepRun::is_tested)
    }

    /// The release as it was last recorded at the end of a step; `None`: it was removed, or never recorded.
    pub(super) fn release_of(&self, run: &StepRun) -> Option<&'a Release> {
        let until = self.steps.iter().take(run.index + 1).rev();
        let since = until.take_while(|run| run.step.action != Action::Uninstall);
        since.filter(|run| run.leaves_release() && run.started.is_some()).map(|run| run.release).next().flatten()
    }

    /// The end of what follows a step: the next one's start, or the recording's end.
    pub(super) fn aftermath(&self, run: &StepRun) -> u64 {
        let next = self.steps.iter().skip(run.index + 1).find_map(|run| run.started);
        next.map_or(u64::MAX, |entry| entry.seq)
    }

    /// Whether a fault took effect in a step, and on what.
    pub(super) fn faults(&self, step: usize) -> impl Iterator<Item = (&'a Entry, &'a str)> {
        self.recording.entries.iter().filter_map(move |entry| match &entry.moment {
            Moment::Fault { step: of, what } if *of == step => Some((entry, what.as_str())),
            _ => None,
        })
    }

    /// The step during (or after) which a moment lies.
    pub(super) fn step_at(&self, seq: u64) -> Option<&StepRun<'a>> {
        self.steps.iter().rev().find(|run| run.started.is_some_and(|entry| entry.seq <= seq))
    }

    /// Everything that was seen, in the order of first sighting.
    pub(super) fn all_tracks(&self) -> impl Iterator<Item = &Track<'a>> {
        self.tracks.iter()
    }

    /// Everything of a kind, in the order of first sighting.
    pub(super) fn tracks(&self, of_kind: &str) -> impl Iterator<Item = &Track<'a>> {
        self.by_kind.get(of_kind).into_iter().flatten().map(|index| &self.tracks[*index])
    }

    /// Everything that was there at a moment, in the order of first sighting.
    pub(super) fn tracks_at(&self, seq: u64) -> impl Iterator<Item = &Track<'a>> {
        self.tracks.iter().filter(move |track| track.at(seq).is_some())
    }

    /// An object by kind and name, as it was at a moment.
    pub(super) fn object_at(&self, of_kind: &str, with_name: &str, seq: u64) -> Option<&'a Object> {
        self.tracks(of_kind).filter(|track| track.name() == with_name).find_map(|track| track.at(seq))
    }

    /// Whether an object belongs to the neighbour: what it goes back to was there before the first step.
    pub(super) fn is_neighbours(&self, track: &Track) -> bool {
        // A pod goes back to its workload over one object at most; few operators put more than two on top.
        const OWNERS: usize = 5;
        if self.plan.neighbour.is_none() {
            return false;
        }
        let first = self.steps.iter().find_map(|run| run.started).map_or(u64::MAX, |entry| entry.seq);
        let mut root = track;
        for _ in 0..OWNERS {
            let owner = self.tracks.iter().find(|owner| root.last().is_owned_by(owner.uid()));
            let Some(owner) = owner else { break };
            root = owner;
        }
        root.first().seq < first
    }

    /// The pods of a role. A hook's pods are none of it, whatever their labels, nor are a neighbour's.
    pub(super) fn pods_of_role(&self, role: &str) -> Vec<&Track<'a>> {
        let Some(role) = self.plan.roles.get(role) else { return Vec::new() };
        let hooks = self.hook_jobs();
        let is_of_hook = |pod: &Object| hooks.iter().any(|job| pod.is_owned_by(job.uid()));
        let pods = self
            .tracks("Pod")
            .filter(|pod| pod.last().is_selected(&role.select) && !pod.last().is_hook() && !is_of_hook(pod.last()));
        pods.filter(|pod| !self.is_neighbours(pod)).collect()
    }

    /// The Jobs that Helm runs as hooks, or that the contract names as such.
    pub(super) fn hook_jobs(&self) -> Vec<&Track<'a>> {
        let is_named = |job: &Object| self.plan.hooks.values().any(|hook| job.is_selected(&hook.select));
        self.tracks("Job").filter(|job| job.last().is_hook() || is_named(job.last())).collect()
    }

    /// The Jobs of one hook of the contract: each is one run of it.
    pub(super) fn runs_of_hook(&self, hook: &Hook) -> Vec<&Track<'a>> {
        self.tracks("Job").filter(|job| job.last().is_selected(&hook.select) && !self.is_neighbours(job)).collect()
    }

    /// Whether pods only find each other by a Service, says the contract.
    pub(super) fn is_for_discovery(&self, service: &str) -> bool {
        self.plan.discovery.iter().any(|named| is_named(service, named))
    }

    /// The pods of a Job.
    pub(super) fn pods_of_job(&self, job: &Track) -> Vec<&Track<'a>> {
        self.tracks("Pod").filter(|pod| pod.last().is_owned_by(job.uid())).collect()
    }

    /// Why something was not seen between two moments.
    pub(super) fn gap(&self, of: &[&str], from: u64, to: u64) -> Option<(Evidence, String)> {
        let is_it = |entry: &Entry, what: &str| (from..=to).contains(&entry.seq) && of.contains(&what);
        let (entry, what, why) = self.gaps.iter().find(|(entry, what, _)| is_it(entry, what))?;
        let why = format!("the recording has a gap of {what}: {why}");
        Some((Evidence { seq: Some(entry.seq), at: Some(entry.at), text: why.clone() }, why))
    }

    /// A gap of one of the kinds within a step.
    pub(super) fn gap_in(&self, run: &StepRun, of: &[&str]) -> Option<(Evidence, String)> {
        let (start, end) = run.window()?;
        self.gap(of, start, end)
    }

    /// The samples after a step.
    pub(super) fn probes(&self, step: usize) -> impl Iterator<Item = (&'a Entry, &'a Probe)> {
        self.probes.iter().filter(move |(_, probe)| probe.step == step).copied()
    }

    /// The objects of a release's manifest.
    pub(super) fn manifest(&self, release: &'a Release) -> Vec<&'a Object> {
        release.objects.iter().map(|hash| self.recording.object(hash)).collect()
    }

    /// Everything that was rendered for any judged step, repetitions and hooks included; as the release has it, where there is one.
    pub(super) fn rendered(&self) -> impl Iterator<Item = &'a Object> {
        self.tested().filter_map(|run| run.rendered.as_ref()).flat_map(|rendered| rendered.objects.iter().copied())
    }

    /// Every rendered object once, by kind and name, as it was rendered first.
    pub(super) fn rendered_once(&self) -> Vec<&'a Object> {
        let mut known = BTreeSet::new();
        self.rendered().filter(|object| known.insert((object.kind(), object.name()))).collect()
    }

    /// Whether any judged step was rendered without an error.
    pub(super) fn has_render(&self) -> bool {
        self.tested().any(|run| run.rendered.as_ref().is_some_and(|rendered| rendered.error.is_none()))
    }

    /// What kept pods from running in a step: the last trouble of each, its last log lines, and warning Events.
    pub(super) fn troubles(&self, run: &StepRun) -> Vec<Evidence> {
        let Some((_, end)) = run.window() else { return Vec::new() };
        let mut found = Vec::new();
        for pod in self.tracks("Pod") {
            let Some(last) = run.last_of(pod).filter(|sighting| !sighting.object.is_terminating()) else { continue };
            let Some(trouble) = trouble(last.object) else { continue };
            found.push(last.evidence(&trouble.to_string()));
            found.extend(self.log_tail(pod.name(), None, end));
        }
        for event in self.tracks("Event") {
            let sighting = event.first();
            if run.contains(sighting.seq) && sighting.object.warning().is_some() {
                found.push(warning(&sighting));
            }
        }
        found
    }

    /// The warning Events about an object until a moment.
    pub(super) fn warnings_about(&self, uid: &str, until: u64) -> Vec<Evidence> {
        let events = self.tracks("Event").map(Track::first).filter(|event| event.seq <= until);
        let about = events.filter(|event| event.object.warning().is_some_and(|said| said.about_uid() == uid));
        about.map(|event| warning(&event)).collect()
    }

    /// The last lines of a pod's log before a moment, as one piece of evidence.
    pub(super) fn log_tail(&self, of_pod: &str, of_container: Option<&str>, before: u64) -> Option<Evidence> {
        const LINES: usize = 5;
        let lines_of_pod = self.logs.get(of_pod)?.iter().take_while(|(entry, ..)| entry.seq <= before);
        let is_wanted = |container: &str| of_container.is_none_or(|wanted| wanted == container);
        let own = lines_of_pod.filter(|(_, container, _)| is_wanted(container));
        let lines: Vec<(&Entry, &str)> = own.map(|(entry, _, line)| (*entry, *line)).collect();
        let tail = &lines[lines.len().saturating_sub(LINES)..];
        let (last, _) = tail.last()?;
        let text: Vec<&str> = tail.iter().map(|(_, line)| *line).collect();
        let text = format!("log of pod/{of_pod} ends with:\n{}", text.join("\n"));
        Some(Evidence { seq: Some(last.seq), at: Some(last.at), text })
    }

    /// Wall-clock time of a moment, in milliseconds since 1970.
    pub(super) fn wall_clock(&self, at: u64) -> u64 {
        self.unix_ms + at
    }
}
