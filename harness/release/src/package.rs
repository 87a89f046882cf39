//! A package of a chart whose bytes depend on the chart alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_process::home::unless_environment;
use chartgate_process::tool::Tool;
use chartgate_scenario::archive::{self, PackedFile};
use chartgate_yaml::Invalid;
use flate2::{Compression, GzBuilder};
use serde_json::Value;
use tar::{Builder, EntryType, Header};

use crate::Sha256Digest;

/// The time of each file in a package, 1 January 1980: helm takes the time of packing.
const TIME: u64 = 315_532_800;
/// In the gzip header, where each machine would write its own.
const UNKNOWN_SYSTEM: u8 = 255;

/// A packaged chart.
#[derive(Clone, Debug)]
pub struct Package {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What its `Chart.yaml` says.
    pub description: Value,
    /// The archive.
    pub bytes: Vec<u8>,
}

impl Package {
    /// Packages a chart, whose dependencies are in their place, with this helm. The versions replace those of its `Chart.yaml`.
    ///
    /// # Errors
    /// What helm says of a chart that it does not package.
    pub async fn make(helm: &Path, chart: &Path, version: Option<&str>, app_version: Option<&str>) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory for the package")?;
        let mut args = vec!["package".into(), chart.as_os_str().to_owned(), "--destination".into()];
        args.push(directory.path().into());
        for (flag, value) in [("--version", version), ("--app-version", app_version)] {
            args.extend(value.into_iter().flat_map(|value| [flag.into(), value.into()]));
        }
        let packed = Tool::new("helm", helm).args(args).run().await;
        let refused =
            |error: &anyhow::Error| Invalid(format!("helm does not package `{}`: {error:#}", chart.display()));
        packed.map_err(|error| unless_environment(error, refused))?;
        let mut files = directory.path().read_dir().context("read what helm packaged")?.flatten();
        let made: PathBuf = files.next().context("`helm package` left no package")?.path();
        let bytes = std::fs::read(&made).context("read what helm packaged")?;
        Self::of_files(archive::read(&bytes, &chart.display().to_string())?)
    }

    /// The package of these files.
    fn of_files(mut files: Vec<PackedFile>) -> Result<Self> {
        // Helm's own order is that of a map; the chart's description comes first, where helm looks for it.
        files.sort_by_key(|file| (!archive::is_description(&file.path), file.path.clone()));
        let bytes = pack(&files).context("write the package")?;
        Self::describe(bytes, &files)
    }

    /// A package that is a file.
    ///
    /// # Errors
    /// [`Invalid`] if it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let bytes = std::fs::read(path).map_err(|error| Invalid(format!("cannot read `{shown}`: {error}")))?;
        let files = archive::read(&bytes, &shown.to_string())?;
        Self::describe(bytes, &files)
    }

    fn describe(bytes: Vec<u8>, files: &[PackedFile]) -> Result<Self> {
        let described = files.iter().find(|file| archive::is_description(&file.path));
        let described = described.ok_or_else(|| Invalid("the package has no `Chart.yaml`".to_owned()))?;
        let text = std::str::from_utf8(&described.bytes).context("`Chart.yaml` is no text")?;
        let description = chartgate_yaml::value(text).context("`Chart.yaml` is no YAML")?;
        let field = |name: &str| description[name].as_str().map(str::to_owned);
        let needed = |name: &str| field(name).with_context(|| format!("`Chart.yaml` has no `{name}`"));
        Ok(Self { name: needed("name")?, version: needed("version")?, description, bytes })
    }

    /// `NAME-VERSION.tgz`, as helm names it.
    pub fn file_name(&self) -> String {
        format!("{}-{}.tgz", self.name, self.version)
    }

    /// The tag of its version: helm writes `_` for the `+` that a tag cannot have.
    pub fn tag(&self) -> String {
        self.version.replace('+', "_")
    }

    /// The digest of the archive.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.bytes)
    }
}

/// An archive of files in their order.
fn pack(files: &[PackedFile]) -> std::io::Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::best());
    let mut archive = Builder::new(gzip);
    for file in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_size(file.bytes.len() as u64);
        archive.append_data(&mut header, &file.path, file.bytes.as_slice())?;
    }
    let mut gzip = archive.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

#[cfg(test)]
mod tests;
