//! What the stub answers to a request, whatever was asked.

use std::collections::VecDeque;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response};
use serde::Serialize;
use serde_json::json;

use super::review::Review;

pub(super) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// `HealthCheckResponse{status: SERVING}` of `grpc.health.v1`, in gRPC's frame: not compressed, two bytes long.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 0x08, 0x01];
/// An admission request is smaller than an object, of which etcd takes 1.5 MB.
const LIMIT: usize = 8 << 20;

/// `SERVING` to gRPC, "allowed" to the API server's question to a webhook, else 200.
pub(super) async fn answer(request: Request<Incoming>) -> Response<Body> {
    let content = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content.starts_with("application/grpc") {
        return serving();
    }
    if !content.starts_with("application/json") {
        return Response::new(full(Bytes::from_static(b"ok\n")));
    }
    match read(request).await.and_then(|body| Review::read(&body)) {
        Some(review) => json_body(&review.allowed(None)),
        None => json_body(&json!({})),
    }
}

fn serving() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = VecDeque::from([Frame::data(Bytes::from_static(&SERVING)), Frame::trailers(trailers)]);
    let body = StreamBody::new(futures::stream::iter(frames.into_iter().map(Ok)));
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// The body of a request; `None`: it is too long, or broke off.
pub(super) async fn read(request: Request<Incoming>) -> Option<Bytes> {
    let body = http_body_util::Limited::new(request.into_body(), LIMIT);
    body.collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// A JSON document as an answer.
pub(super) fn json_body(document: &impl Serialize) -> Response<Body> {
    // These documents hold nothing that JSON has not.
    let mut response = Response::new(full(Bytes::from(serde_json::to_vec(document).unwrap_or_default())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}
