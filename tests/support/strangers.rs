//! Charts that are not ours, on images that this machine has.

use std::path::PathBuf;

use chartgate_model::plan::Plan;
use chartgate_process::home;
use chartgate_process::tool::Tool;
use chartgate_scenario::Overrides;

use super::{PatchedChart, repository};

/// What the charts name, and no machine without a registry has.
const NAMED: &str = "busybox:1.36";

/// A copy of a stranger's chart: what helm puts into it stays out of the checkout.
pub struct Stranger {
    name: String,
    chart: PatchedChart,
    set: Vec<String>,
}

/// Where the strangers are.
pub fn folder() -> PathBuf {
    repository().join("tests/strangers")
}

/// Repository and tag of an image that the set-up noted.
fn image(key: &str) -> (String, String) {
    let reference = home::image(key).expect("the set-up made it");
    let (repository, tag) = reference.rsplit_once(':').expect("it has a tag");
    (repository.to_owned(), tag.to_owned())
}

impl Stranger {
    /// A chart of `tests/strangers/`, on the prober's image, which has a shell.
    pub fn new(name: &str) -> Self {
        let chart = PatchedChart::copy(&folder().join(name));
        let (repository, tag) = image("PROBER");
        let at = |path: &str| vec![format!("{path}.repository={repository}"), format!("{path}.tag={tag}")];
        let set = match name {
            // It has no values.
            "bare" => {
                chart.replace("templates/everything.yaml", NAMED, &format!("{repository}:{tag}"));
                Vec::new()
            }
            "mixed" => vec![format!("image={repository}:{tag}")],
            "umbrella" => at("global.image"),
            _ => at("image"),
        };
        Self { name: name.to_owned(), chart, set }
    }

    /// What `helm create` writes, on a web server that answers at `/` as the scaffold's own does.
    pub async fn scaffold(helm: &str) -> Self {
        let folder = repository().join("target/chartgate/scaffold").join(chartgate_base::random::text(8));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let program = home::helm(helm).expect("the set-up got it");
        let create = Tool::new("helm", program).args(["create", "scaffold"]).folder(&folder);
        create.run().await.unwrap_or_else(|error| panic!("{error:#}"));
        let chart = PatchedChart::copy(&folder.join("scaffold"));
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
        let (prober, prober_tag) = image("PROBER");
        let test = "templates/tests/test-connection.yaml";
        chart.replace(test, "image: busybox", &format!("image: {prober}:{prober_tag}"));
        // Whoever is not root cannot write what was asked for where it stands.
        chart.replace(test, "command: ['wget']", "command: ['wget', '-q', '-O', '-']");
        let (repository, tag) = image("REGISTRY");
        let port = "service.port=5000".to_owned();
        let set = vec![format!("image.repository={repository}"), format!("image.tag={tag}"), port];
        Self { name: format!("scaffold-{helm}"), chart, set }
    }

    /// Plants a fault.
    ///
    /// # Panics
    /// If the text does not stand in the file.
    #[must_use]
    pub fn with(self, file: &str, text: &str, fault: &str) -> Self {
        self.chart.replace(file, text, fault);
        self
    }

    /// Adds text to the end of one of its files.
    pub fn append(&self, file: &str, text: &str) {
        self.chart.append(file, text);
    }

    /// The chart's folder.
    pub fn path(&self) -> &std::path::Path {
        self.chart.path()
    }

    /// The `--set` arguments that put this machine's image in place of the chart's.
    pub fn set(&self) -> &[String] {
        &self.set
    }

    /// What a user who has this chart and nothing else would run, with this change of what is asked for.
    pub fn plans(&self, label: &str, change: impl FnOnce(&mut Overrides)) -> Vec<Plan> {
        let chart = Some(self.chart.path().to_owned());
        let mut overrides = Overrides { chart, set: self.set.clone(), ..Overrides::default() };
        change(&mut overrides);
        let mut plans = chartgate_scenario::plans(&[], &overrides).unwrap_or_else(|error| panic!("{error:#}"));
        for plan in &mut plans {
            let case = plan.name.rsplit('/').next().unwrap_or_default();
            plan.name = format!("{label}/{}/{case}", self.name);
        }
        plans
    }

    /// The first of them.
    pub fn plan(&self, label: &str) -> Plan {
        self.plans(label, |_| {}).remove(0)
    }
}
