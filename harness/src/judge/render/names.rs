//! `names-unique` and `image-pinned`: what the rendered objects and images are called.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::judge::object::{containers, kind, name, template, text, title};
use crate::judge::tally::{Tally, not_applicable, note};
use crate::judge::view::View;
use crate::judge::{Check, Evidence, Finding};
use crate::record::{Moment, Recording};

pub(in crate::judge) const NAMES_UNIQUE: Check = Check {
    name: "names-unique",
    proves: "every rendered object's name derives from the release's",
    means: "a second release of the chart in the same namespace collides with the first",
    explanation: include_str!("../explanation/names-unique.md"),
    judge: names_unique,
};

pub(in crate::judge) const IMAGE_PINNED: Check = Check {
    name: "image-pinned",
    proves: "every rendered image has a tag other than `latest`, or a digest",
    means: "what runs changes without an upgrade, and cannot be rolled back",
    explanation: include_str!("../explanation/image-pinned.md"),
    judge: image_pinned,
};

/// A chart may cut a long release name off to fit a name's limit; this much of it is enough to tell releases apart.
const PREFIX: usize = 20;

fn names_unique(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let objects = view.rendered_once();
    if objects.is_empty() {
        return not_applicable(NAMES_UNIQUE.name, "nothing was rendered");
    }
    let release = &view.plan.release;
    let part = release.char_indices().nth(PREFIX).map_or(release.as_str(), |(end, _)| &release[..end]);
    let mut tally = Tally::new(NAMES_UNIQUE.name);
    for object in objects {
        if name(object).contains(part) {
            tally.proved(note(format!("{} has the release's name in its own", title(object))));
        } else {
            let message = format!("the name of {} does not derive from the release's name `{release}`", title(object));
            tally.advise(message).hint("begin the name with `.Release.Name`");
        }
    }
    judge_neighbour(&view, &mut tally);
    tally.finish("every object's name derives from the release's")
}

/// A second release in the namespace was installed, shares no object, and was well before and after.
fn judge_neighbour(view: &View, tally: &mut Tally) {
    let Some(neighbour) = &view.plan.neighbour else { return };
    let looks = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Neighbour { objects, trouble, .. } => Some((entry, objects, trouble)),
        _ => None,
    });
    let looks: Vec<_> = looks.collect();
    let named = format!("the second release `{}`", neighbour.release);
    if looks.len() < 2 {
        tally.void(format!("{named} was not looked at before and after the steps"));
    }
    let identity = |object: &Value| (kind(object).to_owned(), name(object).to_owned());
    let own: BTreeSet<_> =
        view.steps.iter().filter_map(|run| run.release).flat_map(|it| view.manifest(it)).map(identity).collect();
    for (when, (entry, objects, trouble)) in ["before", "after"].into_iter().zip(&looks) {
        let seen = |text: String| Evidence { seq: Some(entry.seq), at: Some(entry.at), text };
        if let Some(trouble) = trouble {
            let what = format!("{named} was not well {when} the steps: {trouble}");
            tally.fail(what.clone()).with([seen(what)]);
            continue;
        }
        let shared =
            objects.iter().map(|hash| identity(view.recording.object(hash))).find(|object| own.contains(object));
        match shared {
            Some((kind, name)) => {
                tally.fail(format!("both releases own {kind} `{name}`")).hint("begin the name with `.Release.Name`");
            }
            None => tally.proved(seen(format!("{named} was well {when} the steps, with objects of its own"))),
        }
    }
}

fn image_pinned(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let mut tally = Tally::new(IMAGE_PINNED.name);
    let mut is_any = false;
    for object in view.rendered_once() {
        for container in template(object).into_iter().flat_map(containers) {
            is_any = true;
            let (image, shown) = (text(&container["image"]), title(object));
            let last = image.rsplit('/').next().unwrap_or_default();
            let tag = last.split_once(':').map(|(_, tag)| tag);
            if image.contains('@') || tag.is_some_and(|tag| !tag.is_empty() && tag != "latest") {
                tally.proved(note(format!("{shown} runs {image}")));
            } else {
                let message = format!(
                    "container `{}` of {shown} runs `{image}`, which may be another image tomorrow",
                    text(&container["name"])
                );
                tally.advise(message).hint("set a tag by default, for example the chart's `appVersion`");
            }
        }
    }
    if !is_any {
        return not_applicable(IMAGE_PINNED.name, "the chart renders nothing that has pods");
    }
    tally.finish("every image has a tag or a digest")
}

#[cfg(test)]
mod tests;
