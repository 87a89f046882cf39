//! What helm refuses to render, and whether a cluster may change that.

use std::path::{Path, PathBuf};

use chartgate_model::refusal::{Ground, Refusal};
use chartgate_process::home::Environment;

/// What templates call to ask the cluster. Its version is given to helm in any case.
const QUESTIONS: [&str; 2] = ["lookup", "APIVersions"];

/// A refusal of `helm template`.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What helm printed.
    pub said: String,
    /// The values that the refusal names.
    pub needs: Vec<String>,
    /// The chart asks the cluster for something, so that helm may render there what it refuses here.
    pub asks_cluster: bool,
}

impl Refused {
    /// The refusal of a chart at a path.
    ///
    /// # Errors
    /// [`Environment`] if helm could not fetch something that the chart refers to.
    pub fn of(said: String, chart: &Path) -> Result<Self, Environment> {
        let refusal = Refusal::of(&said);
        if refusal.ground == Ground::Fetch {
            let what = format!("what the chart `{}` refers to could not be fetched", chart.display());
            let hint = "helm fetches it at each install: try where it can be reached, or keep it in the chart";
            return Err(Environment::hinted(format!("{what}: {}", refusal.sentence), hint));
        }
        let needs = refusal.values(&line_of(&refusal, chart).unwrap_or_default());
        let prefix = subchart_of(&refusal);
        let needs = needs
            .into_iter()
            .map(|value| if value.starts_with("global.") { value } else { format!("{prefix}{value}") });
        // A schema is asked before any template.
        let is_by_schema = refusal.ground == Ground::Values && refusal.template.is_none();
        // A template that cannot be parsed never gets to ask anything.
        let is_parsed = !said.contains("parse error at (");
        Ok(Self { needs: needs.collect(), asks_cluster: !is_by_schema && is_parsed && asks_cluster(chart), said })
    }
}

/// The line of the template that refuses; `None`: it is in a packed chart, or helm names none.
fn line_of(refusal: &Refusal, chart: &Path) -> Option<String> {
    let (_, file) = refusal.template.as_ref()?.split_once('/')?;
    let text = std::fs::read_to_string(chart.join(file)).ok()?;
    text.lines().nth(refusal.line?.checked_sub(1)?).map(str::to_owned)
}

/// Where the values of the chart that refuses stand in those of the whole: `SUBCHART.`, nothing for the chart itself.
fn subchart_of(refusal: &Refusal) -> String {
    let parts: Vec<&str> = refusal.template.iter().flat_map(|template| template.split('/')).collect();
    let names = parts.windows(2).filter(|pair| pair[0] == "charts").map(|pair| format!("{}.", pair[1]));
    names.collect()
}

/// Whether a template of the chart, or of one in it, asks the cluster. What is packed may.
fn asks_cluster(chart: &Path) -> bool {
    if chart.is_file() {
        return true;
    }
    let mut folders = vec![chart.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if is_packed(&path) || asks(&path) {
                return true;
            }
        }
    }
    false
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "tgz")
}

fn asks(path: &PathBuf) -> bool {
    let is_template = path.components().any(|part| part.as_os_str() == "templates");
    is_template && std::fs::read_to_string(path).is_ok_and(|text| QUESTIONS.iter().any(|word| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn chart(template: &str) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("templates")).unwrap();
        std::fs::write(directory.path().join("templates/a.yaml"), template).unwrap();
        directory
    }

    fn refused(chart: &Path, says: &str) -> Refused {
        Refused::of(format!("Error: execution error at (shop/templates/a.yaml:2:5): {says}"), chart).unwrap()
    }

    /// A failure would mean that a chart which keeps a generated password by `lookup` is never tried, or that one which is
    /// plainly broken takes a cluster.
    #[test]
    fn only_a_chart_that_asks_the_cluster_may_render_there() {
        let plain = chart("a: b\nb: {{ required \"no secret\" .Values.auth.secret }}\n");
        let refusal = refused(plain.path(), "no secret");
        assert_eq!((refusal.needs, refusal.asks_cluster), (vec!["auth.secret".to_owned()], false));
        let asking = chart("a: b\n{{ fail \"no cluster\" }}{{ lookup \"v1\" \"Namespace\" \"\" \"a\" }}\n");
        assert!(refused(asking.path(), "no cluster").asks_cluster);
        let broken = "Error: parse error at (shop/templates/a.yaml:3): unexpected EOF".to_owned();
        assert!(!Refused::of(broken, asking.path()).unwrap().asks_cluster);
        let schema = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n- at '': missing property 'host'\n";
        let refusal = Refused::of(schema.to_owned(), asking.path()).unwrap();
        assert_eq!((refusal.needs, refusal.asks_cluster), (vec!["host".to_owned()], false));
    }

    /// A failure would mean that a chart is blamed for a schema that this machine cannot reach.
    #[test]
    fn what_cannot_be_fetched_is_the_environments_fault() {
        let said = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nr:\nfailing loading \"https://schemas.invalid/a.json\": no such host";
        let error = Refused::of(said.to_owned(), Path::new("/charts/r")).unwrap_err();
        assert!(
            error.to_string().contains("could not be fetched: r: failing loading \"https://schemas.invalid"),
            "{error}"
        );
    }
}
