//! The images that no set-up noted: where one has built them all the same, and the prober's, which the command is itself.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chartgate_process::home;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use tokio::sync::OnceCell;

use crate::engine;

/// The prober's key in `images.env`.
const PROBER: &str = "PROBER";
/// The name of the image that holds this command; behind it the command's digest.
const OWN: &str = "chartgate/prober:own-";

/// Whether this command runs where there is no library, and so in an image as well.
pub const fn is_static() -> bool {
    cfg!(all(target_os = "linux", target_feature = "crt-static"))
}

/// Sees to the images that a run starts and that nobody named or noted; those that are left are pulled where they are used.
/// Once for a process. Without an engine there is nothing to find, and what needs one says so.
pub async fn find_images(tell: impl FnOnce(&str)) -> Result<()> {
    static DONE: OnceCell<()> = OnceCell::const_new();
    let find = async || {
        let Ok(there) = engine::images("chartgate/*").await else { return Ok(()) };
        note_built(&there)?;
        provide_prober(&there, tell).await.context("failed to make the image of the prober")
    };
    DONE.get_or_try_init(find).await.copied()
}

/// Notes what another state folder's set-up built, which the engine has.
fn note_built(there: &[String]) -> Result<()> {
    for (key, beginning) in home::built_images() {
        let noted = home::noted_image(&key)?;
        if noted.is_some_and(|noted| !noted.starts_with("chartgate/") || there.contains(&noted)) {
            continue;
        }
        // The newest comes first.
        if let Some(built) = there.iter().find(|reference| reference.starts_with(&beginning)) {
            home::note_image(&key, built)?;
        }
    }
    Ok(())
}

/// Puts this command into an image, unless there is another prober.
async fn provide_prober(there: &[String], tell: impl FnOnce(&str)) -> Result<()> {
    let noted = home::noted_image(PROBER)?;
    let is_others = noted.as_ref().is_some_and(|noted| there.contains(noted) && !noted.starts_with(OWN));
    let Some(exe) = home::exe().filter(|_| is_static() && !is_others && home::named_image(PROBER).is_none()) else {
        return Ok(());
    };
    let reference = format!("{OWN}{}", digest_of(exe)?);
    if !there.contains(&reference) {
        tell("putting this command into the image of the prober");
        let folder = home::folder()?;
        std::fs::create_dir_all(&folder)?;
        let archive = tempfile::NamedTempFile::new_in(folder).context("make a file")?;
        write_root(exe, archive.as_file())?;
        engine::import(archive.path(), &["USER 65532", r#"CMD ["/prober"]"#], &reference).await?;
    }
    if let Some(before) = noted.filter(|noted| *noted != reference && noted.starts_with(OWN)) {
        engine::remove_image(&before).await;
    }
    home::note_image(PROBER, &reference)
}

fn digest_of(file: &Path) -> Result<String> {
    let mut file = std::fs::File::open(file).with_context(|| format!("read `{}`", file.display()))?;
    let (mut digest, mut part) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(chartgate_base::hex(&digest.finalize()[..6])),
            read => digest.update(&part[..read]),
        }
    }
}

/// The root file system of the prober's image: the command under the names that make it the prober and the stub.
fn write_root(exe: &Path, archive: impl Write) -> Result<()> {
    let mut archive = Builder::new(archive);
    let mut program = std::fs::File::open(exe)?;
    let header = |kind, mode, size| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header
    };
    let size = program.metadata()?.len();
    archive.append_data(&mut header(EntryType::Regular, 0o755, size), "prober", &mut program)?;
    archive.append_data(&mut header(EntryType::Directory, 0o755, 0), "chartgate/", std::io::empty())?;
    archive.append_link(&mut header(EntryType::Symlink, 0o777, 0), "chartgate/stub", "../prober")?;
    archive.into_inner()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that no pod of the image starts.
    #[test]
    fn the_command_is_in_the_root_under_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let exe = folder.path().join("chartgate");
        std::fs::write(&exe, "a program").unwrap();
        let mut written = Vec::new();
        write_root(&exe, &mut written).unwrap();
        let root = folder.path().join("root");
        tar::Archive::new(&written[..]).unpack(&root).unwrap();
        for name in ["prober", "chartgate/stub"] {
            assert_eq!(std::fs::read_to_string(root.join(name)).unwrap(), "a program", "{name}");
        }
        assert_eq!(digest_of(&exe).unwrap(), digest_of(&root.join("chartgate/stub")).unwrap());
    }
}
