//! Servers beside the cluster.

use super::*;

/// A failure would mean that a server which a contract describes is another one in a run, or none.
#[test]
fn servers_are_known_by_name_or_described() {
    let servers = "backing: {postgres: {}, cache: {kind: redis}, kafka: {image: 'kafka:4', env: {A: b}, port: 9092, ready: started}}";
    let contract = CONTRACT_TEXT.replace("backing: {postgres: {}}", servers);
    let plan = Files::new("servers", &contract, "{description: x, steps: [{install: {}}]}").load().unwrap();
    let env = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
    let kafka = Server { image: "kafka:4".to_owned(), env, port: 9092, ready: "started".to_owned() };
    assert_eq!(
        plan.backing,
        BTreeMap::from([
            ("cache".to_owned(), Backing::Redis),
            ("kafka".to_owned(), Backing::Server(kafka)),
            ("postgres".to_owned(), Backing::Postgres),
        ])
    );
}

/// A failure would mean that a run waits for a port or a line that nobody named, or watches the schema of a cache.
#[test]
fn a_server_that_is_half_described_is_refused() {
    for (servers, said) in [
        ("{postgres: {}, kafka: {image: 'kafka:4', port: 9092}}", "`kafka` is not described"),
        ("{postgres: {port: 5432}}", "`postgres` is not described"),
        ("{postgres: {}, kafka: {}}", "known are `postgres`, `redis`"),
        ("{postgres: {kind: redis}}", "unknown database `postgres`"),
    ] {
        let contract = CONTRACT_TEXT.replace("{postgres: {}}", servers);
        let refusal = Files::new("half", &contract, "{description: x, steps: [{install: {}}]}").refusal();
        assert!(refusal.contains(said), "`{servers}` was answered with `{refusal}`");
    }
}
