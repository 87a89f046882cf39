use rstest::rstest;
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named as object_named};

fn variable(name: &str, value: &str) -> Story {
    let (name, value) = (name.to_owned(), value.to_owned());
    Story::good().edit(object_named("Deployment", "cg-worker"), move |deployment| {
        let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
        container["env"] = json!([{"name": name, "value": value}]);
    })
}

fn argument(argument: &str) -> Story {
    let arguments: Vec<&str> = argument.split(' ').collect();
    Story::good().edit(object_named("Deployment", "cg-worker"), move |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["args"] = json!(arguments);
    })
}

fn entry(key: &str, value: &str) -> Story {
    Story::good().rendering(&json!({"kind": "ConfigMap", "metadata": {"name": "cg-x"}, "data": {key: value}}))
}

/// A failure would mean that nobody is told of a password that everyone can read.
#[rstest]
#[case(variable("DB_PASSWORD", "hunter2"), "variable DB_PASSWORD of container `worker`")]
#[case(variable("POSTGRES_PASSWORD", "postgres"), "variable POSTGRES_PASSWORD")]
#[case(variable("rootPassword2", "changeme"), "variable rootPassword2")]
#[case(variable("API_TOKEN", "f81d4fae7dec11"), "variable API_TOKEN")]
#[case(variable("SECRET_KEY_BASE", "x9K2mQ7pL4"), "variable SECRET_KEY_BASE")]
#[case(variable("DATABASE_URL", "postgres://u:p@db/x"), "variable DATABASE_URL")]
#[case(variable("GREETING", "[redacted]"), "variable GREETING")]
#[case(argument("--api-token=x9K2mQ7pL4"), "an argument of container `worker`")]
#[case(argument("--password hunter2"), "an argument of container `worker`")]
#[case(entry("smtp-password", "hunter2"), "configmap/cg-x shows a secret in key `smtp-password`")]
#[case(entry("two.yaml", "a: http://x/\nb: postgres://u:hunter22@db/x\n"), "key `two.yaml`")]
#[case(entry("app.yaml", "database:\n  password: hunter22hunter\n"), "`password` in key `app.yaml`")]
#[case(entry("app.properties", "spring.datasource.password=hunter22"), "`spring.datasource.password` in key")]
#[case(entry("app.json", "{\n  \"clientSecret\": \"x9K2mQ7pL4\",\n}"), "`clientSecret` in key `app.json`")]
fn a_secret_in_plain_sight_is_advised_against(#[case] story: Story, #[case] says: &str) {
    check(&NO_SECRET_IN_PLAIN_SIGHT, &story, Verdict::Advice, says);
}

/// A failure would mean that a maintainer is told of secrets that are none.
#[rstest]
#[case::file(variable("DB_PASSWORD_FILE", "/run/p"))]
#[case::empty(variable("TOKEN", ""))]
#[case::reference(variable("DB_PASSWORD", "$(OTHER)"))]
#[case::shell(variable("DB_PASSWORD", "${OTHER}"))]
#[case::variable(variable("DB_PASSWORD", "OTHER_PASSWORD"))]
#[case::url(variable("URL", "http://a/b@c:d"))]
#[case::switch(variable("ALLOW_EMPTY_PASSWORD", "no"))]
#[case::path(variable("GOOGLE_APPLICATION_CREDENTIALS", "/credentials/cloud"))]
#[case::endpoint(variable("OAUTH_TOKEN_ENDPOINT", "https://id.example/token"))]
#[case::command(variable("JWT_SECRET_CMD", "cat /run/secrets/jwt"))]
#[case::user(variable("REGISTRY_CREDENTIAL_USERNAME", "harbor"))]
#[case::number(variable("MAX_TOKENS", "4096"))]
#[case::policy(variable("PASSWORD_COMPLEXITY", "normal"))]
#[case::structure(variable("PASSWORD_JSON", "{\"k\":\"$(SECRET_KEY)\"}"))]
#[case::secret_by_name(variable("TLS_SECRET", "my-tls"))]
#[case::key_of_a_secret(variable("DB_PASSWORD", "postgres-password"))]
#[case::object(variable("DB_PASSWORD", "cg-worker"))]
#[case::name_of_a_secret(argument("--tlsSecretName=tls"))]
#[case::namespace(argument("--secret-namespace=ns"))]
#[case::pull_secrets(argument("--imagePullSecrets=a,b"))]
#[case::filled_in_by_a_shell(argument("curl http://$USER:$PASSWORD@db/"))]
#[case::script(entry("rotate-token.sh", "echo rotate\npassword=hunter22hunter\n"))]
#[case::filled_in_by_the_application(entry("otel.yaml", "dsn: tcp://${env:USER}:${env:PASSWORD}@db:9000"))]
#[case::comment(entry("app.yaml", "# password: hunter22hunter\n# postgres://u:hunter22@db\n"))]
#[case::example(entry("app.yaml", "url: postgres://user:password@db\n"))]
#[case::field(entry("app.yaml", "fields:\n  password: string\n  token: required\n"))]
fn what_is_no_secret_is_not_claimed(#[case] story: Story) {
    check(&NO_SECRET_IN_PLAIN_SIGHT, &story, Verdict::Pass, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&NO_SECRET_IN_PLAIN_SIGHT, &Story::good(), &variable("DB_PASSWORD", "hunter2"));
}
