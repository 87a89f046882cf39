//! The controllers: stores are validated, and `ExternalSecret`s become Secrets.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::api::resource;
use crate::condition::{FAILED, INVALID, MISSING, Ready, SYNCED, VALID, now};
use crate::secret;
use crate::spec::{CreationPolicy, ExternalSecretSpec};
use crate::store::Store;

/// A store may come later than what needs it.
const RETRY: Duration = Duration::from_secs(1);
/// The interval is counted in whole seconds: what comes a moment early would find nothing to do.
const SLACK: Duration = Duration::from_millis(50);

/// What the controllers share.
pub struct Context {
    /// The cluster.
    pub client: Client,
    recorder: Recorder,
    /// What was told last of each object that failed, so that it is told once.
    told: Mutex<HashMap<String, String>>,
}

/// Runs until it is told to end.
pub async fn run(client: Client) {
    let recorder = Recorder::new(client.clone(), Reporter::from("external-secrets"));
    let context = Arc::new(Context { client: client.clone(), recorder, told: Mutex::default() });
    let of = |kind: &str| {
        let resource = resource(kind);
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        Controller::new_with(api, watcher::Config::default(), resource).shutdown_on_signal()
    };
    let owned = Api::<Secret>::all(client.clone());
    let managed = watcher::Config::default().labels(secret::MANAGED);
    let secrets = of("ExternalSecret").owns(owned, managed).run(external_secret, never, context.clone());
    let stores = of("SecretStore").run(store, never, context.clone());
    let cluster_stores = of("ClusterSecretStore").run(store, never, context.clone());
    tokio::join!(secrets.for_each(tell), stores.for_each(tell), cluster_stores.for_each(tell));
}

/// No reconciliation fails: each says itself what went wrong, and when it is tried again.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the controller's signature")]
fn never(_: Arc<DynamicObject>, error: &Infallible, _: Arc<Context>) -> Action {
    match *error {}
}

async fn tell<T>(result: std::result::Result<T, kube::runtime::controller::Error<Infallible, watcher::Error>>) {
    if let Err(error) = result {
        eprintln!("{error}");
    }
}

/// Says of a store whether it is valid.
async fn store(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Infallible> {
    let read = Store::read(&object);
    let ready = if read.is_ok() { VALID } else { INVALID };
    let status = json!({"conditions": ready.of(&object), "capabilities": "ReadWrite"});
    let told = async {
        if let Err(error) = &read {
            context.tell(&object, "InvalidProviderConfig", error).await?;
        }
        context.set_status(&object, status).await
    };
    Ok(match told.await {
        Ok(()) => Action::await_change(),
        Err(error) => again(&object, &error),
    })
}

/// Makes an `ExternalSecret`'s Secret as it should be, and says so.
async fn external_secret(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Infallible> {
    let error = match sync(&object, &context).await {
        Ok(action) => return Ok(action),
        Err(error) => error,
    };
    let status = json!({"conditions": FAILED.of(&object)});
    let told = async {
        context.tell(&object, "UpdateFailed", &error).await?;
        context.set_status(&object, status).await
    };
    if let Err(error) = told.await {
        eprintln!("{}: {error:#}", title(&object));
    }
    Ok(Action::requeue(RETRY))
}

async fn sync(object: &DynamicObject, context: &Context) -> Result<Action> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let ns = object.namespace().context("an ExternalSecret is in a namespace")?;
    let spec: ExternalSecretSpec = serde_json::from_value(object.data["spec"].clone()).context("read the spec")?;
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), &ns);
    let name = secret::name_of(object, &spec);
    let existing = secrets.get_opt(&name).await.with_context(|| format!("get secret/{name}"))?;
    let due = secret::due_in(object, &spec, Timestamp::now())?;
    if due.is_none_or(|due| !due.is_zero()) && secret::is_as_made(existing.as_ref(), &spec) {
        return Ok(due.map_or_else(Action::await_change, |due| Action::requeue(due + SLACK)));
    }
    let data = Store::of(&spec, &ns, context).await?.data(&spec)?;
    let is_awaited = spec.target.creation_policy == CreationPolicy::Merge && existing.is_none();
    if !is_awaited && spec.target.creation_policy != CreationPolicy::None {
        let wanted = secret::desired(object, &spec, &data, existing.as_ref())?;
        let as_manager = PatchParams::apply(&secret::manager(object)).force();
        let applied = secrets.patch(&name, &as_manager, &Patch::Apply(&wanted)).await;
        let applied = applied.with_context(|| format!("apply secret/{name}"))?;
        let before = existing.and_then(|secret| secret.resource_version());
        if applied.resource_version() != before {
            println!("{}: wrote secret/{name} with {} keys", title(object), data.len());
        }
    }
    let ready: Ready = if is_awaited { MISSING } else { SYNCED };
    let status = json!({
        "conditions": ready.of(object),
        "refreshTime": now(),
        "syncedResourceVersion": secret::version_of(object),
        "binding": {"name": name},
    });
    context.set_status(object, status).await?;
    context.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&title(object));
    Ok(spec.interval()?.map_or_else(Action::await_change, |interval| Action::requeue(interval + SLACK)))
}

impl Context {
    async fn set_status(&self, object: &DynamicObject, status: Value) -> Result<()> {
        let resource = resource(&kind(object));
        let api: Api<DynamicObject> = match object.namespace() {
            Some(ns) => Api::namespaced_with(self.client.clone(), &ns, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let patch = Patch::Merge(json!({"status": status}));
        match api.patch_status(&object.name_any(), &PatchParams::default(), &patch).await {
            // It is gone, and needs no status.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            patched => patched.map(drop).with_context(|| format!("set the status of {}", title(object))),
        }
    }

    /// Says why something failed, in an Event, once.
    async fn tell(&self, object: &DynamicObject, reason: &str, error: &anyhow::Error) -> Result<()> {
        let note = format!("{error:#}");
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(title(object), note.clone());
        if told.as_ref() == Some(&note) {
            return Ok(());
        }
        eprintln!("{}: {note}", title(object));
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Sync".to_owned(),
            secondary: None,
        };
        let about = object.object_ref(&resource(&kind(object)));
        self.recorder.publish(&event, &about).await.with_context(|| format!("tell of {}", title(object)))
    }
}

fn kind(object: &DynamicObject) -> String {
    object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default()
}

fn title(object: &DynamicObject) -> String {
    format!("{}/{}", kind(object).to_lowercase(), object.name_any())
}

fn again(object: &DynamicObject, error: &anyhow::Error) -> Action {
    eprintln!("{}: {error:#}", title(object));
    Action::requeue(RETRY)
}
