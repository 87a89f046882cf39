//! What a plan needs of a cluster: which one, with which images, and which database beside it.

use anyhow::Result;
use serde_json::Value;

use super::{Options, scope};
use crate::cluster::{Databases, Sharing};
use crate::home::Environment;
use crate::plan::{Fault, Plan};

/// Whether others may use the cluster meanwhile: what the scenario is to make there decides.
pub fn sharing<'a>(
    plan: &Plan,
    options: &Options,
    requires: bool,
    made: impl Iterator<Item = &'a Value>,
    ns: &str,
) -> Result<Sharing> {
    if options.context.is_some() {
        if plan.workers > 0 {
            let what = "the scenario needs worker nodes of its own, which are drained or counted";
            return Err(Environment::new(format!("{what}\nhint: leave out `--context` for it")).into());
        }
        Ok(Sharing::Shared)
    } else if plan.workers > 0 {
        Ok(Sharing::Own { nodes: plan.workers.saturating_add(1) })
    } else if requires {
        // What is required may be there once only.
        Ok(Sharing::Own { nodes: 1 })
    } else {
        Ok(scope::sharing(made, ns))
    }
}

/// A server that a step restarts is no one else's.
pub fn databases(plan: &Plan) -> Databases {
    if plan.databases().next().is_none() {
        return Databases::None;
    }
    let restarts = plan.steps.iter().any(|step| step.fault == Some(Fault::DatabaseRestarts));
    if restarts { Databases::Own } else { Databases::Shared }
}

/// Every container image that an object's pod template names.
pub fn images_of(object: &Value) -> Vec<String> {
    let mut images = Vec::new();
    collect_images(object, &mut images);
    images
}

fn collect_images(value: &Value, images: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                let containers = ["containers", "initContainers"].contains(&key.as_str());
                if let (true, Some(items)) = (containers, item.as_array()) {
                    images.extend(items.iter().filter_map(|container| container["image"].as_str().map(str::to_owned)));
                }
                collect_images(item, images);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_images(item, images)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that an image which only an init container runs is not on the node.
    #[test]
    fn every_image_of_a_pod_template_is_found() {
        let spec = json!({"initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"name": "c"}]});
        assert_eq!(images_of(&json!({"spec": {"template": {"spec": spec}}})), ["b:1", "a:1"]);
    }
}
