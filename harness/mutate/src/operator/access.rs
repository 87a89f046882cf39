//! Who may do what.

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};

use crate::objects::Objects;

pub(crate) fn bound_to_another_role(objects: &mut Objects) {
    objects.each::<RoleBinding>(|it| it.role_ref.name.push_str("-gone"));
    objects.each::<ClusterRoleBinding>(|it| it.role_ref.name.push_str("-gone"));
}
