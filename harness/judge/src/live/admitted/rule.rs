//! The rule of a cluster that refused an object, by the words of its refusal.

pub(super) const QUOTA: &str = "a ResourceQuota";
pub(super) const SILENT_WEBHOOK: &str = "an admission webhook that does not answer";

/// How the API server begins when admission refuses, and the rule that refused.
const REFUSALS: [(&str, &str); 8] = [
    ("exceeded quota", QUOTA),
    ("failed quota", QUOTA),
    ("violates PodSecurity", "Pod Security"),
    ("denied the request", "an admission webhook"),
    ("denied request", "a ValidatingAdmissionPolicy"),
    ("failed calling webhook", SILENT_WEBHOOK),
    ("usage per Container", "a LimitRange"),
    ("usage per Pod", "a LimitRange"),
];

/// The rule that a message is about; `None`: it is no refusal at admission.
pub(super) fn rule(message: &str) -> Option<&'static str> {
    REFUSALS.iter().find(|(words, _)| message.contains(words)).map(|(_, rule)| *rule)
}
