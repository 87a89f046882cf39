//! Roles and bindings, of a namespace and of the cluster alike.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::Object;

/// What a role allows; none for what is no role.
pub fn rules(object: &Object) -> &[PolicyRule] {
    let rules = object.typed::<Role>().map(|role| &role.rules);
    let rules = rules.or_else(|| object.typed::<ClusterRole>().map(|role| &role.rules));
    rules.and_then(Option::as_deref).unwrap_or_default()
}

/// The role that a binding binds; `None`: it is no binding.
pub fn role_of(object: &Object) -> Option<&RoleRef> {
    let role = object.typed::<RoleBinding>().map(|binding| &binding.role_ref);
    role.or_else(|| object.typed::<ClusterRoleBinding>().map(|binding| &binding.role_ref))
}

/// Whom a binding binds; nobody for what is no binding.
pub fn subjects(object: &Object) -> &[Subject] {
    let subjects = object.typed::<RoleBinding>().map(|binding| &binding.subjects);
    let subjects = subjects.or_else(|| object.typed::<ClusterRoleBinding>().map(|binding| &binding.subjects));
    subjects.and_then(Option::as_deref).unwrap_or_default()
}
