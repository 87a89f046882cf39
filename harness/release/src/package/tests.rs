use super::*;

fn file(path: &str, text: &str) -> PackedFile {
    PackedFile { path: path.into(), bytes: text.as_bytes().to_vec() }
}

fn files() -> Vec<PackedFile> {
    vec![
        file("app/values.yaml", "a: 1\n"),
        file("app/charts/part/Chart.yaml", "name: part\nversion: 9.9.9\n"),
        file("app/Chart.yaml", "name: app\nversion: 1.0.0+build\n"),
    ]
}

/// A failure would mean that a release that was interrupted cannot be completed: its package would be another one.
#[test]
fn the_bytes_depend_on_the_files_alone() {
    let package = Package::of_files(files()).unwrap();
    let reversed = Package::of_files(files().into_iter().rev().collect()).unwrap();
    assert_eq!(package.digest(), reversed.digest());
    let other = Package::of_files([files(), vec![file("app/NOTES", "x")]].concat()).unwrap();
    assert_ne!(package.digest(), other.digest());
    // Another digest here means that a release which an older chartgate began cannot be completed by this one: tell it in the changelog.
    assert_eq!(package.digest().hex(), "1d0b21bd73183fa88f16023a5f995cdf9c993af279f7062ad421c6fcc5484849");
}

/// A failure would mean that a chart is published under the version of one that it holds.
#[test]
fn the_description_is_the_charts_own_and_comes_first() {
    let package = Package::of_files(files()).unwrap();
    assert_eq!((package.file_name().as_str(), package.tag().as_str()), ("app-1.0.0+build.tgz", "1.0.0_build"));
    let read = archive::read(&package.bytes, "app").unwrap();
    assert_eq!(read[0], files()[2]);
}
