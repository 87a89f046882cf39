//! Each plan on each pair of versions.

use chartgate_model::plan::{Plan, Versions};
use chartgate_runner::run::Options;

use crate::gate::Job;

/// The plans on each of the versions, which each plan notes if there are several.
pub fn cross(plans: &[Plan], columns: &[Options]) -> Vec<Job> {
    let of_column = |options: &Options| {
        let on = Versions { kubernetes: options.kubernetes.clone(), helm: options.helm.clone() };
        let on = (columns.len() > 1).then_some(on);
        let plans = plans.iter().map(|plan| Plan { on: on.clone(), ..plan.clone() });
        plans.map(|plan| Job { plan, options: options.clone() }).collect::<Vec<_>>()
    };
    columns.iter().flat_map(of_column).collect()
}

/// Options for each pair of versions, each once; those of one Kubernetes beside each other.
pub fn columns(kubernetes: &[String], helms: &[String], options: &Options) -> Vec<Options> {
    let mut columns: Vec<Options> = Vec::new();
    for kubernetes in kubernetes {
        for helm in helms {
            let is_known = |it: &Options| it.helm == *helm && it.kubernetes == *kubernetes;
            if !columns.iter().any(is_known) {
                columns.push(Options { kubernetes: kubernetes.clone(), helm: helm.clone(), ..options.clone() });
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossed(kubernetes: &[&str], helms: &[&str]) -> Vec<Option<String>> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let columns = columns(&owned(kubernetes), &owned(helms), &Options::new(String::new(), String::new()));
        let jobs = cross(&[Plan::default()], &columns);
        jobs.into_iter().map(|job| job.plan.on.map(|on| on.directory())).collect()
    }

    /// A failure would mean that two columns write into one directory, or that a cluster is made twice for one Kubernetes.
    #[test]
    fn each_pair_of_versions_is_run_once_those_of_a_kubernetes_together() {
        let directories =
            ["helm-3-kubernetes-1.34", "helm-4-kubernetes-1.34", "helm-3-kubernetes-1.37", "helm-4-kubernetes-1.37"];
        assert_eq!(crossed(&["1.34", "1.37", "1.34"], &["3", "4"]), directories.map(|it| Some(it.to_owned())));
        assert_eq!(crossed(&["1.34"], &["3", "3"]), [None]);
    }
}
