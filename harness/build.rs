//! A new scenario file is a new test: rstest reads the folder when the tests are compiled.

fn main() {
    println!("cargo::rerun-if-changed=scenarios");
}
