//! Manifests: objects of Kubernetes' in files, as `kubectl apply` takes them.

use std::path::Path;

use anyhow::{Context, Result};
use chartgate_yaml::Invalid;
use serde_json::Value;

/// The objects of a file, or of every YAML file in a folder. What is no object of Kubernetes' is left out: a kustomization.
///
/// # Errors
/// [`Invalid`] if it cannot be read.
pub fn read_manifests(path: &Path) -> Result<Vec<Value>> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = path.read_dir().with_context(|| format!("read the folder `{}`", path.display()))?;
        files = entries.flatten().map(|entry| entry.path()).filter(|path| has_yaml_ending(path)).collect();
        files.sort();
    }
    let mut objects = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Invalid(format!("cannot read the manifest `{}`: {error}", file.display())))?;
        let read = chartgate_yaml::objects(&text)
            .map_err(|error| Invalid(format!("cannot parse the manifest `{}`: {error:#}", file.display())))?;
        objects.extend(read.into_iter().filter(|object| !chartgate_k8s::object::name(object).is_empty()));
    }
    Ok(objects)
}

fn has_yaml_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a folder of definitions is refused for the file that a tool left in it.
    #[test]
    fn a_folder_stands_for_its_objects_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("chartgate-manifest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("b.yaml"), "kind: B\nmetadata: {name: b}\n---\nkind: C\nmetadata: {name: c}\n")
            .unwrap();
        std::fs::write(folder.join("kustomization.yaml"), "kind: Kustomization\nresources: [b.yaml]\n").unwrap();
        std::fs::write(folder.join("notes.txt"), "not YAML").unwrap();
        let read = read_manifests(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read.iter().map(|object| &object["kind"]).collect::<Vec<_>>(), ["B", "C"]);
    }

    /// A failure would mean that a mis-spelled file is noticed only by what is missing later.
    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read_manifests(Path::new("no/such.yaml")).unwrap_err();
        assert!(error.is::<Invalid>() && error.to_string().contains("no/such.yaml"));
    }
}
