//! Real registries, and one that is cut off in the middle of a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chartgate_process::tool::{Line, Tool};
use testcontainers::core::IntoContainerPort;
use testcontainers::{ContainerAsync, GenericImage};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

use crate::cluster::release;
use crate::support;

/// Which registry.
#[derive(Clone, Copy)]
pub enum Kind {
    /// The distribution project's, as Debian has it: the attestation is found by a tag.
    WithoutReferrers,
    /// go-containerregistry's.
    WithReferrers,
}

/// One that runs for as long as this.
pub struct Running {
    address: String,
    _held: Held,
}

#[expect(dead_code, reason = "its drop ends the registry")]
enum Held {
    Container(Box<ContainerAsync<GenericImage>>),
    Process(Receiver<Line>),
}

impl Running {
    pub async fn start(kind: Kind) -> Self {
        match kind {
            Kind::WithoutReferrers => {
                let container = release::registry().await;
                let port = container.get_host_port_ipv4(release::PORT.tcp()).await.expect("its port is mapped");
                Self { address: format!("127.0.0.1:{port}"), _held: Held::Container(Box::new(container)) }
            }
            Kind::WithReferrers => {
                let source = support::repository().join("tests/support/registry");
                let program = support::repository().join("target/registry");
                let build = Tool::on_path("go").args(["build", "-o"]).args([&program]).args(["."]).folder(&source);
                build.deadline(std::time::Duration::from_secs(900)).run().await.expect("it builds");
                let mut process = Tool::new("registry", &program).follow().expect("it starts");
                let Some(Line::Out(address)) = process.recv().await else { panic!("it does not say where it listens") };
                Self { address, _held: Held::Process(process) }
            }
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Stands before a registry, and cuts the connection at one request.
pub struct Gatekeeper {
    address: String,
    has_refused: Arc<AtomicBool>,
}

impl Gatekeeper {
    pub async fn before(registry: &str, refused: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        let (has_refused, registry) = (Arc::new(AtomicBool::new(false)), registry.to_owned());
        let flag = Arc::clone(&has_refused);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, registry.clone(), refused, Arc::clone(&flag)));
            }
        });
        Self { address, has_refused }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn has_refused(&self) -> bool {
        self.has_refused.load(Ordering::SeqCst)
    }
}

/// Carries one connection.
async fn pass(client: TcpStream, registry: String, refused: &'static str, has_refused: Arc<AtomicBool>) {
    let server = TcpStream::connect(registry).await.expect("the registry answers");
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let back = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut piece = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from_client.read(&mut piece).await {
        // A request's first line comes in one piece: clients write their head at once.
        if piece[..length].windows(refused.len()).any(|bytes| bytes == refused.as_bytes()) {
            has_refused.store(true, Ordering::SeqCst);
            break;
        }
        if to_server.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    back.abort();
}
