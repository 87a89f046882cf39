//! What the prober met at pods, Services and behind policies.

use chartgate_protocol::Answer;
use serde::{Deserialize, Serialize};

/// One question of the prober to a pod or a Service, and the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Index in the plan's steps: the probe was sent after the step's rollout had settled.
    pub step: usize,
    /// The role whose pod or Service was asked.
    pub role: String,
    /// Name of the pod asked at its own address; `None`: the Service was asked.
    pub pod: Option<String>,
    /// Address and port, for example `10.244.0.7:4000`.
    pub address: String,
    /// Path, for an HTTP question; `None`: only a connection was tried.
    pub path: Option<String>,
    /// The pod was Ready before the question and after the answer, without a restart between.
    pub ready_throughout: bool,
    /// What came back.
    pub answer: Answer,
    /// What a serving role's pod answered to the same prober at the same time (positive control).
    pub control: Option<Answer>,
}

/// A port of a Service that selects pods, and what the prober met at each of its ready endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServicePort {
    /// Index in the plan's steps: after the step's rollout had settled.
    pub step: usize,
    /// Name of the Service.
    pub service: String,
    /// Name of the port, or its number where it has none.
    pub port: String,
    /// Its `targetPort`, a name or a number.
    pub target: String,
    /// How many ready endpoints it has.
    pub endpoints: usize,
    /// One for each ready endpoint that no `NetworkPolicy` keeps the prober from, a few at most.
    pub attempts: Vec<Attempt>,
}

/// A connection to an endpoint of a Service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Name of the pod.
    pub pod: String,
    /// Address and port.
    pub address: String,
    /// The port at the pod.
    pub port: u16,
    /// What came back.
    pub answer: Answer,
    /// The pod was Ready before and after.
    pub is_ready_throughout: bool,
}

/// A connection to a pod that a `NetworkPolicy` guards, and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reach {
    /// Index in the plan's steps: after the step's rollout had settled.
    pub step: usize,
    /// The role of the pod.
    pub role: String,
    /// Name of the pod.
    pub pod: String,
    /// Port of the pod's own address.
    pub port: u16,
    /// Who asked.
    pub asker: Asker,
    /// What came back.
    pub answer: Answer,
    /// What the same asker met at the same time at a pod of chartgate's own where nothing listens (positive control).
    pub control: Answer,
    /// The pod was Ready before the question and after the answer, without a restart between.
    pub ready_throughout: bool,
}

/// A pod of chartgate's own that sends requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asker {
    /// The prober. Its pod and its namespace have every label that the contract asks of those who may ask.
    Prober,
    /// A pod without these labels in the prober's namespace.
    Unlabelled,
    /// A pod with these labels in a namespace without them.
    Elsewhere,
}
