use chartgate_k8s::object::{kind, name};
use chartgate_model::plan::Neighbour;
use chartgate_model::recording::Variant;
use chartgate_model::recording::hash_of;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::start_of;
use crate::testing::{Story, check, examples, named, rendering};

/// A failure would mean that nobody is told of a name which two releases would share.
#[test]
fn a_name_without_the_releases_is_advised_against() {
    let story = Story::good().edit(named("Service", "cg"), |service| service["metadata"]["name"] = json!("pooler"));
    check(&NAMES_UNIQUE, &story, Verdict::Advice, "the name of service/pooler does not derive");
}

/// A failure would mean that a chart which cuts a long release name off is blamed for it.
#[test]
fn a_long_release_name_may_be_cut_off() {
    let story = Story::good().plan(|plan| plan.release = "a-release-with-a-long-name-indeed".to_owned());
    let story = story.edit(
        |object| object["metadata"]["name"].is_string(),
        |object| {
            let name =
                format!("a-release-with-a-long-name-{}", object["metadata"]["name"].as_str().expect("it has one"));
            object["metadata"]["name"] = json!(name);
        },
    );
    check(&NAMES_UNIQUE, &story, Verdict::Pass, "");
}

fn other_release() -> Variant {
    Variant::Release { name: "other".to_owned() }
}

/// Renders the same for a release whose objects are called `other-…`.
fn renamed(object: &mut Value) {
    let name = name(object).replacen("cg", "other", 1);
    object["metadata"]["name"] = json!(name);
}

/// A failure would mean that every name passes where the release is called like the chart, as it is by default.
#[test]
fn a_fixed_name_is_seen_though_the_release_has_the_charts_name() {
    let fixed = json!({"kind": "ConfigMap", "metadata": {"name": "cg-fixed"}});
    let story = Story::good().rendering(&fixed).varied(other_release(), |object| {
        if name(object) != "cg-fixed" {
            renamed(object);
        }
    });
    check(&NAMES_UNIQUE, &story, Verdict::Advice, "the name of configmap/cg-fixed does not derive");
    check(&NAMES_UNIQUE, &Story::good().varied(other_release(), renamed), Verdict::Pass, "(6 names)");
}

/// A failure would mean that a chart is told to give its definitions names that Kubernetes refuses.
#[test]
fn what_is_one_by_its_kind_may_have_one_name() {
    let definition = json!({"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.org"}});
    let service = json!({"kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"}});
    check(&NAMES_UNIQUE, &Story::good().rendering(&definition).rendering(&service), Verdict::Pass, "");
}

/// A failure would mean that nobody is told of a name which the same release in another namespace would share.
#[test]
fn a_name_of_the_whole_cluster_depends_on_the_namespace() {
    let role = json!({"kind": "ClusterRole", "metadata": {"name": "cg-reader"}});
    let elsewhere = || Variant::Namespace { name: "elsewhere".to_owned() };
    let story = Story::good().rendering(&role).varied(other_release(), renamed);
    let says = "the name of clusterrole/cg-reader does not depend on the namespace: a release `cg` in another namespace collides";
    check(&NAMES_UNIQUE, &story.clone().varied(elsewhere(), |_| {}), Verdict::Advice, says);
    let own = story.varied(elsewhere(), |object| {
        if kind(object) == "ClusterRole" {
            object["metadata"]["name"] = json!("elsewhere-cg-reader");
        }
    });
    check(&NAMES_UNIQUE, &own, Verdict::Pass, "");
    // An operator with its definitions is one in a cluster.
    let definition = json!({"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.org"}});
    let operator = Story::good().rendering(&role).rendering(&definition).varied(other_release(), renamed);
    check(&NAMES_UNIQUE, &operator.varied(elsewhere(), |_| {}), Verdict::Pass, "");
}

/// A failure would mean that a gateway whose image the mesh puts in is told to pin a placeholder.
#[test]
fn a_placeholder_that_is_filled_in_needs_no_tag() {
    let story = |labels: Value| {
        Story::good().edit(named("Deployment", "cg-worker"), move |deployment| {
            deployment["spec"]["template"]["metadata"]["labels"] = labels.clone();
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("auto");
        })
    };
    check(&IMAGE_PINNED, &story(json!({"sidecar.mesh.example/inject": "true"})), Verdict::Pass, "");
    check(&IMAGE_PINNED, &story(json!({})), Verdict::Advice, "runs `auto`");
}

/// A failure would mean that nobody is told of an image that may change by itself.
#[test]
fn an_image_without_a_fixed_tag_is_advised_against() {
    for image in ["app", "app:latest", "localhost:5000/app", "reg.example/app:"] {
        let story = Story::good().edit(named("Deployment", "cg-worker"), move |deployment| {
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        });
        check(
            &IMAGE_PINNED,
            &story,
            Verdict::Advice,
            &format!("container `worker` of deployment/cg-worker runs `{image}`"),
        );
    }
}

/// A failure would mean that a digest, or a registry's port, is misread.
#[test]
fn a_tag_or_a_digest_pins() {
    for image in ["localhost:5000/app:1.2", "app@sha256:0123"] {
        let story = Story::good().edit(named("Deployment", "cg-worker"), move |deployment| {
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        });
        check(&IMAGE_PINNED, &story, Verdict::Pass, "");
    }
}

/// A failure would mean that advice is given about nothing.
#[test]
fn without_a_render_there_is_no_advice() {
    let story = Story::good().unrendered(|_| true);
    check(&NAMES_UNIQUE, &story, Verdict::NotApplicable, "nothing was rendered");
    check(&IMAGE_PINNED, &story, Verdict::NotApplicable, "nothing that has pods");
}

fn neighbour(objects: &[&Value], trouble: Option<&str>) -> Story {
    let story = Story::good().plan(|plan| {
        plan.neighbour = Some(Neighbour { release: "other".to_owned(), values: json!({}) });
    });
    let hashes: Vec<String> = objects.iter().map(|object| hash_of(object)).collect();
    let look = |trouble: Option<&str>| Moment::Neighbour {
        release: "other".to_owned(),
        objects: hashes.clone(),
        trouble: trouble.map(str::to_owned),
    };
    let story = objects.iter().fold(story, |story, object| story.knowing(object));
    story.before(start_of(0), look(None)).before(|moment| matches!(moment, Moment::Ended), look(trouble))
}

/// A failure would mean that two users of one namespace take each other's objects, or break each other's pods.
#[test]
fn a_neighbour_keeps_its_objects_and_its_health() {
    let own = json!({"kind": "Service", "metadata": {"name": "other"}});
    check(&NAMES_UNIQUE, &neighbour(&[&own], None), Verdict::Pass, "");
    let trouble = neighbour(&[&own], Some("deployment/other has 0 of 1 pods available"));
    check(&NAMES_UNIQUE, &trouble, Verdict::Fail, "`other` was not well after the steps");
    let shared = json!({"kind": "Deployment", "metadata": {"name": "cg-app"}});
    check(&NAMES_UNIQUE, &neighbour(&[&shared], None), Verdict::Fail, "both releases own deployment/cg-app");
}

/// A failure would mean that `chartgate check` calls a scenario of two releases unproven, which only a cluster can prove.
#[test]
fn a_neighbour_is_not_looked_for_where_nothing_runs() {
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: shop-web}\nspec: {selector: {app: shop}, ports: [{port: 80}]}";
    let story = rendering(service).plan(|plan| {
        plan.release = "shop".to_owned();
        plan.neighbour = Some(Neighbour { release: "other".to_owned(), values: json!({}) });
    });
    check(&NAMES_UNIQUE, &story, Verdict::Pass, "");
}

/// A failure would mean that a neighbour nobody looked at counts as undisturbed.
#[test]
fn a_neighbour_that_was_not_looked_at_is_void() {
    let story = neighbour(&[], None).without(|moment| matches!(moment, Moment::Neighbour { .. }));
    check(&NAMES_UNIQUE, &story, Verdict::Void, "was not looked at");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = Story::good().edit(named("Service", "cg"), |service| service["metadata"]["name"] = json!("pooler"));
    examples(&NAMES_UNIQUE, &Story::good(), &failing);
    let failing = Story::good().edit(named("Deployment", "cg-worker"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("reg.example/app:latest");
    });
    examples(&IMAGE_PINNED, &Story::good(), &failing);
}
