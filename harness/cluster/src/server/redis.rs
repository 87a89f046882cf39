//! Redis.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_model::plan::Server;
use chartgate_process::home;

use super::Kind;

pub(super) struct Redis;

impl Kind for Redis {
    fn container(&self) -> Result<Server> {
        Ok(Server {
            image: home::image("REDIS")?,
            env: BTreeMap::new(),
            port: 6379,
            ready: "Ready to accept connections".to_owned(),
        })
    }

    fn variables(&self, host: &str, port: u16) -> Vec<(&'static str, String)> {
        vec![("url", format!("redis://{host}:{port}"))]
    }
}
