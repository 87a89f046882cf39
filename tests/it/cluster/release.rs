//! A chart as its users get it: packaged, pushed to a registry and installed from there.

use std::path::{Path, PathBuf};

use chartgate_base::random;
use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage};

use crate::support;

pub const PORT: u16 = 5000;

pub async fn registry() -> ContainerAsync<GenericImage> {
    let reference = home::image("REGISTRY").expect("the set-up made it");
    let (image, tag) = reference.rsplit_once(':').expect("an image of the set-up has a tag");
    let ready = WaitFor::message_on_either_std("listening on");
    let request = GenericImage::new(image, tag).with_exposed_port(PORT.tcp()).with_wait_for(ready);
    request.start().await.expect("the registry starts")
}

/// Packages a chart of `charts/` and pushes it, as its release does; gives the reference that its users name.
async fn publish(chart: &str, repository: &str, folder: &Path) -> String {
    let version = home::version("HELM").expect("versions.env names it");
    let program = home::helm(version).expect("the set-up made it");
    let helm = || Tool::new("helm", &program);
    let source = support::repository().join("charts").join(chart);
    let package = helm().args(["package", "--destination"]).args([folder, &source]);
    package.run().await.expect("the chart can be packaged");
    let archive = folder.read_dir().expect("the folder can be read").flatten().map(|entry| entry.path()).next();
    let archive = archive.expect("the package is there");
    let push = helm().args(["push", "--plain-http"]).args([&archive]).args([repository]);
    push.run().await.expect("the chart can be pushed");
    let name = archive.file_stem().expect("it has a name").to_string_lossy().into_owned();
    let version = name.strip_prefix(&format!("{chart}-")).expect("it is named after the chart").to_owned();
    format!("{repository}/{chart}:{version}")
}

async fn run(chart: &str, scenario: &Path, out: &Path) -> Output {
    let command = Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).folder(support::repository());
    let command = command.args(["run", "--chart", chart, "--out"]).args([out, scenario]);
    command.deadline(std::time::Duration::from_secs(1200)).run_unchecked().await.expect("the command starts")
}

/// A failure would mean that the chart works in a checkout, and not as its users get it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_installs_from_the_registry_that_it_was_pushed_to() {
    let registry = registry().await;
    let port = registry.get_host_port_ipv4(PORT.tcp()).await.expect("its port is mapped");
    let folder = support::repository().join("target/chartgate/release").join(random::text(8));
    let packages = folder.join("packages");
    std::fs::create_dir_all(&packages).expect("a folder can be made");
    let reference = publish("dispatch", &format!("oci://127.0.0.1:{port}/charts"), &packages).await;
    let scenario = PathBuf::from("scenarios/dispatch/default.yaml");
    let output = run(&reference, &scenario, &folder.join("out")).await;
    assert!(output.is_success(), "{reference}:\n{}{}", output.stdout, output.stderr);
    let noted = std::fs::read_to_string(folder.join("out/dispatch/default/plan.json")).expect("the run is noted");
    assert!(noted.contains(&reference), "the run is repeated with the chart that was asked for: {noted}");
    std::fs::remove_dir_all(folder).expect("it can be removed");
}
