//! An operator as a post-renderer of helm: manifests in, manifests out.

use std::fmt::Write;

use anyhow::Result;
use chartgate_yaml::manifest::printed;
use serde_json::Value;

use crate::objects::Objects;
use crate::table::Operator;

impl Operator {
    /// Changes what helm hands on; the templates' names stay above their objects.
    ///
    /// # Errors
    /// If it is no YAML.
    pub fn post_render(&self, manifests: &str) -> Result<String> {
        let printed = printed(manifests)?;
        let mut objects = Objects(printed.iter().map(|it| it.object.clone()).collect());
        self.change(&mut objects);
        let mut out = String::new();
        for (object, was) in objects.0.iter().zip(&printed).filter(|(object, _)| **object != Value::Null) {
            // Writing to a String does not fail.
            out.push_str("---\n");
            if let Some(template) = &was.source {
                writeln!(out, "# Source: {template}").ok();
            }
            // JSON is YAML.
            writeln!(out, "{object}").ok();
        }
        Ok(out)
    }

    /// Whether it changes anything of these objects.
    pub fn applies_to(&self, objects: &[Value]) -> bool {
        let mut changed = Objects(objects.to_vec());
        self.change(&mut changed);
        changed.0 != objects
    }
}
