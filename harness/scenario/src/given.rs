//! What a user gives by hand is right before anything is rendered: else the chart would be blamed for it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chartgate_yaml::Invalid;
use serde_json::Value;

use super::Overrides;

impl Overrides {
    /// Reads each values file.
    ///
    /// # Errors
    /// [`Invalid`] for one that is not there, no YAML, or no map.
    pub fn check_values_files(&self) -> Result<()> {
        // Helm takes the address of a file, too.
        let files = self.values_files.iter().filter(|file| !file.to_string_lossy().contains("://"));
        files.map(PathBuf::as_path).try_for_each(check)
    }
}

fn check(file: &Path) -> Result<()> {
    let refuse = |why: String| Err(Invalid(format!("--values: `{}` {why}", file.display())).into());
    if file.is_dir() {
        return refuse("is a directory\nhint: name the file in it".to_owned());
    }
    let text = match std::fs::read(file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return refuse(format!("cannot be read: {error}")),
    };
    match chartgate_yaml::value(&text) {
        Ok(Value::Object(_) | Value::Null) => Ok(()),
        // Helm reads the first document and no more.
        Err(error) if error.to_string().contains("more than one document") => Ok(()),
        Ok(_) => refuse("holds no map of values\nhint: a values file has keys, such as `replicaCount: 2`".to_owned()),
        Err(error) => refuse(format!("is no YAML: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A failure would mean that a chart is blamed for a slip in the command line.
    #[test]
    fn a_values_file_that_helm_cannot_read_is_the_users_mistake() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let said = |text: &[u8]| {
            let file = directory.path().join("values.yaml");
            std::fs::write(&file, text).expect("a file can be written");
            said_of(file)
        };
        for right in [&b""[..], b"a: 1\n", b"# none\n", b"\xef\xbb\xbfa: 1\r\n", b"---\na: 1\n", b"a: 1\n---\nb: 1\n"] {
            assert_eq!(said(right), "", "{}", String::from_utf8_lossy(right));
        }
        for (wrong, words) in
            [(&b"- a\n"[..], "no map"), (b"text", "no map"), (b"a: [1", "is no YAML"), (b"a: b: c", "is no YAML")]
        {
            assert!(said(wrong).contains(words), "{}", said(wrong));
        }
        assert!(said_of(directory.path().to_owned()).contains("is a directory"));
        assert!(said_of(directory.path().join("none.yaml")).contains("cannot be read"));
        assert_eq!(said_of(PathBuf::from("https://example.com/values.yaml")), "");
    }

    fn said_of(file: PathBuf) -> String {
        let overrides = Overrides { values_files: vec![file], ..Overrides::default() };
        overrides.check_values_files().err().map_or_else(String::new, |error| error.to_string())
    }
}
