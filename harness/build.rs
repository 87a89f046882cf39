//! A new scenario file is a new test: rstest reads the folder when the tests are compiled. A new script of the set-up is embedded.

fn main() {
    for folder in ["scenarios", "harness/setup", "harness/node", "harness/network-policy"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
