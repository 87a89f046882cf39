use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use tar::{Builder, EntryType, Header};

use super::*;

/// A package with one entry beside its `Chart.yaml`, whatever the path is.
fn package(path: &str, kind: EntryType) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, text) in [("app/Chart.yaml", EntryType::Regular, "name: app\n"), (path, kind, "text")] {
        let mut header = Header::new_gnu();
        // `set_path` refuses what an attacker writes.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(kind);
        if kind != EntryType::Regular {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// A failure would mean that a third-party package writes where it likes, or brings a file of this machine into a report.
#[rstest]
#[case::upwards("app/../../evil.txt", EntryType::Regular, "outside of the chart")]
#[case::absolute("/evil.txt", EntryType::Regular, "outside of the chart")]
#[case::link("app/values.yaml", EntryType::Symlink, "is a link or a device")]
#[case::hard_link("app/values.yaml", EntryType::Link, "is a link or a device")]
#[case::device("app/values.yaml", EntryType::Char, "is a link or a device")]
fn a_package_stays_in_its_own_directory(#[case] path: &str, #[case] kind: EntryType, #[case] expected: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let inner = temporary.path().join("inner");
    let refusal = unpack(&package(path, kind), "app-1.0.0.tgz", &inner).unwrap_err().to_string();
    assert!(refusal.contains(expected) && refusal.contains("app-1.0.0.tgz"), "{refusal}");
    assert!(!inner.exists() && !temporary.path().join("evil.txt").exists(), "something was written");
}

/// A failure would mean that no package can be used.
#[test]
fn a_package_is_unpacked() {
    let directory = tempfile::tempdir().unwrap();
    let chart = unpack(&package("app/templates/a.yaml", EntryType::Regular), "app.tgz", directory.path()).unwrap();
    assert_eq!(chart, directory.path().join("app"));
    assert_eq!(std::fs::read_to_string(chart.join("templates/a.yaml")).unwrap(), "text");
}

/// A failure would mean that a small package fills the memory.
#[test]
fn a_package_that_grows_beyond_helms_limit_is_refused() {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = Header::new_gnu();
    header.set_size(LARGEST + 1);
    header.set_path("app/values.yaml").unwrap();
    header.set_cksum();
    builder.append(&header, std::io::repeat(0).take(LARGEST + 1)).unwrap();
    let package = builder.into_inner().unwrap().finish().unwrap();
    let refusal = read(&package, "app.tgz").unwrap_err().to_string();
    assert!(refusal.contains("which helm refuses"), "{refusal}");
    assert!(read(b"no archive", "app.tgz").is_err());
}
