use chartgate_k8s::object::template;
use chartgate_model::recording::{Change, Moment};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named};

fn is_v2_worker(object: &Value) -> bool {
    named("Deployment", "cg-worker")(object) && object["status"]["observedGeneration"] == 2
}

fn unready() -> Story {
    let story = Story::good().edit(is_v2_worker, |deployment| deployment["status"]["availableReplicas"] = json!(0));
    story.edit(
        |object| object["metadata"]["uid"] == "worker-1",
        |pod| {
            pod["status"]["conditions"] = json!([]);
            pod["status"]["containerStatuses"][0]["ready"] = json!(false);
            pod["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
        },
    )
}

/// A failure would mean that a release with a part that does not run is accepted.
#[test]
fn a_workload_that_is_not_ready_fails_with_pod_and_event() {
    let event = json!({
        "kind": "Event", "metadata": {"name": "e", "uid": "e"}, "type": "Warning", "reason": "Unhealthy",
        "message": "Readiness probe failed: HTTP 404", "involvedObject": {"kind": "Pod", "name": "cg-worker-1"},
    });
    let story = unready().sighting(end_of(1), Change::Applied, &event);
    let says = "deployment/cg-worker has 0 of 1 pods available, 1 with the new template; pod/cg-worker-1: container `worker` runs but is not ready at the end of step 2 (upgrade)";
    let finding = check(&READY, &story, Verdict::Fail, says);
    let all = finding.evidence.iter().map(|evidence| evidence.text.as_str()).collect::<Vec<_>>().join("\n");
    assert!(all.contains("event of pod/cg-worker-1: Unhealthy: Readiness probe failed"), "{all}");
}

/// A failure would mean that what helm waited for in vain has no name.
#[test]
fn a_failed_step_names_what_was_not_ready() {
    let story = Story::good().failing_install("timed out").edit(named("Deployment", "cg-app"), |deployment| {
        deployment["status"]["availableReplicas"] = json!(0);
    });
    check(&READY, &story, Verdict::Fail, "deployment/cg-app has 0 of 1 pods available");
}

/// A failure would mean that helm's word is worth more than the workload's own status.
#[test]
fn a_workload_that_only_helm_takes_for_ready_fails() {
    let story = Story::good().moments(|moment| {
        if let Moment::StepEnded { step: 0, outcome } = moment {
            *outcome = StepOutcome::NotReady { why: "job/x is not complete".to_owned() }
        }
    });
    check(&READY, &story, Verdict::Fail, "helm took step 1 (install) for done, but the harness does not: job/x");
}

/// A failure would mean that a workload which was never created counts as ready.
#[test]
fn a_workload_that_does_not_exist_fails() {
    let story = Story::good().unseen(named("Deployment", "cg-worker"));
    check(&READY, &story, Verdict::Fail, "deployment/cg-worker does not exist");
}

/// A plain Job that Kubernetes removes once it has ended, as it was seen last.
fn with_passing_job(condition: &str) -> Story {
    let job = json!({
        "kind": "Job", "metadata": {"name": "once", "uid": "once"}, "spec": {"ttlSecondsAfterFinished": 0},
    });
    let mut ended = job.clone();
    ended["status"] = json!({"conditions": [{"type": condition, "status": "True"}]});
    let story = Story::good().rendering(&job).sighting(end_of(0), Change::Applied, &ended);
    story.sighting(end_of(0), Change::Deleted, &ended)
}

/// A failure would mean that a Job which is gone because it is done makes a chart red, or that one which failed is overlooked.
#[test]
fn a_job_that_goes_when_it_is_done_is_judged_by_how_it_ended() {
    check(&READY, &with_passing_job("Complete"), Verdict::Pass, "");
    check(&READY, &with_passing_job("Failed"), Verdict::Fail, "job/once failed");
    let unseen = with_passing_job("Complete").unseen(named("Job", "once"));
    check(&READY, &unseen, Verdict::Fail, "job/once does not exist at the end of step 1 (install)");
}

/// A failure would mean that what a chart installs elsewhere is called missing, or ready although nobody looked.
#[test]
fn a_workload_in_another_namespace_is_void() {
    let story = Story::good().edit(named("Deployment", "cg-worker"), |deployment| {
        deployment["metadata"]["namespace"] = json!("kube-system");
    });
    check(&READY, &story, Verdict::Void, "deployment/cg-worker is in namespace `kube-system`");
}

/// A failure would mean that a state which nobody saw counts as ready.
#[test]
fn an_unseen_state_is_void() {
    check(&READY, &Story::good().before(end_of(1), gap("Deployment")), Verdict::Void, "gap of Deployment");
    let unknown = Story::good().without(|moment| matches!(moment, Moment::Release(release) if release.step == 1));
    check(&READY, &unknown, Verdict::Void, "the release was not recorded after step 2 (upgrade)");
    check(&READY, &Story::good().without(|moment| matches!(moment, Moment::Ended)), Verdict::Void, "not whole");
}

/// A failure would mean that a chart of ConfigMaps alone is red.
#[test]
fn without_workloads_readiness_does_not_apply() {
    let story = Story::good().unrendered(|object| template(object).is_some());
    check(&READY, &story, Verdict::NotApplicable, "no workload");
    check(&NO_RESTARTS, &story, Verdict::NotApplicable, "nothing that has pods");
}

fn answering(pick: impl Fn(&Probe) -> bool, answer: &Answer) -> Story {
    Story::good().probes(|probe| probe.path.is_some() && pick(probe), |probe| probe.answer = answer.clone())
}

fn http(status: u16, body: &str) -> Answer {
    Answer::Http { status, headers: BTreeMap::new(), body: body.to_owned() }
}

/// A failure would mean that a wrong answer of one pod, or of the Service alone, is accepted.
#[test]
fn an_answer_other_than_the_promised_fails() {
    let of_pod = |probe: &Probe| probe.step == 1 && probe.pod.is_some();
    let says = "pod/cg-app-1 of role `app` answered with status 503, not 200 for /readyz after step 2 (upgrade)";
    check(&HEALTH_PATH, &answering(of_pod, &http(503, "ok")), Verdict::Fail, says);
    let of_service = |probe: &Probe| probe.pod.is_none();
    check(&HEALTH_PATH, &answering(of_service, &http(200, "hello")), Verdict::Fail, "a body without `ok` (`hello`)");
    check(&HEALTH_PATH, &answering(of_service, &Answer::TimedOut), Verdict::Fail, "did not answer in time");
}

/// A failure would mean that a promised header may be missing.
#[test]
fn a_missing_header_fails() {
    let promised = [("content-type".to_owned(), "text/plain".to_owned())];
    let story = Story::good().plan(|plan| {
        let serves = plan.roles.get_mut("app").and_then(|role| role.serves.as_mut()).expect("it serves");
        serves.paths[0].headers = promised.clone().into();
    });
    check(&HEALTH_PATH, &story, Verdict::Fail, "no such header for header `content-type`, not `text/plain`");
    let headers = BTreeMap::from(promised);
    let given = story.probes(
        |probe| probe.path.is_some(),
        |probe| {
            probe.answer = Answer::Http { status: 200, headers: headers.clone(), body: "ok".to_owned() };
        },
    );
    check(&HEALTH_PATH, &given, Verdict::Pass, "");
}

/// A failure would mean that a path which nobody asked for counts as right.
#[test]
fn a_path_that_was_not_asked_is_void() {
    let of_service = |moment: &Moment| matches!(moment, Moment::Probe(probe) if probe.pod.is_none());
    check(&HEALTH_PATH, &Story::good().without(of_service), Verdict::Void, "its Service of role `app` was not asked");
    let dying = answering(|_| true, &Answer::Refused).probes(|_| true, |probe| probe.ready_throughout = false);
    check(&HEALTH_PATH, &dying, Verdict::Void, "not ready all the time");
}

/// A failure would mean that a run is void for a question which came a moment too late.
#[test]
fn a_pod_that_leaves_while_it_is_asked_counts_for_nothing() {
    let story = Story::good();
    let asked = story.0.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Probe(probe) if probe.step == 1 && probe.path.is_some() && probe.pod.is_some() => Some(probe.clone()),
        _ => None,
    });
    let (pod, answer) = (Some("cg-app-0".to_owned()), Answer::TimedOut);
    let late = Probe { pod, answer, ready_throughout: false, ..asked.expect("the role is asked") };
    check(&HEALTH_PATH, &story.before(end_of(1), Moment::Probe(late)), Verdict::Pass, "");
}

/// A failure would mean that a chart whose contract promises no path is red.
#[test]
fn without_paths_health_does_not_apply() {
    let story = Story::good().plan(|plan| plan.roles.values_mut().for_each(|role| role.serves = None));
    check(&HEALTH_PATH, &story, Verdict::NotApplicable, "no path");
}

fn restarted(pod: &'static str) -> Story {
    let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    Story::good().edit(named("Pod", pod), move |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(2);
        pod["status"]["containerStatuses"][0]["lastState"] = ended.clone();
    })
}

/// A failure would mean that an application which crashes before it settles is accepted.
#[test]
fn a_restart_fails_with_its_reason_and_log() {
    let line = Moment::Log {
        pod: "cg-app-0".to_owned(),
        container: "app".to_owned(),
        restart: 0,
        line: "no memory left".to_owned(),
    };
    let story = restarted("cg-app-0").before(end_of(0), line);
    let says = "container `app` of pod/cg-app-0 restarted 2 times; it last ended with exit code 137 (OOMKilled)";
    let finding = check(&NO_RESTARTS, &story, Verdict::Fail, says);
    assert!(finding.evidence.iter().any(|evidence| evidence.text.contains("no memory left")), "{finding:#?}");
}

/// A failure would mean that the crash which a scenario asks for makes it red.
#[test]
fn a_restart_in_a_step_that_is_to_fail_is_expected() {
    let story =
        restarted("cg-app-1").plan(|plan| plan.steps[1].expect = chartgate_model::plan::Expect::Fails("x".to_owned()));
    check(&NO_RESTARTS, &story, Verdict::Pass, "");
}

/// A failure would mean that pods which nobody saw count as stable.
#[test]
fn unseen_pods_are_void() {
    check(&NO_RESTARTS, &Story::good().unseen(named("Pod", "")), Verdict::Void, "nothing was seen");
    check(&NO_RESTARTS, &Story::good().before(end_of(1), gap("Pod")), Verdict::Void, "gap of Pod");
}

/// After the upgrade nothing but a fault.
fn disrupted() -> Story {
    let moment = Moment::Fault { step: 2, what: "the server was restarted".to_owned() };
    Story::disrupted(chartgate_model::plan::Fault::DatabaseRestarts, moment)
}

/// A failure would mean that a release which does not recover from a fault is accepted, or that one which does is refused.
#[test]
fn a_disruption_is_judged_as_an_upgrade() {
    check(&READY, &disrupted(), Verdict::Pass, "");
    check(&HEALTH_PATH, &disrupted(), Verdict::Pass, "");
    let why = "deployment/cg-app has 0 of 1 pods available".to_owned();
    let story = disrupted().ending(2, &StepOutcome::NotReady { why }, "");
    check(&READY, &story, Verdict::Fail, "the release was not ready again after step 3 (fault): deployment/cg-app");
    let wrong = |probe: &mut Probe| probe.answer = Answer::Refused;
    let story = disrupted().probes(|probe| probe.step == 2 && probe.path.is_some(), wrong);
    check(&HEALTH_PATH, &story, Verdict::Fail, "refused the connection for /readyz after step 3 (fault)");
    let unasked = disrupted().without(|moment| matches!(moment, Moment::Probe(probe) if probe.step == 2));
    check(&HEALTH_PATH, &unasked, Verdict::Pass, "");
}

/// A failure would mean that pods may be restarted because their database was.
#[test]
fn a_restart_in_a_disruption_fails() {
    let story = disrupted().edit(named("Pod", "cg-app-1"), |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(1);
    });
    check(&NO_RESTARTS, &story, Verdict::Fail, "container `app` of pod/cg-app-1 restarted 1 times");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = unready();
    examples(&READY, &Story::good(), &failing);
    let failing = answering(|probe| probe.step == 1 && probe.pod.is_some(), &http(503, "ok"));
    examples(&HEALTH_PATH, &Story::good(), &failing);
    let failing = restarted("cg-app-0");
    examples(&NO_RESTARTS, &Story::good(), &failing);
}
