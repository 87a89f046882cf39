//! Harms that a chart could have, each as a change of what it renders: the *operators* of mutation testing.
//!
//! ```
//! let operator = chartgate_mutate::named("budget-allows-nothing").unwrap();
//! let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 1}\n";
//! assert!(operator.post_render(budget).unwrap().contains("\"maxUnavailable\":0"));
//! ```
//!
//! - `objects`: a release's objects, changed through their Kubernetes types;
//! - `operator`: the operators, a file for each subject;
//! - `table`: all of them, with what each stands for;
//! - `post_render`: an operator as a post-renderer of helm.

mod objects;
mod operator;
mod post_render;
mod table;

pub use objects::Objects;
pub use table::{CANARY, Counts, OPERATORS, Operator, Sees, named};
