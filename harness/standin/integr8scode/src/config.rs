//! What backend, workers and jobs read from their environment.
//!
//! | variable | |
//! | --- | --- |
//! | `KAFKA_BOOTSTRAP_SERVERS` | `host:port`, several with commas |
//! | `SCHEMA_REGISTRY_URL` | `http://host:port` |
//! | `MONGODB_URL` | `mongodb://[user:password@]host:port/database` |
//! | `REDIS_HOST`, `REDIS_PORT` (6379), `REDIS_PASSWORD` (none) | |
//! | `KAFKA_TOPIC_PREFIX` (`pref`), `KAFKA_TOPIC_PARTITIONS` (3) | |
//! | `KAFKA_PORT` | must not be `tcp://…`: Kubernetes sets it where a Service is named `kafka`, and the original takes it for a port |

use anyhow::{Result, anyhow};
use chartgate_standin::build::Build;
use chartgate_standin::environment::Environment;
use chartgate_standin::ledger::{Writer, pod_name};
use chartgate_standin::redis::Redis;
use mongodb::options::ClientOptions;

/// The servers that every part speaks to, and who speaks.
pub struct Config {
    pub kafka: Kafka,
    pub registry: String,
    pub mongodb: ClientOptions,
    pub redis: Redis,
    pub writer: Writer,
}

/// Where Kafka is, and how topics are named there.
#[derive(Clone, Debug)]
pub struct Kafka {
    pub servers: String,
    pub prefix: String,
    pub partitions: i32,
}

impl Config {
    /// Reads the environment for the part `role`.
    ///
    /// # Errors
    /// All that is wrong with it, in one line.
    pub async fn read(env: &mut Environment, role: &str) -> Result<Self> {
        let build = Build::of(env);
        if let Some(port) = env.optional("KAFKA_PORT").filter(|port| port.starts_with("tcp://")).map(str::to_owned) {
            env.problem(format!("environment variable `KAFKA_PORT` is `{port}`, expected a number or nothing"));
        }
        let kafka = Kafka {
            servers: env.checked("KAFKA_BOOTSTRAP_SERVERS", servers).unwrap_or_default(),
            prefix: env.optional("KAFKA_TOPIC_PREFIX").unwrap_or("pref").to_owned(),
            partitions: env.parsed_or("KAFKA_TOPIC_PARTITIONS", "a number", 3),
        };
        let registry = env.checked("SCHEMA_REGISTRY_URL", http_address).unwrap_or_default();
        let redis = redis(env);
        let url = env.required("MONGODB_URL");
        let mongodb = mongodb(env, &url).await;
        env.finish()?;
        let mongodb = mongodb.ok_or_else(|| anyhow!("no document store is known"))?;
        let writer = Writer { pod: pod_name(), role: role.to_owned(), build };
        Ok(Self { kafka, registry, mongodb, redis, writer })
    }
}

/// One or more `host:port`.
fn servers(value: &str) -> Result<(), String> {
    let is_server = |server: &str| {
        server.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if value.split(',').all(is_server) { Ok(()) } else { Err(format!("is `{value}`, expected host:port")) }
}

/// `http://host:port`, without a path.
fn http_address(value: &str) -> Result<(), String> {
    value
        .strip_prefix("http://")
        .ok_or(())
        .and_then(|address| servers(address).map_err(|_| ()))
        .map_err(|()| format!("is `{value}`, expected http://host:port"))
}

fn redis(env: &mut Environment) -> Redis {
    let host = env.required("REDIS_HOST");
    let port = env.parsed_or("REDIS_PORT", "a port", 6379_u16);
    let password = env.optional("REDIS_PASSWORD").map(str::to_owned);
    Redis::at(&host, port, password)
}

async fn mongodb(env: &mut Environment, url: &str) -> Option<ClientOptions> {
    if url.is_empty() {
        return None;
    }
    // The parser's own message may quote the password: only its kind is told.
    let Ok(options) = ClientOptions::parse(url).await else {
        env.problem("environment variable `MONGODB_URL` does not parse as the URL of a document store".into());
        return None;
    };
    if options.default_database.is_none() {
        env.problem("environment variable `MONGODB_URL` names no database".into());
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 5] = [
        ("STANDIN_VERSION", "v1"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:29092"),
        ("SCHEMA_REGISTRY_URL", "http://registry:8081"),
        ("MONGODB_URL", "mongodb://me:secret@store:27017/code?authSource=admin"),
        ("REDIS_HOST", "redis"),
    ];

    async fn refusal(changes: &[(&str, &str)]) -> String {
        let pairs = COMPLETE.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let read = Config::read(&mut Environment::new(pairs), "backend").await;
        read.map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[tokio::test]
    async fn a_complete_environment_is_taken() {
        assert_eq!(refusal(&[]).await, "");
        assert_eq!(refusal(&[("KAFKA_PORT", "9092")]).await, "");
    }

    /// The trap that the application's document warns of.
    #[tokio::test]
    async fn kubernetes_own_kafka_port_is_refused() {
        let refused = refusal(&[("KAFKA_PORT", "tcp://10.96.0.7:29092")]).await;
        assert!(refused.contains("`KAFKA_PORT` is `tcp://10.96.0.7:29092`"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused_without_its_password() {
        let refused = refusal(&[
            ("KAFKA_BOOTSTRAP_SERVERS", "kafka"),
            ("SCHEMA_REGISTRY_URL", "registry:8081"),
            ("MONGODB_URL", "mongodb://me:secret@store:27017"),
        ])
        .await;
        for part in
            ["`KAFKA_BOOTSTRAP_SERVERS` is `kafka`", "`SCHEMA_REGISTRY_URL` is", "`MONGODB_URL` names no database"]
        {
            assert!(refused.contains(part), "`{part}` is not in `{refused}`");
        }
        assert!(!refused.contains("secret"), "{refused}");
    }
}
