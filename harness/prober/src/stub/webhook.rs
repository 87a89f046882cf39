//! The mutating admission webhook that puts the stub into pods. The harness starts it in a namespace of its own.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::answer::{Body, json_body, read};
use super::certificate;
use super::definition::{ApiService, Definition, without_conversion, without_service};
use super::pod::Pod;
use super::replace::Replacement;
use super::review::Review;

/// What the webhook is started with.
pub(super) struct Settings {
    port: u16,
    /// Holds its certificate and key.
    certificates: PathBuf,
    replacement: Replacement,
}

impl Settings {
    /// `PORT DIRECTORY IMAGE [--keep-resources] [--only IMAGE…]`
    pub(super) fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
        let port = next("the port")?.parse().context("parse the port")?;
        let (certificates, image) = (PathBuf::from(next("the certificates' directory")?), next("the image")?);
        let mut replacement = Replacement { image, keeps_resources: false, only: None };
        for argument in arguments {
            match (argument.as_str(), &mut replacement.only) {
                ("--keep-resources", None) => replacement.keeps_resources = true,
                ("--only", None) => replacement.only = Some(std::collections::BTreeSet::new()),
                (_, Some(only)) => drop(only.insert(argument)),
                _ => bail!("unknown argument `{argument}`"),
            }
        }
        Ok(Self { port, certificates, replacement })
    }
}

/// Answers the API server until the pod is deleted.
pub(super) async fn serve(settings: &Settings) -> Result<()> {
    let tls = TlsAcceptor::from(certificate::config(std::slice::from_ref(&settings.certificates))?);
    let replacement = Arc::new(settings.replacement.clone());
    let everywhere = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, settings.port))).await;
    let listener = match everywhere {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, settings.port)).await.context("listen")?,
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, tls.clone(), replacement.clone()));
        }
    }
}

async fn converse(stream: TcpStream, tls: TlsAcceptor, replacement: Arc<Replacement>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| {
        let replacement = replacement.clone();
        async move { Ok::<_, Infallible>(answer(request, &replacement).await) }
    });
    // A connection that breaks off is the API server's to repeat.
    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: Request<Incoming>, replacement: &Replacement) -> Response<Body> {
    let review = read(request).await.and_then(|body| Review::read(&body)).unwrap_or_default();
    json_body(&review.allowed(patch(review.object(), replacement).as_ref()))
}

/// An object by its kind.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
enum Reviewed {
    Pod(Pod),
    #[serde(rename = "CustomResourceDefinition")]
    Definition(Definition),
    #[serde(rename = "APIService")]
    ApiService(ApiService),
    #[serde(other)]
    Other,
}

/// What replaces in an object what is to be replaced; `None`: nothing is.
fn patch(object: &Value, replacement: &Replacement) -> Option<Value> {
    match Reviewed::deserialize(object).ok()? {
        Reviewed::Pod(pod) => Some(replacement.of_pod(pod)?.patch()),
        Reviewed::Definition(definition) => Some(without_conversion(definition)?.patch()),
        Reviewed::ApiService(service) => Some(without_service(service)?.patch()),
        Reviewed::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    /// A failure would mean that the API server refuses every pod of a run with stub images.
    #[test]
    fn the_answer_carries_the_questions_number_and_a_patch_of_the_pod() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
        let review = json!({"kind": "AdmissionReview", "request": {"uid": "7", "object": pod}});
        let review = Review::read(review.to_string().as_bytes()).unwrap();
        let replacement = Replacement { image: "stub".to_owned(), keeps_resources: false, only: None };
        let answer = review.allowed(patch(review.object(), &replacement).as_ref());
        let response = serde_json::to_value(answer).unwrap()["response"].take();
        assert_eq!((&response["uid"], &response["allowed"]), (&json!("7"), &json!(true)));
        let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let patch: Value = serde_json::from_slice(&patch).unwrap();
        assert_eq!(patch[0]["path"], "/spec");
        assert_eq!(patch[0]["value"]["containers"][0]["image"], "stub");
    }

    /// A failure would mean that an object which is not to be changed is.
    #[test]
    fn what_needs_no_change_gets_none() {
        let replacement = Replacement { image: "stub".to_owned(), keeps_resources: false, only: None };
        let service = json!({"kind": "APIService", "spec": {"group": "apps"}});
        let unknown = json!({"kind": "Service", "spec": {"ports": []}});
        assert!([service, unknown].iter().all(|object| patch(object, &replacement).is_none()));
    }
}
