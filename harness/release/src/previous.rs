//! The version of a chart that its users have: the newest in the registry that is lower.

use anyhow::Result;
use semver::Version;

use crate::registry::Registry;

/// The reference of the newest published version below this one; pre-releases count only where there is nothing else. `None`: there is
/// none.
///
/// # Errors
/// That the registry does not answer.
pub async fn previous(registry: &Registry, version: &str) -> Result<Option<String>> {
    let tags = registry.tags().await?;
    Ok(newest_below(&tags, version).map(|tag| format!("oci://{}:{tag}", registry.name())))
}

fn newest_below<'a>(tags: &'a [String], version: &str) -> Option<&'a str> {
    let now = Version::parse(version.trim_start_matches('v')).ok()?;
    // A tag has `_` for the `+` of a version.
    let known = |tag: &'a String| Some((Version::parse(&tag.trim_start_matches('v').replace('_', "+")).ok()?, tag));
    let lower = tags.iter().filter_map(known).filter(|(version, _)| *version < now);
    lower.max_by_key(|(version, _)| (version.pre.is_empty(), version.clone())).map(|(_, tag)| tag.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that the release is not upgraded from what its users run.
    #[test]
    fn it_is_the_newest_release_below() {
        let tags = ["0.9.0", "0.10.0", "0.11.0-rc.1", "1.0.0", "0.10.1_build.2", "sha256-00", "latest"];
        let tags = tags.map(str::to_owned);
        assert_eq!(newest_below(&tags, "1.0.0"), Some("0.10.1_build.2"));
        assert_eq!(newest_below(&tags, "0.10.0"), Some("0.9.0"));
        assert_eq!(newest_below(&tags, "0.9.0"), None);
        assert_eq!(newest_below(&tags[2..3], "1.0.0"), Some("0.11.0-rc.1"));
    }
}
