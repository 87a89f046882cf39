use std::collections::HashMap;
use std::path::Path;

use chartgate_judge::Evidence;
use chartgate_k8s::typed::Object;
use chartgate_model::recording::{Answer, Change, Entry, Moment, Probe};
use serde_json::{Value, json};

use super::super::testing::{finding, report};
use super::*;

fn golden() -> Recording {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Recording::load(&root.join("tests/recordings/1/codex-pooler-single-replica")).unwrap()
}

fn story(recording: &Recording) -> Value {
    let report = ScenarioReport::of(recording, Path::new("out"));
    serde_json::from_str(&Scene::new(recording, &report).story(DEPTHS[0]).unwrap()).unwrap()
}

fn lane<'v>(story: &'v Value, group: &str, title: &str) -> &'v Value {
    let groups = story["groups"].as_array().unwrap();
    let group = groups.iter().find(|it| it["title"] == group).unwrap_or_else(|| panic!("no `{group}` in {groups:#?}"));
    let lanes = group["lanes"].as_array().unwrap();
    lanes.iter().find(|lane| lane["title"].as_str().unwrap().starts_with(title)).unwrap()
}

fn classes(lane: &Value) -> Vec<&str> {
    lane["bars"].as_array().unwrap().iter().map(|bar| bar["class"].as_str().unwrap()).collect()
}

/// A failure would mean that the page shows another course of events than the one that was recorded.
#[test]
fn a_timeline_shows_pods_hooks_endpoints_and_what_changed() {
    let story = story(&golden());
    assert_eq!(story["steps"].as_array().unwrap().len(), 3);
    let old = lane(&story, "pods of app, revision 1", "codex-pooler-app-");
    assert_eq!(classes(old), ["pending", "starting", "ready", "ending", "done"]);
    assert_eq!(classes(lane(&story, "pods of app, revision 3", "codex-pooler-app-"))[2..], ["ready"]);
    assert_eq!(classes(lane(&story, "hooks and other jobs", "hook migrations: Job ")), ["done"]);
    assert_eq!(classes(lane(&story, "helm", "helm upgrade")), ["call"]);
    let serving = lane(&story, "endpoints", "Service codex-pooler");
    assert_eq!(classes(serving)[..2], ["empty", "serving"]);
    let object = lane(&story, "objects of the release", "Deployment codex-pooler-app");
    assert_eq!(classes(object), ["new", "changed", "changed"]);
    let detail = |lane: &Value| story["details"].pointer(&format!("/{}", lane["detail"])).unwrap().clone();
    assert!(detail(object)["states"][1][1].as_str().unwrap().contains("image: chartgate/codex-pooler:v2"));
    assert!(detail(old)["log"].to_string().contains("SIGTERM: stopping"), "{}", detail(old));
}

/// A failure would mean that a reader of the page searches for the moment that broke the promise.
#[test]
fn the_failing_moment_is_marked() {
    let mut recording = golden();
    for entry in &mut recording.entries {
        match &mut entry.moment {
            Moment::Probe(probe) if probe.answer == Answer::Refused => probe.answer = Answer::Connected,
            _ => {}
        }
    }
    let story = story(&recording);
    let first = &story["cited"][0];
    assert!(first["class"] == "failing" && first["label"].as_str().unwrap().starts_with("role-serves: "), "{first}");
}

/// A failure would mean that a reader cannot see which requests were lost, or what a fault did to them.
#[test]
fn lost_requests_and_faults_stand_in_lanes_of_their_own() {
    let mut recording = golden();
    let moments = [
        json!({"kind": "served", "role": "app", "from": 12_000, "to": 12_250, "count": 12, "slowest_ms": 9, "late_ms": 0,
               "by_pod": {}}),
        json!({"kind": "fault", "step": 1, "what": "the database refuses DDL"}),
        json!({"kind": "failed", "role": "app", "sent": 12_300, "took_ms": 3, "failure": "refused", "pod": null}),
    ];
    let last = recording.entries.len() - 1;
    for moment in moments {
        let entry = Entry { seq: 1, at: 12_500, moment: serde_json::from_value(moment).unwrap() };
        recording.entries.insert(last, entry);
    }
    let story = story(&recording);
    let group = "requests and sessions of users";
    assert_eq!(classes(lane(&story, group, "app served")), ["serving"]);
    assert_eq!(lane(&story, group, "app requests: refused")["marks"][0]["at"], 12_300);
    assert_eq!(lane(&story, "faults", "took effect")["marks"][0]["label"], "the database refuses DDL");
}

/// A failure would mean that a log line or a name runs as a script in the browser of whoever reads the page.
#[test]
fn foreign_text_is_no_markup() {
    let mut hostile = report(vec![finding("ready", Verdict::Fail, "</dd><script>1</script>\nhint: <img src=x>")]);
    hostile.scenarios[0].name = "\"><script>2</script>".to_owned();
    hostile.scenarios[0].description = "<b onclick='3'>".to_owned();
    let page = document(&hostile).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "only the page's own");
    assert!(!page.contains("<img") && !page.contains("<b on"), "{page}");
    let policy = format!("script-src {}", fingerprint(SCRIPT));
    assert!(page.contains(&policy) && !page.contains("unsafe"), "nothing else may run");
    assert!(!page.contains("https://") && !page.contains("http://"), "nothing is fetched");
}

/// A failure would mean that a recording which cannot be read looks as if nothing had been recorded.
#[test]
fn a_timeline_that_cannot_be_read_is_said_to_be() {
    let folder = std::env::temp_dir().join(format!("chartgate-{}", chartgate_base::random::text(8)));
    std::fs::create_dir(&folder).unwrap();
    let mut broken = report(vec![finding("ready", Verdict::Pass, "it is")]);
    broken.scenarios[0].evidence = folder.clone();
    let nothing = document(&broken).unwrap();
    std::fs::write(folder.join("plan.json"), "{").unwrap();
    let page = document(&broken).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(nothing.contains("No timeline was recorded."), "{nothing}");
    assert!(page.contains("The timeline cannot be shown: ") && page.contains("plan.json"), "{page}");
}

/// A scenario of many pods, each with a log, and of many requests.
fn crowded(pods: usize, requests: usize) -> Recording {
    let mut recording = golden();
    let has_address = |object: &&Object| object.pod_status().is_some_and(|status| status.pod_ip.is_some());
    let template = recording.objects.values().find(has_address);
    let template = template.unwrap().raw().clone();
    let mut objects: HashMap<String, Object> = HashMap::new();
    let length = recording.entries.last().unwrap().at;
    for index in 0..pods {
        for (phase, at) in [("Pending", 1000), ("Running", 3000), ("Succeeded", 20_000)] {
            let mut pod = template.clone();
            let hash = chartgate_base::random::text(5);
            pod["metadata"]["name"] = json!(format!("codex-pooler-app-b8b998d77-{index}"));
            pod["metadata"]["uid"] = json!(format!("uid-{index}"));
            pod["metadata"]["resourceVersion"] = json!(hash);
            pod["status"]["phase"] = json!(phase);
            let at = at + index as u64 * 17;
            objects.insert(hash.clone(), pod.into());
            recording.entries.push(Entry { seq: 0, at, moment: Moment::Object { change: Change::Applied, hash } });
        }
        for line in 0..80 {
            let pod = format!("codex-pooler-app-b8b998d77-{index}");
            let line = format!("request {line} {}", chartgate_base::random::text(32));
            let moment = Moment::Log { pod, container: "app".to_owned(), restart: 0, line };
            recording.entries.push(Entry { seq: 0, at: 4000, moment });
        }
    }
    for request in 0..requests {
        let (role, address) = ("app".to_owned(), "10.0.0.1:80".to_owned());
        let answer = Answer::Http { status: 200, headers: std::collections::BTreeMap::new(), body: String::new() };
        let path = Some(format!("/{request}"));
        let probe = Probe { step: 0, role, pod: None, address, path, ready_throughout: true, answer, control: None };
        recording.entries.push(Entry {
            seq: 0,
            at: request as u64 * length / requests as u64,
            moment: Moment::Probe(probe),
        });
    }
    recording.objects.extend(objects);
    recording.entries.sort_by_key(|entry| entry.at);
    recording
}

/// A failure would mean that the report of a large run cannot be uploaded, mailed or opened.
#[test]
fn a_crowded_scenario_fits_its_share_of_the_page() {
    let recording = crowded(200, 2000);
    // A failure that names each pod must not bring each pod's log and YAML back.
    let named =
        |index| Evidence { seq: None, at: Some(index), text: format!("pod `codex-pooler-app-b8b998d77-{index}`") };
    let loud = Finding { evidence: (0..200).map(named).collect(), ..finding("ready", Verdict::Fail, "x") };
    let report = &report(vec![loud]).scenarios[0];
    let mut scene = Scene::new(&recording, report);
    let (packed, story) = fitting(&mut scene, TIMELINES / 50).unwrap();
    assert!(packed.len() <= TIMELINES / 50, "{} bytes", packed.len());
    let story: Value = serde_json::from_str(&story).unwrap();
    let lanes = story["groups"].as_array().unwrap().iter().flat_map(|group| group["lanes"].as_array().unwrap());
    assert!(lanes.count() >= 200, "each pod has its lane");
    assert_eq!(story["is_cut"], true, "what is left out is said to be");
}
