use super::status::standing_in;
use super::*;
use crate::Outside;

/// A folder of the test's own, removed at its end.
struct Brokers(PathBuf);

impl Brokers {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("chartgate-{}", random::text(8)));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn the_entry_of_a_broker_that_lives_is_no_ones_to_remove() {
    let brokers = Brokers::new();
    let entry = Entry::create_in(&brokers.0, &About::new("1.34", "node:1")).unwrap();
    let folder = entries(&brokers.0).unwrap().remove(0);
    let standing = || standing_in(&brokers.0).unwrap()[0].1;
    assert!(Entry::of_the_dead(&folder).unwrap().is_none() && standing() == Standing::InUse);
    drop(entry);
    assert!(Entry::of_the_dead(&folder).unwrap().is_some() && standing() == Standing::Left);
}

#[test]
fn only_a_kept_cluster_of_the_same_node_is_adopted() {
    let brokers = Brokers::new();
    let about = About::new("1.34", "node:1");
    let entry = Entry::create_in(&brokers.0, &about).unwrap();
    entry.keep().unwrap();
    let name = entry.name();
    assert!(Entry::adopt_in(&brokers.0, &about).unwrap().is_none(), "its broker lives");
    drop(entry);
    assert!(Entry::adopt_in(&brokers.0, &About::new("1.34", "node:2")).unwrap().is_none());
    assert_eq!(Entry::adopt_in(&brokers.0, &about).unwrap().unwrap().name(), name);
}

#[test]
fn what_was_kept_of_a_context_is_adopted_for_the_same_cluster_only() {
    let brokers = Brokers::new();
    let about = |key| About::of_context("v1.34.1", "mine", key);
    let entry = Entry::create_in(&brokers.0, &about("one")).unwrap();
    entry.keep().unwrap();
    drop(entry);
    assert!(Entry::adopt_in(&brokers.0, &about("two")).unwrap().is_none());
    assert!(Entry::adopt_in(&brokers.0, &About::new("v1.34.1", "")).unwrap().is_none());
    assert!(Entry::adopt_in(&brokers.0, &about("one")).unwrap().is_some());
}

/// Else a user's cluster keeps what a killed broker made in it.
#[test]
fn what_is_in_a_users_cluster_is_noted_until_it_is_gone() {
    let brokers = Brokers::new();
    let entry = Entry::create_in(&brokers.0, &About::of_context("v1.34.1", "mine", "key")).unwrap();
    let role = Owned::Outside(Outside {
        api_version: "rbac.authorization.k8s.io/v1".to_owned(),
        kind: "ClusterRole".to_owned(),
        namespace: "a".to_owned(),
        name: "reader".to_owned(),
    });
    let namespace = Owned::Namespace("a".to_owned());
    entry.add(&namespace).unwrap();
    entry.add(&role).unwrap();
    entry.forget(&namespace).unwrap();
    assert_eq!(entry.owned(), BTreeSet::from([role]));
}

/// Else what is left in it is forgotten because the network was down for a moment.
#[tokio::test]
async fn an_entry_whose_cluster_does_not_answer_stays() {
    let brokers = Brokers::new();
    let entry = Entry::create_in(&brokers.0, &About::of_context("v1.34.1", "mine", "key")).unwrap();
    entry.add(&Owned::Namespace("a".to_owned())).unwrap();
    let folder = entry.folder.clone();
    let error = entry.remove().await.unwrap_err();
    assert!(
        home::is_environment(&error) && error.to_string().contains("remove namespace `a` from the cluster"),
        "{error}"
    );
    assert!(folder.exists());
}

#[test]
fn what_was_noted_is_read_again_and_can_be_erased() {
    let brokers = Brokers::new();
    let entry = Entry::create_in(&brokers.0, &About::new("1.34", "node:1")).unwrap();
    entry.write("images", &["a"]).unwrap();
    assert_eq!(entry.read::<Vec<String>>("images").unwrap(), ["a"]);
    entry.erase("images");
    assert!(entry.read::<Vec<String>>("images").is_none());
}
