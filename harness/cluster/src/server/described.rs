//! A server that a file describes by its image.

use anyhow::Result;
use chartgate_model::plan::Server;

use super::Kind;

impl Kind for Server {
    fn container(&self) -> Result<Server> {
        Ok(self.clone())
    }
}
