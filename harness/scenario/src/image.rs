//! Images: which version a step runs, and a user's own in place of the contract's.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_model::plan::Image;
use chartgate_yaml::{Invalid, Mistake, Spot, unknown};
use serde_json::{Value, json};

use super::names::Names;
use super::set_path;

/// An image of the user's in place of one that the contract names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOverride {
    /// The contract's name of the image.
    pub name: String,
    /// The contract's name of the version; `None`: every version.
    pub version: Option<String>,
    /// Repository.
    pub repository: String,
    /// Tag; `None`: the versions keep the contract's.
    pub tag: Option<String>,
}

impl std::str::FromStr for ImageOverride {
    type Err = String;

    /// `NAME[@VERSION]=REPOSITORY[:TAG]`
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, image)| !name.is_empty() && !image.is_empty());
        let (name, image) = parts.ok_or("expected NAME=REPOSITORY:TAG or NAME@VERSION=REPOSITORY:TAG")?;
        let (name, version) = name.split_once('@').map_or((name, None), |(name, version)| (name, Some(version)));
        // A colon before the last slash belongs to the registry's port.
        let start = image.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match image[start..].split_once(':') {
            Some((last, tag)) => (format!("{}{last}", &image[..start]), Some(tag.to_owned())),
            None => (image.to_owned(), None),
        };
        Ok(Self { name: name.to_owned(), version: version.map(str::to_owned), repository, tag })
    }
}

impl std::fmt::Display for ImageOverride {
    /// As it is written on the command line.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let version = self.version.as_ref().map_or(String::new(), |version| format!("@{version}"));
        let tag = self.tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
        write!(out, "{}{version}={}{tag}", self.name, self.repository)
    }
}

impl ImageOverride {
    /// Puts the image in its place.
    ///
    /// # Errors
    /// [`Invalid`] if the contract has no such image or version.
    pub(super) fn apply(&self, images: &mut BTreeMap<String, Image>) -> Result<()> {
        let known = images.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let Some(image) = images.get_mut(&self.name) else {
            return Err(Invalid(format!(
                "`--image {}=…` names no image of the contract; known are {known}",
                self.name
            ))
            .into());
        };
        image.repository = Some(self.repository.clone());
        for (version, tag) in &mut image.versions {
            if let Some(own) =
                self.tag.as_ref().filter(|_| self.version.as_ref().is_none_or(|chosen| chosen == version))
            {
                tag.clone_from(own);
            }
        }
        let own = self.tag.as_ref().filter(|_| self.version.is_some());
        match self.version.as_deref() {
            Some("crashes") => image.crashes = own.cloned(),
            Some("never-ready") => image.never_ready = own.cloned(),
            _ => {}
        }
        let known =
            |version: &str| ["crashes", "never-ready"].contains(&version) || image.versions.contains_key(version);
        match self.version.as_ref().filter(|chosen| !known(chosen)) {
            Some(chosen) => Err(Invalid(format!("the image `{}` has no version `{chosen}`", self.name)).into()),
            None => Ok(()),
        }
    }
}

/// The version of each image that a scenario begins with.
pub(super) fn first_versions(images: &BTreeMap<String, Image>) -> BTreeMap<String, String> {
    let first = |image: &Image| image.versions.keys().next().cloned();
    images.iter().filter_map(|(name, image)| Some((name.clone(), first(image)?))).collect()
}

/// The values that select a version of each image.
pub(super) fn image_values(
    at: Spot,
    names: &Names,
    images: &BTreeMap<String, Image>,
    chosen: &BTreeMap<String, String>,
) -> Value {
    let mut values = json!({});
    for (name, version) in chosen {
        let at = at.key(name);
        if !names.check_image(at.of_key(), name) {
            continue;
        }
        let Some(image) = images.get(name) else { continue };
        match image.versions.get(version) {
            Some(tag) => set_image(&mut values, image, tag),
            None => at.refuse(unknown("version", version, image.versions.keys().map(String::as_str))),
        }
    }
    values
}

/// Sets the values that select a tag of an image.
pub(super) fn set_image(values: &mut Value, image: &Image, tag: &str) {
    match (&image.tag_path, &image.repository) {
        (Some(path), repository) => {
            set_path(values, path, json!(tag));
            if let Some(repository) = repository {
                set_path(values, &image.repository_path, json!(repository));
            }
        }
        (None, repository) => {
            let repository = repository.as_deref().unwrap_or_default();
            set_path(values, &image.repository_path, json!(format!("{repository}:{tag}")));
        }
    }
}

/// Refuses an image that one value sets, if nothing says what stands before the tag there.
pub(super) fn check_repository(at: Spot, name: &str, image: &Image) {
    if image.tag_path.is_none() && image.repository.is_none() {
        let what = format!("the image `{name}` is set by one value, so its `use:` must name the repository");
        at.refuse(Mistake::new(&what));
    }
}
