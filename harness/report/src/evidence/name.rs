//! Names of files.

/// A foreign name as a file's: no separator, no hidden file, and what every file system takes.
pub(super) fn safe(name: &str) -> String {
    const LONGEST: usize = 200;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    let name: String = name.chars().take(LONGEST).map(|c| if is_plain(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}
