//! Large numbers that the author of a chart wrote in scientific notation, such as the limits of a histogram.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chartgate_model::plan::Plan;
use chartgate_scenario::archive;

/// A larger file is no text that a template reads.
const LARGEST: u64 = 4 << 20;

/// The numbers in the files of the chart, packed ones of the charts that it depends on too, and in the values files.
pub fn written(plan: &Plan) -> BTreeSet<String> {
    let mut paths: Vec<PathBuf> = plan.base_files.iter().chain(&plan.values_files).cloned().collect();
    paths.push(plan.chart.path.clone());
    let mut numbers = BTreeSet::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if is_small(&path)
            && let Ok(text) = fs::read_to_string(&path)
        {
            numbers.extend(numbers_in(&text).map(str::to_owned));
        } else if path.extension().is_some_and(|ending| ending == "tgz")
            && let Ok(packed) = fs::read(&path)
            && let Ok(files) = archive::read(&packed, &path.display().to_string())
        {
            let texts = files.iter().filter_map(|file| std::str::from_utf8(&file.bytes).ok());
            numbers.extend(texts.flat_map(numbers_in).map(str::to_owned));
        }
    }
    numbers
}

fn is_small(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() <= LARGEST)
}

fn numbers_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)));
    words.filter(|word| word.contains("e+") && word.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a histogram's limits, written by hand, are taken for a number that a template spoilt.
    #[test]
    fn numbers_of_files_are_known_as_they_are_written() {
        let chart = tempfile::tempdir().expect("a directory can be made");
        fs::create_dir(chart.path().join("files")).expect("a directory can be made");
        fs::write(chart.path().join("files/a.json"), "{\"le\": [1e+06,2.5e+07], \"x\": \"some+e+thing\"}")
            .expect("it can be written");
        let mut plan = Plan::default();
        plan.chart.path = chart.path().to_owned();
        assert_eq!(written(&plan).into_iter().collect::<Vec<_>>(), ["1e+06", "2.5e+07"]);
    }
}
