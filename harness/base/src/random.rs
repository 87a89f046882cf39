//! Random bytes and names, from the operating system.

/// Fills an array with unpredictable bytes.
///
/// # Panics
/// If the system has no random source: nothing that this harness does would be safe there.
pub fn bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    let filled = getrandom::fill(&mut bytes);
    assert!(filled.is_ok(), "read the system's random source: {filled:?}");
    bytes
}

/// An unpredictable text of lower-case letters and digits: fit for names, passwords and URLs.
pub fn text(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    (0..length).map(|_| char::from(LETTERS[usize::from(bytes::<1>()[0] % 32)])).collect()
}
