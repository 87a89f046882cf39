use serde_json::Value;

use super::*;

fn spec(target: &Value, refresh: &Value) -> ExternalSecretSpec {
    let mut spec = json!({"secretStoreRef": {"name": "x"}, "target": target});
    for (key, value) in refresh.as_object().into_iter().flatten() {
        spec[key.as_str()] = value.clone();
    }
    serde_json::from_value(spec).unwrap_or_else(|error| panic!("{error}"))
}

fn external_secret(status: &Value) -> DynamicObject {
    let object = json!({
        "apiVersion": api_version(),
        "kind": "ExternalSecret",
        "metadata": {"name": "api", "namespace": "ns", "uid": "u1", "generation": 1, "labels": {"app": "starter"}},
        "status": status,
    });
    serde_json::from_value(object).unwrap_or_else(|error| panic!("{error}"))
}

fn data(value: &str) -> BTreeMap<String, String> {
    [("KEY".to_owned(), value.to_owned())].into()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn made(target: &Value, existing: Option<&Secret>) -> Secret {
    desired(&external_secret(&json!({})), &spec(target, &json!({})), &data("old"), existing)
        .unwrap_or_else(|error| panic!("{error:#}"))
}

/// A failure would mean that the Secret stays when its release is removed, or goes although it should stay.
#[test]
fn a_secret_goes_with_its_external_secret_only_as_owner() {
    let secret = made(&json!({}), None);
    let owner = &secret.owner_references()[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str(), owner.controller), ("ExternalSecret", "u1", Some(true)));
    assert_eq!((secret.name_any().as_str(), secret.labels()["app"].as_str()), ("api", "starter"));
    for policy in ["Orphan", "Merge"] {
        assert!(made(&json!({"creationPolicy": policy}), None).owner_references().is_empty(), "{policy}");
    }
}

/// A failure would mean that two `ExternalSecret`s overwrite each other's Secret without end.
#[test]
fn a_secret_of_another_is_refused() {
    let object = external_secret(&json!({}));
    let mut other = made(&json!({}), None);
    other.metadata.owner_references.iter_mut().flatten().for_each(|owner| owner.name = "web".to_owned());
    for policy in ["Owner", "Merge"] {
        let refused =
            desired(&object, &spec(&json!({"creationPolicy": policy}), &json!({})), &data("new"), Some(&other));
        assert!(refused.is_err_and(|error| error.to_string().contains("externalsecret/web")), "{policy}");
    }
    // The Secret of one that was there before under this name is taken over.
    let before = made(&json!({}), None);
    assert!(desired(&object, &spec(&json!({}), &json!({})), &data("new"), Some(&before)).is_ok());
}

/// A failure would mean that a Secret which somebody edits stays edited, or is written again and again.
#[test]
fn a_secret_that_was_changed_by_hand_is_known() {
    let spec = spec(&json!({}), &json!({}));
    let secret = made(&json!({}), None);
    assert!(is_as_made(Some(&secret), &spec) && !is_as_made(None, &spec));
    let mut edited = secret;
    edited.data.get_or_insert_default().insert("KEY".to_owned(), k8s_openapi::ByteString(b"edited".to_vec()));
    assert!(!is_as_made(Some(&edited), &spec));
}

/// A failure would mean that keys of a Secret's own maker count as foreign, and it is written again and again.
#[test]
fn a_secret_that_is_merged_into_keeps_its_own_keys() {
    let mut theirs = Secret::default();
    theirs.data.get_or_insert_default().insert("OTHER".to_owned(), k8s_openapi::ByteString(b"theirs".to_vec()));
    let target = json!({"creationPolicy": "Merge"});
    let applied = made(&target, Some(&theirs));
    assert_eq!(applied.data.as_ref().map(BTreeMap::len), Some(1), "only its own keys are applied");
    let mut merged = applied;
    merged.data.get_or_insert_default().extend(theirs.data.unwrap_or_default());
    assert!(is_as_made(Some(&merged), &spec(&target, &json!({}))));
}

/// A failure would mean that a rotated value reaches a Secret at another time than with the operator.
#[test]
fn the_store_is_asked_when_its_time_has_come_or_something_changed() {
    let version = version_of(&external_secret(&json!({})));
    let asked = |version: &str| {
        external_secret(&json!({"refreshTime": "2026-01-01T00:00:00Z", "syncedResourceVersion": version}))
    };
    let due = |object: &DynamicObject, refresh: Value, now: &str| {
        due_in(object, &spec(&json!({}), &refresh), at(now)).unwrap_or_else(|error| panic!("{error:#}"))
    };
    let minute = json!({"refreshInterval": "1m"});
    let soon = "2026-01-01T00:00:20Z";
    assert_eq!(due(&external_secret(&json!({})), minute.clone(), soon), Some(Duration::ZERO), "it was never asked");
    assert_eq!(due(&asked(&version), minute.clone(), soon), Some(Duration::from_secs(40)));
    assert_eq!(due(&asked(&version), minute.clone(), "2026-01-01T00:01:01Z"), Some(Duration::ZERO));
    assert_eq!(due(&asked("0-other"), minute, soon), Some(Duration::ZERO), "the ExternalSecret changed");
    let once = json!({"refreshPolicy": "CreatedOnce"});
    assert_eq!(due(&asked("0-other"), once, soon), None);
    assert_eq!(due(&asked(&version), json!({"refreshPolicy": "OnChange"}), soon), None);
}
