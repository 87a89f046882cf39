//! The client is killed: whoever runs helm goes away in the middle of a step.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use chartgate_process::tool::Output;
use tokio::time::Instant;

use crate::record::{Moment, Timeline};
use crate::run::stage::Stage;
use chartgate_k8s::object::slashed;
use chartgate_k8s::typed::Object;

/// What shows by its generation that helm has begun to change it.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Longer than any step: helm has a deadline.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// A test's migration takes seconds.
const REST: Duration = Duration::from_secs(60);

/// The namespace's workloads and pods of Jobs, by kind and name: what of each a change of it changes.
type State = BTreeMap<(String, String), String>;

/// Kills helm once it has begun to change something; `None`: it was killed. Helm's output if it ended before.
pub async fn kill(
    step: usize,
    stage: &Stage,
    timeline: &Timeline,
    call: impl Future<Output = Result<Output>>,
) -> Result<Option<Output>> {
    let before = state(stage);
    let never = Instant::now() + A_DAY;
    let nothing_began = || change(&before, &state(stage)).is_none().then(|| "nothing has changed".to_owned());
    tokio::select! {
        output = call => output.map(Some),
        // What loses is dropped before this goes on, and helm with it is killed.
        _ = stage.wait(never, nothing_began) => {
            let what = change(&before, &state(stage)).unwrap_or_default();
            timeline.append(Moment::Fault { step, what: format!("helm was killed once {what}") });
            Ok(None)
        }
    }
}

/// Waits until the Jobs that helm left behind ended: it takes a person longer than that to find the release stuck.
pub async fn rest(stage: &Stage) {
    let is_active = || {
        let jobs = stage.namespace.of_kind("Job");
        let job = jobs.iter().find(|job| !["Complete", "Failed"].iter().any(|end| job.has_condition(end)))?;
        Some(format!("job/{} has not ended", job.name()))
    };
    // One that goes on for longer is what the next step meets.
    stage.wait(Instant::now() + REST, is_active).await.ok();
}

fn state(stage: &Stage) -> State {
    let workloads = WORKLOADS.iter().flat_map(|kind| stage.namespace.of_kind(kind));
    let of_job = |pod: &Object| pod.owners().any(|owner| owner.kind == "Job");
    let pods = stage.namespace.of_kind("Pod").into_iter().filter(|pod| of_job(pod));
    let key = |object: &Object| (object.kind().to_owned(), object.name().to_owned());
    let generation = |object: &Object| object.metadata().generation.unwrap_or_default().to_string();
    let generations = workloads.map(|workload| (key(&workload), generation(&workload)));
    generations.chain(pods.map(|pod| (key(&pod), pod.uid().to_owned()))).collect()
}

/// What is new or has changed, in words.
fn change(before: &State, now: &State) -> Option<String> {
    let ((kind, name), _) = now.iter().find(|(key, state)| before.get(*key) != Some(*state))?;
    let is_known = before.contains_key(&(kind.clone(), name.clone()));
    let shown = slashed(kind, name);
    Some(if is_known { format!("{shown} had changed") } else { format!("{shown} was there") })
}
