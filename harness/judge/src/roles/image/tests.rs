use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named};

fn running(pod: &'static str, image: &'static str) -> Story {
    Story::good().edit(named("Pod", pod), move |pod| pod["spec"]["containers"][0]["image"] = json!(image))
}

/// A failure would mean that a worker which stays on the old version is accepted.
#[test]
fn a_role_on_another_tag_fails() {
    let story = running("cg-worker-1", "reg.example/codex-pooler:v1");
    check(&SAME_IMAGE, &story, Verdict::Fail, "image `app` differs after step 2 (upgrade)");
}

/// A failure would mean that a migration of another version than the application's is accepted.
#[test]
fn a_hook_on_another_tag_fails() {
    let story = running("cg-migrations-1", "reg.example/codex-pooler:v1");
    check(&SAME_IMAGE, &story, Verdict::Fail, "of hook `migrations` runs reg.example/codex-pooler:v1");
}

/// A failure would mean that a role with a hard-coded image is accepted.
#[test]
fn a_role_on_another_repository_fails() {
    let story = running("cg-scheduler", "docker.io/other:v1");
    check(&SAME_IMAGE, &story, Verdict::Fail, "pod/cg-scheduler-0 of role `scheduler` runs docker.io/other:v1");
    let shared = ["app", "worker", "migrations"].map(str::to_owned).to_vec();
    let story = story.plan(|plan| plan.images.get_mut("app").expect("it is there").used_by = shared);
    check(&SAME_IMAGE, &story, Verdict::Pass, "");
}

/// A failure would mean that a tag which was moved in between is taken for one image.
#[test]
fn one_name_with_two_contents_fails() {
    let moved = |pod: &mut Value| pod["status"]["containerStatuses"][0]["imageID"] = json!("sha256:other");
    let story = Story::good().edit(named("Pod", "cg-worker-1"), moved);
    check(&SAME_IMAGE, &story, Verdict::Fail, "one name but different content after step 2 (upgrade)");
}

/// A failure would mean that images which nobody saw running count as the same.
#[test]
fn images_that_were_not_seen_are_void() {
    let unstarted = |pod: &mut Value| pod["status"]["containerStatuses"] = json!([]);
    check(
        &SAME_IMAGE,
        &Story::good().edit(named("Pod", ""), unstarted),
        Verdict::Void,
        "no container of it has started",
    );
    check(&SAME_IMAGE, &Story::good().unseen(named("Pod", "")), Verdict::Void, "no pod that runs image `app`");
    check(&SAME_IMAGE, &Story::good().before(end_of(1), gap("Pod")), Verdict::Void, "gap of Pod");
}

/// A failure would mean that a chart without a contract is red.
#[test]
fn without_images_it_does_not_apply() {
    check(&SAME_IMAGE, &Story::good().plan(|plan| plan.images.clear()), Verdict::NotApplicable, "no image");
}

/// A failure would mean that a neighbour must be upgraded together with the release.
#[test]
fn a_neighbour_may_stay_on_another_version() {
    check(&SAME_IMAGE, &Story::good().with_neighbour(), Verdict::Pass, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = running("cg-worker-1", "reg.example/codex-pooler:v1");
    examples(&SAME_IMAGE, &Story::good(), &failing);
}
