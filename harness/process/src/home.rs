//! Where chartgate keeps its state, and what the set-up put there: tools, images, and which versions of them. What it did not put there is
//! looked for on the `PATH`, or is the image that `versions.env` pins.

mod path;
mod state;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
pub use chartgate_base::{Environment, is_environment, unless_environment};
pub use path::look_on_path;
pub use state::folder;
use state::{VERSIONS, entries, pinned};

static EXE: OnceLock<PathBuf> = OnceLock::new();

/// Says where the `chartgate` command is; a test calls it first, with `env!("CARGO_BIN_EXE_chartgate")`. The first call counts.
pub fn set_exe(path: impl Into<PathBuf>) {
    EXE.get_or_init(|| path.into());
}

/// The `chartgate` command: as [`set_exe`] said, else `CHARTGATE_EXE`, else this process if it is one.
///
/// `None` in a test binary that did not say: it can start no broker, and its children are not guarded against its own death.
pub fn exe() -> Option<&'static Path> {
    if EXE.get().is_none() {
        let this =
            || std::env::current_exe().ok().filter(|exe| exe.file_stem().is_some_and(|stem| stem == "chartgate"));
        let exe = std::env::var_os("CHARTGATE_EXE").map(PathBuf::from).or_else(this)?;
        set_exe(exe);
    }
    EXE.get().map(PathBuf::as_path)
}

/// What the set-up noted of the tools that it took from the `PATH` or made, by the keys of `versions.env`.
static TOOLS: OnceLock<String> = OnceLock::new();

/// The version under `key`, for example `KIND`: that of the program on the `PATH` where there was no set-up, else the one that the set-up
/// took, else the one that `versions.env` names.
pub fn version(key: &str) -> Result<&'static str> {
    let read = || folder().and_then(|folder| Ok(fs::read_to_string(folder.join("tools.env"))?)).unwrap_or_default();
    path::versions()
        .chain(entries(TOOLS.get_or_init(read)))
        .chain(entries(VERSIONS))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .with_context(|| format!("`versions.env` has no `{key}`"))
}

/// The version of helm that a major version stands for.
pub fn helm_version(major: &str) -> Result<&'static str> {
    version(&format!("HELM_{major}"))
}

/// The program of helm that a major version stands for.
///
/// # Errors
/// [`Environment`] if it is not there.
pub fn helm(major: &str) -> Result<PathBuf> {
    tool("helm", helm_version(major)?)
}

/// The minor version of Kubernetes to use if the user names none: `KUBERNETES` of the environment, else of `versions.env`.
pub fn kubernetes() -> Result<String> {
    match std::env::var("KUBERNETES") {
        Ok(minor) if !minor.is_empty() => Ok(minor),
        _ => version("KUBERNETES").map(str::to_owned),
    }
}

/// The release that each supported minor version of Kubernetes stands for, the oldest first: `1.34.4`.
pub fn kubernetes_releases() -> Vec<String> {
    let number = |part: &str| part.parse::<u32>().unwrap_or_default();
    let of = |(key, release): (&str, &str)| {
        let (major, minor) = key.strip_prefix("KUBERNETES_")?.split_once('_')?;
        Some(((number(major), number(minor)), release.to_owned()))
    };
    let mut releases: Vec<_> = entries(VERSIONS).filter_map(of).collect();
    releases.sort();
    releases.into_iter().map(|(_, release)| release).collect()
}

/// The program `name` in a `version`: the one that the set-up put into the state folder, else the one on the `PATH`.
///
/// # Errors
/// [`Environment`] if it is not there.
pub fn tool(name: &str, version: &str) -> Result<PathBuf> {
    let path = folder()?.join("bin").join(format!("{name}-{version}"));
    if path.exists() {
        return Ok(path);
    }
    path::program(name, version).ok_or_else(|| {
        let what = format!("no {name} {version} at `{}`, and none on the `PATH` that will do", path.display());
        Environment::hinted(what, "run `chartgate setup`").into()
    })
}

/// The reference of the image under `key`, for example `POSTGRES`: the one that the user named, else the one that the set-up pulled or
/// built, else the one that `versions.env` pins, which is pulled where it is used.
///
/// # Errors
/// [`Environment`] if there is none.
pub fn image(key: &str) -> Result<String> {
    if let Some(named) = named_image(key) {
        return Ok(named);
    }
    let images = noted_images()?;
    // Nodes are containers of this machine's engine.
    let is_node = key.starts_with("NODE_");
    let found = images.get(key).cloned().or_else(|| pinned_image(key));
    found.map(|reference| if is_node { reference } else { in_registry(&reference) }).ok_or_else(|| {
        let known: Vec<_> = images.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let what = format!("no image `{key}` in `images.env` of the state folder, which has {known}");
        Environment::hinted(what, format!("run `make setup` in a checkout, or name one with `{}`", variable_of(key)))
            .into()
    })
}

/// The reference that `versions.env` has for an image's key.
fn pinned_image(key: &str) -> Option<String> {
    let pinned = match key.strip_prefix("NODE_") {
        Some(minor) => pinned(&format!("NODE_IMAGE_{minor}")),
        None => pinned(&format!("{key}_IMAGE")),
    };
    pinned.map(str::to_owned)
}

/// Every image by the name that templates give it, for example `postgres`: those that are pinned, those that the set-up noted, and those that
/// the user named, also under names of their own.
pub fn images() -> BTreeMap<String, String> {
    // What else is noted there is no reference of one image.
    let is_reference = |text: &str| text.contains([':', '/']) && !text.contains(',');
    let noted = noted_images().unwrap_or_default().into_iter().filter(|(_, reference)| is_reference(reference));
    let noted = noted.map(|(key, reference)| (key, in_registry(&reference)));
    let set =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let named = set.filter(|(_, reference)| !reference.is_empty()).filter_map(|(name, reference)| {
        let key = name.strip_prefix("CHARTGATE_")?.strip_suffix("_IMAGE")?;
        Some((key.to_owned(), reference))
    });
    let pinned = entries(VERSIONS).filter_map(|(key, reference)| Some((key.strip_suffix("_IMAGE")?, reference)));
    let pinned = pinned.map(|(key, reference)| (key.to_owned(), reference.to_owned()));
    let all = pinned.chain(noted).chain(named);
    all.map(|(key, reference)| (key.to_lowercase().replace('_', "-"), reference)).collect()
}

/// The reference of the image that the user named in place of what the set-up noted under `key`: `CHARTGATE_PROBER_IMAGE`.
pub fn named_image(key: &str) -> Option<String> {
    std::env::var(variable_of(key)).ok().filter(|reference| !reference.is_empty())
}

/// The variable with which a user names the image of a key, or of a template's name for it.
pub fn variable_of(key: &str) -> String {
    format!("CHARTGATE_{}_IMAGE", key.to_uppercase().replace('-', "_"))
}

/// The reference of the prober's image.
///
/// # Errors
/// [`Environment`] if there is none.
pub fn prober() -> Result<String> {
    let hint = "take the static binary of a release, which is the prober itself, run `make setup` in a checkout, or name an image with `CHARTGATE_PROBER_IMAGE`";
    image("PROBER").map_err(|_| Environment::hinted("there is no image of the prober", hint).into())
}

/// The reference that was noted under `key`.
pub fn noted_image(key: &str) -> Result<Option<String>> {
    Ok(noted_images()?.remove(key))
}

/// Notes a reference under `key`, as the set-up does: one of them at a time, and a reader never finds a part.
pub fn note_image(key: &str, reference: &str) -> Result<()> {
    let folder = folder()?;
    fs::create_dir_all(folder.join("lock"))?;
    let lock = File::create(folder.join("lock/images.env"))?;
    lock.lock()?;
    let mut images = noted_images()?;
    images.insert(key.to_owned(), reference.to_owned());
    let lines: Vec<String> = images.iter().map(|(key, reference)| format!("{key}={reference}")).collect();
    fs::write(folder.join("images.env.new"), lines.join("\n") + "\n")?;
    fs::rename(folder.join("images.env.new"), folder.join("images.env"))?;
    Ok(())
}

static IMAGE_REGISTRY: OnceLock<String> = OnceLock::new();

/// Says where chartgate's own images are for clusters that pull them, for example `registry.example/team`. The first call counts.
pub fn set_image_registry(place: String) {
    IMAGE_REGISTRY.get_or_init(|| place);
}

/// Where chartgate's own images are, if the user said so.
pub fn image_registry() -> Option<&'static str> {
    IMAGE_REGISTRY.get().map(String::as_str)
}

/// Whether a cluster finds an image elsewhere than on this machine.
pub fn is_elsewhere(key: &str) -> bool {
    image_registry().is_some() || named_image(key).is_some()
}

/// A noted reference, with the registry that the user named in its registry's place; its name, tag and digest stay.
fn in_registry(reference: &str) -> String {
    image_registry().map_or_else(|| reference.to_owned(), |place| placed(reference, place))
}

fn placed(reference: &str, place: &str) -> String {
    // A digest is never taken apart: it holds no slash.
    format!("{}/{}", place.trim_end_matches('/'), reference.rsplit('/').next().unwrap_or(reference))
}

/// What was noted, by key.
fn noted_images() -> Result<BTreeMap<String, String>> {
    let path = folder()?.join("images.env");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("failed to read `{}`", path.display())),
    };
    Ok(entries(&text).map(|(key, reference)| (key.to_owned(), reference.to_owned())).collect())
}

/// The reference of the node image for a minor version of Kubernetes, for example `1.34`.
///
/// # Errors
/// [`Environment`] if there is none.
pub fn node_image(kubernetes: &str) -> Result<String> {
    image(&format!("NODE_{}", kubernetes.replace('.', "_"))).with_context(|| {
        format!(
            "failed to find a node of Kubernetes {kubernetes} (`chartgate setup --kubernetes {kubernetes}` makes one)"
        )
    })
}

/// The whole version of Kubernetes that a minor one stands for here: that of its node image, else the pinned one.
pub fn kubernetes_release(minor: &str) -> String {
    let of_image = node_image(minor).ok().and_then(|image| release_of(&image, minor));
    let pinned = || version(&format!("KUBERNETES_{}", minor.replace('.', "_"))).ok().map(str::to_owned);
    of_image.or_else(pinned).unwrap_or_else(|| minor.to_owned())
}

/// `1.34.0` of `kindest/node:v1.34.0@sha256:…`; `None`: the tag says no version of this minor.
fn release_of(image: &str, minor: &str) -> Option<String> {
    let tag = image.split('@').next()?.rsplit_once(':')?.1;
    let number = |c: char| c.is_ascii_digit() || c == '.';
    let version: String = tag.trim_start_matches('v').chars().take_while(|c| number(*c)).collect();
    version.starts_with(&format!("{minor}.")).then_some(version)
}

/// The repository and the beginning of the tag under which the set-up builds each image that it cannot pull, by key.
pub fn built_images() -> Vec<(String, String)> {
    let debian = version("DEBIAN").unwrap_or_default();
    let of = |(key, value): (&str, &str)| {
        if let Some(minor) = key.strip_prefix("KUBERNETES_") {
            return Some((format!("NODE_{minor}"), format!("chartgate/node:{value}-")));
        }
        let key = key.strip_suffix("_IMAGE")?;
        // Kafka and its ZooKeeper are one image.
        let name = if key == "ZOOKEEPER" { "kafka".to_owned() } else { key.to_lowercase().replace('_', "-") };
        Some((key.to_owned(), format!("chartgate/{name}:{debian}-")))
    };
    entries(VERSIONS).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_environments_fault_is_found_anywhere_in_the_chain() {
        let cause = anyhow::Error::from(Environment::new("no engine"));
        assert!(is_environment(&cause.context("failed to create the cluster").context("failed to run")));
        assert!(is_environment(
            &anyhow!("connection refused").context(Environment::new("no engine")).context("failed to run")
        ));
        assert!(!is_environment(&anyhow!("the chart does not render").context("failed to run")));
    }

    /// A failure would mean that a chart which chooses by the patch version of Kubernetes renders otherwise than on the cluster.
    #[test]
    fn a_node_image_tells_the_whole_version() {
        assert_eq!(release_of("kindest/node:v1.34.0@sha256:74", "1.34").as_deref(), Some("1.34.0"));
        assert_eq!(release_of("chartgate/node:1.34.4-bookworm-0a1b", "1.34").as_deref(), Some("1.34.4"));
        assert_eq!(release_of("own/node:latest", "1.34"), None);
        assert!(kubernetes_release("1.34").starts_with("1.34."));
    }

    /// A failure would mean that a machine without a set-up finds no image to pull, and not the one that another set-up built.
    #[test]
    fn each_image_that_can_be_built_is_pinned_too() {
        let built = built_images();
        let node = ("NODE_1_34".to_owned(), "chartgate/node:1.34.4-".to_owned());
        assert!(built.contains(&node), "{built:?}");
        assert!(built.contains(&("ZOOKEEPER".to_owned(), "chartgate/kafka:bookworm-".to_owned())), "{built:?}");
        for (key, _) in &built {
            assert!(pinned_image(key).is_some_and(|reference| reference.contains(':')), "{key}");
        }
        assert_eq!(pinned_image("PROBER"), None);
    }

    /// A failure would mean that a cluster which pulls everything looks for our images where they never were.
    #[test]
    fn an_image_keeps_its_name_in_another_registry() {
        let (mine, bare) =
            (placed("chartgate/prober:5573", "r.example:5000/team"), placed("postgres@sha256:00", "r.example/"));
        assert_eq!((mine.as_str(), bare.as_str()), ("r.example:5000/team/prober:5573", "r.example/postgres@sha256:00"));
    }

    #[test]
    fn the_pinned_versions_are_read() {
        assert!(version("KIND").unwrap().starts_with("0."));
        assert!(version("KUBERNETES").unwrap().starts_with("1."));
        assert!(version("NONE").is_err());
    }

    #[test]
    fn comments_and_blank_lines_are_no_entries() {
        let found: Vec<_> = entries("# A=1\n\nB=2=3\n  C=4\n").collect();
        assert_eq!(found, [("B", "2=3"), ("C", "4")]);
    }
}
