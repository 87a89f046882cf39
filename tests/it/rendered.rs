//! What the documents of four charts promise of values, seen in what the charts render. docs/src/promises.md says which sentence each test covers.

use std::collections::BTreeSet;

use chartgate_process::home;
use chartgate_process::tool::Tool;
use serde_json::{Value, json};

use crate::support;

/// The objects that a chart renders.
struct Manifest(Vec<Value>);

impl Manifest {
    /// Renders a chart as a release of the name `it`, with its least values and these.
    async fn of(chart: &str, values: Value) -> Self {
        home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
        let major = home::version("HELM").expect("versions.env names it");
        let helm = Tool::new("helm", home::helm(major).expect("the set-up made it"));
        let folder = support::repository().join("charts").join(chart);
        let mut all = match std::fs::read_to_string(folder.join("ci/default-values.yaml")) {
            Ok(text) => chartgate_yaml::value(&text).expect("ci/default-values.yaml is YAML"),
            Err(_) => json!({}),
        };
        chartgate_scenario::merge(&mut all, values);
        let call = helm.args(["template", "it"]).args([folder]).args(["--values", "-"]).env("KUBECONFIG", "/dev/null");
        let output = call.stdin(all.to_string()).run_unchecked().await.expect("helm starts");
        assert!(output.is_success(), "{chart} with {all}:\n{}", output.stderr);
        Self(chartgate_yaml::objects(&output.stdout).expect("a manifest is YAML"))
    }

    fn kinds(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|object| object["kind"].as_str()).collect()
    }

    /// The one object of a kind and a component.
    #[track_caller]
    fn one(&self, kind: &str, component: &str) -> &Value {
        let is_it = |object: &&Value| {
            object["kind"] == kind && object["metadata"]["labels"]["app.kubernetes.io/component"] == component
        };
        let found: Vec<&Value> = self.0.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{kind} of `{component}` among {:?}", self.kinds());
        found[0]
    }

    #[track_caller]
    fn pod(&self, kind: &str, component: &str) -> &Value {
        &self.one(kind, component)["spec"]["template"]["spec"]
    }

    /// An environment variable of a component's Deployment, as it stands there.
    #[track_caller]
    fn env(&self, component: &str, name: &str) -> Value {
        let variables = self.pod("Deployment", component)["containers"][0]["env"].as_array().expect("a list");
        let all: Vec<&Value> = variables.iter().filter(|variable| variable["name"] == name).collect();
        assert!(all.len() < 2, "`{name}` is set {} times", all.len());
        all.first().map_or(Value::Null, |variable| {
            if variable["value"].is_null() { variable["valueFrom"].clone() } else { variable["value"].clone() }
        })
    }
}

/// A failure would mean that a release brings a database, makes a Secret or opens itself to the world unasked.
#[tokio::test]
async fn dispatch_brings_nothing_that_the_platform_has() {
    let manifest = Manifest::of("dispatch", json!({})).await;
    let kinds = ["Deployment", "Job", "Service", "ServiceAccount"];
    assert_eq!(manifest.kinds(), kinds.into(), "no Secret, no database, no Ingress, and no HTTPRoute by default");
    assert_eq!(manifest.one("Service", "web")["spec"]["type"], "ClusterIP");
    assert_eq!(manifest.pod("Deployment", "web")["containers"][0]["command"], json!(["node", "server.js"]));
}

/// A failure would mean that chart, application and image get out of step.
#[tokio::test]
async fn dispatch_runs_the_image_of_its_own_version() {
    let text = std::fs::read_to_string(support::repository().join("charts/dispatch/Chart.yaml")).expect("it is there");
    let chart = chartgate_yaml::value(&text).expect("it is YAML");
    assert_eq!(chart["version"], chart["appVersion"]);
    let manifest = Manifest::of("dispatch", json!({})).await;
    let end = format!("/dispatch:{}", chart["appVersion"].as_str().expect("a text"));
    for (kind, component) in [("Deployment", "web"), ("Job", "migrate")] {
        let image = &manifest.pod(kind, component)["containers"][0]["image"];
        assert!(image.as_str().is_some_and(|image| image.ends_with(&end)), "{image} does not end with {end}");
    }
}

/// A failure would mean that a structured value reaches the application in another form, or not at all.
#[tokio::test]
async fn dispatch_renders_its_structured_values_into_the_environment() {
    let lanes = json!([{"id": "home", "title": "Home", "claimable": true, "role": "default"}]);
    let groomer = json!({"enabled": false, "model": "small", "dryRun": true, "repoContext": false});
    let config = json!({
        "authMode": "oidc", "excludedLabels": ["a", "b"], "llmBaseUrl": "http://llm", "groomer": groomer,
        "scheduler": {"enabled": false, "intervals": {"syncMs": 1, "groomerMs": 2, "prFollowupMs": 3, "pruneClosedMs": 86_400_000}},
        "lanes": lanes, "laneAliases": {"normal": "home", "escalated": null},
    });
    let manifest = Manifest::of("dispatch", json!({"config": config})).await;
    let laid = manifest.env("web", "DISPATCH_LANE_CONFIG_JSON");
    let laid: Value = serde_json::from_str(laid.as_str().expect("a text")).expect("it is JSON");
    assert_eq!(laid, json!({"lanes": lanes, "aliases": {"normal": "home"}}));
    for (name, value) in [
        ("DISPATCH_AUTH_MODE", "oidc"),
        ("DISPATCH_EXCLUDED_LABELS", "a,b"),
        ("DISPATCH_LLM_BASE_URL", "http://llm"),
        ("DISPATCH_GROOMER_ENABLED", "false"),
        ("DISPATCH_GROOMER_MODEL", "small"),
        ("DISPATCH_GROOMER_DRY_RUN", "true"),
        ("DISPATCH_GROOMER_REPO_CONTEXT", "false"),
        ("DISPATCH_SCHEDULER_ENABLED", "false"),
        ("DISPATCH_SYNC_INTERVAL_MS", "1"),
        ("DISPATCH_GROOMER_INTERVAL_MS", "2"),
        ("DISPATCH_PR_FOLLOWUP_INTERVAL_MS", "3"),
        ("DISPATCH_PRUNE_CLOSED_INTERVAL_MS", "86400000"),
    ] {
        assert_eq!(manifest.env("web", name), value, "{name}");
    }
}

/// A failure would mean that the way out, an environment variable of one's own, does not win.
#[tokio::test]
async fn dispatch_merges_env_last() {
    let env = json!({"DISPATCH_AUTH_MODE": "disabled", "EXTRA": 7});
    let manifest = Manifest::of("dispatch", json!({"env": env})).await;
    assert_eq!(manifest.env("web", "DISPATCH_AUTH_MODE"), "disabled");
    assert_eq!(manifest.env("web", "EXTRA"), "7");
}

/// A failure would mean that the pods do not read the Secrets that the user names.
#[tokio::test]
async fn dispatch_reads_the_secrets_that_it_is_given() {
    let values = json!({"existingSecret": "mine", "database": {"existingSecret": "postgres", "key": "url"}});
    let manifest = Manifest::of("dispatch", values).await;
    let container = &manifest.pod("Deployment", "web")["containers"][0];
    assert_eq!(container["envFrom"], json!([{"secretRef": {"name": "mine"}}]));
    assert_eq!(manifest.env("web", "DATABASE_URL"), json!({"secretKeyRef": {"name": "postgres", "key": "url"}}));
}

/// A failure would mean that a host leads to another part of the application than the document says.
#[tokio::test]
async fn starter_routes_each_host_as_its_paths_say() {
    let ingress = json!({"apiHosts": [{"host": "api.example.com"}], "apiTls": [{"secretName": "t", "hosts": ["api.example.com"]}]});
    let manifest = Manifest::of("starter", json!({"ingress": ingress})).await;
    let routes = |component: &str| -> Vec<String> {
        let spec = &manifest.one("Ingress", component)["spec"];
        let rule = &spec["rules"][0];
        let paths = rule["http"]["paths"].as_array().expect("a list").iter();
        let shown = |path: &Value| format!("{}{} {}", rule["host"], path["path"], path["backend"]["service"]["name"]);
        paths.map(|path| shown(path).replace('"', "")).collect()
    };
    assert_eq!(routes("web"), ["app.example.com/api it-starter-web", "app.example.com/ it-starter-web"]);
    assert_eq!(routes("api"), ["api.example.com/ it-starter-api"]);
    let spec = &manifest.one("Ingress", "web")["spec"];
    assert_eq!(spec["ingressClassName"], "nginx");
    assert_eq!(spec["tls"], json!([{"secretName": "app-tls", "hosts": ["app.example.com"]}]));
    assert_eq!(manifest.one("Ingress", "api")["spec"]["tls"][0]["secretName"], "t");
}

/// A failure would mean that the API and the web application cannot be scaled apart, or that an upgrade undoes the autoscaler.
#[tokio::test]
async fn starter_scales_its_two_servers_apart() {
    let own = json!({"targetCPUUtilizationPercentage": 60, "api": {"minReplicas": 3}, "web": {"maxReplicas": 5}});
    let manifest = Manifest::of("starter", json!({"autoscaling": own})).await;
    for (component, least, most) in [("api", 3, 10), ("web", 2, 5)] {
        let spec = &manifest.one("HorizontalPodAutoscaler", component)["spec"];
        assert_eq!((&spec["minReplicas"], &spec["maxReplicas"]), (&json!(least), &json!(most)));
        assert_eq!(spec["metrics"][0]["resource"]["target"]["averageUtilization"], 60);
        assert_eq!(manifest.one("Deployment", component)["spec"]["replicas"], Value::Null);
    }
}

/// A failure would mean that bills are retried twice, or that who decides it by hand is not heard.
#[tokio::test]
async fn starter_leaves_billing_to_the_worker_unless_told_otherwise() {
    let (retries, replay) = ("ENABLE_BILLING_RETRY_WORKER", "ENABLE_BILLING_STREAM_REPLAY");
    let alone = Manifest::of("starter", json!({})).await;
    assert!(!alone.0.iter().any(|it| it["metadata"]["name"] == "it-starter-worker"), "off by default");
    assert_eq!(alone.env("api", retries), Value::Null);
    let values = json!({"worker": {"enabled": true}, "api": {"env": {retries: "true"}}});
    let told = Manifest::of("starter", values).await;
    assert_eq!((told.env("api", retries), told.env("api", replay)), (json!("true"), json!("false")));
    for (name, value) in [(retries, "true"), (replay, "true"), ("BILLING_RETRY_DEPLOYMENT_MODE", "dedicated")] {
        assert_eq!(told.env("worker", name), value);
    }
}

/// A failure would mean that the default way to secrets asks the operator for others, or in another store.
#[tokio::test]
async fn starter_maps_external_secrets_to_variables() {
    let external = json!({
        "secretStoreRef": {"name": "vault", "kind": "SecretStore"},
        "api": {"data": {"DATABASE_URL": "prod/database_url"}},
    });
    let manifest = Manifest::of("starter", json!({"externalSecrets": external, "api": {"secretName": "named"}})).await;
    let spec = &manifest.one("ExternalSecret", "api")["spec"];
    assert_eq!(spec["secretStoreRef"], json!({"name": "vault", "kind": "SecretStore"}));
    assert_eq!(spec["target"]["name"], "named");
    assert_eq!(spec["data"], json!([{"secretKey": "DATABASE_URL", "remoteRef": {"key": "prod/database_url"}}]));
    let used = &manifest.pod("Deployment", "api")["containers"][0]["envFrom"];
    assert_eq!(*used, json!([{"secretRef": {"name": "named"}}]));
}

/// A failure would mean that a role has other resources than those that its values name.
#[tokio::test]
async fn starter_gives_each_role_its_resources() {
    let some = |cpu: &str| json!({"requests": {"cpu": cpu, "memory": "1Mi"}, "limits": {"memory": "2Mi"}});
    let role = |cpu: &str| json!({"resources": some(cpu), "env": {"ENVIRONMENT": cpu}});
    let mut values = json!({"api": role("1m"), "web": role("2m"), "worker": role("3m")});
    values["worker"]["enabled"] = json!(true);
    let manifest = Manifest::of("starter", values).await;
    for (component, cpu) in [("api", "1m"), ("web", "2m"), ("worker", "3m")] {
        let container = &manifest.pod("Deployment", component)["containers"][0];
        assert_eq!(container["resources"]["requests"]["cpu"], cpu);
        assert_eq!(manifest.env(component, "ENVIRONMENT"), cpu);
    }
}

/// A failure would mean that a value of the document's lists does not reach the pods.
#[tokio::test]
async fn mnemom_gateway_places_and_sizes_its_pods_as_told() {
    let spread = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]);
    let toleration = json!([{"key": "dedicated", "operator": "Equal", "value": "ai", "effect": "NoSchedule"}]);
    let values = json!({
        "nodeSelector": {"disk": "fast"}, "tolerations": toleration, "topologySpreadConstraints": spread,
        "serviceAccount": {"annotations": {"example.com/role": "gateway"}},
        "config": {"LOG_LEVEL": "debug"},
    });
    let manifest = Manifest::of("mnemom-gateway", values).await;
    for (component, cpu) in [("gateway", ["100m", "1"]), ("observer", ["50m", "500m"])] {
        let pod = manifest.pod("Deployment", component);
        assert_eq!((&pod["nodeSelector"]["disk"], &pod["tolerations"]), (&json!("fast"), &toleration));
        let resources = &pod["containers"][0]["resources"];
        assert_eq!([&resources["requests"]["cpu"], &resources["limits"]["cpu"]], cpu);
        assert_eq!(manifest.env(component, "LOG_LEVEL"), "debug");
    }
    assert_eq!(manifest.pod("Deployment", "gateway")["topologySpreadConstraints"], spread);
    let account = manifest.0.iter().find(|object| object["kind"] == "ServiceAccount").expect("it is made");
    assert_eq!(account["metadata"]["annotations"]["example.com/role"], "gateway");
}

/// A failure would mean that the gateway can write to its disk, or runs as another user than the document says.
#[tokio::test]
async fn mnemom_gateway_is_hardened_by_default() {
    let manifest = Manifest::of("mnemom-gateway", json!({})).await;
    for component in ["gateway", "observer"] {
        let pod = manifest.pod("Deployment", component);
        let own = json!({"runAsNonRoot": true, "runAsUser": 65534, "fsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}});
        assert_eq!(pod["securityContext"], own);
        let locked = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
        assert_eq!(pod["containers"][0]["securityContext"], locked);
    }
}

/// A failure would mean that an autoscaler, a budget or a scrape is made otherwise than the document says.
#[tokio::test]
async fn mnemom_gateway_scales_and_is_watched_as_told() {
    let alone = Manifest::of("mnemom-gateway", json!({})).await;
    assert_eq!(alone.one("Deployment", "gateway")["spec"]["replicas"], 2);
    assert_eq!(alone.one("Deployment", "observer")["spec"]["replicas"], 1);
    assert_eq!(alone.one("PodDisruptionBudget", "gateway")["spec"]["minAvailable"], 1);
    let labels = json!({"release": "prometheus"});
    let values = json!({"replicaCount": 9, "hpa": {"enabled": true}, "metrics": {"serviceMonitor": {"enabled": true, "labels": labels}}});
    let scaled = Manifest::of("mnemom-gateway", values).await;
    assert_eq!(scaled.one("Deployment", "gateway")["spec"]["replicas"], Value::Null);
    let metrics = &scaled.one("HorizontalPodAutoscaler", "gateway")["spec"]["metrics"];
    let target = json!({"type": "Utilization", "averageUtilization": 70});
    assert_eq!(*metrics, json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
    let monitor = scaled.one("ServiceMonitor", "gateway");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(monitor["spec"]["endpoints"], json!([{"port": "http", "path": "/metrics", "interval": "30s"}]));
}

/// A failure would mean that the policy lets out, or in, something else than the document lists.
#[tokio::test]
async fn mnemom_gateways_policy_names_the_documents_ports() {
    let manifest = Manifest::of("mnemom-gateway", json!({})).await;
    let policies = manifest.0.iter().filter(|object| object["kind"] == "NetworkPolicy");
    let policy = policies.filter(|it| it["metadata"]["name"] == "it-mnemom-gateway").collect::<Vec<_>>();
    let ports = |rules: &Value| -> BTreeSet<String> {
        let rules = rules.as_array().expect("a list").iter().flat_map(|rule| rule["ports"].as_array().expect("a list"));
        rules.map(|port| format!("{}/{}", port["port"], port["protocol"].as_str().unwrap_or("TCP"))).collect()
    };
    assert_eq!(policy.len(), 1, "it is on by default");
    assert_eq!(ports(&policy[0]["spec"]["ingress"]), ["8787/TCP".to_owned()].into());
    assert_eq!(policy[0]["spec"]["ingress"][0]["from"], Value::Null, "from anybody");
    let out = ["53/UDP", "53/TCP", "6379/TCP", "5432/TCP", "443/TCP"].map(str::to_owned);
    assert_eq!(ports(&policy[0]["spec"]["egress"]), out.into());
}

/// A failure would mean that a migration is retried for ever, or not often enough.
#[tokio::test]
async fn mnemom_gateways_migration_has_the_documents_limits() {
    let values = json!({"postgresql": {"enabled": false, "externalUrl": "postgres://u:p@h/d"}});
    let manifest = Manifest::of("mnemom-gateway", values).await;
    let hook = manifest.one("Job", "migrations");
    assert_eq!((&hook["spec"]["backoffLimit"], &hook["spec"]["activeDeadlineSeconds"]), (&json!(3), &json!(300)));
    assert_eq!(hook["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade");
}

/// The workers of `Integr8sCode`: the key in the values, and the component.
const WORKERS: [(&str, &str); 7] = [
    ("coordinator", "coordinator"),
    ("k8sWorker", "k8s-worker"),
    ("podMonitor", "pod-monitor"),
    ("resultProcessor", "result-processor"),
    ("sagaOrchestrator", "saga-orchestrator"),
    ("eventReplay", "event-replay"),
    ("dlqProcessor", "dlq-processor"),
];

/// A failure would mean that a worker cannot be switched off, scaled, started otherwise or sized.
#[tokio::test]
async fn integr8scode_runs_each_worker_as_told() {
    for (key, component) in WORKERS {
        let replicas = if key == "coordinator" { 0 } else { 3 };
        let one = json!({"replicas": replicas, "command": ["run-it"], "resources": {"limits": {"memory": "1Gi"}}});
        let common = json!({"resources": {"requests": {"cpu": "7m"}, "limits": {"memory": "9Mi"}}});
        let manifest = Manifest::of("integr8scode", json!({"workers": {"common": common, key: one}})).await;
        assert_eq!(manifest.one("Deployment", component)["spec"]["replicas"], replicas, "{key}");
        let container = &manifest.pod("Deployment", component)["containers"][0];
        assert_eq!(container["command"], json!(["run-it"]), "{key}");
        assert_eq!(container["resources"]["limits"]["memory"], "1Gi", "{key}");
        assert_eq!(container["resources"]["requests"]["cpu"], "7m", "{key}");
        let off = Manifest::of("integr8scode", json!({"workers": {key: {"enabled": false}}})).await;
        let left =
            off.0.iter().filter(|object| object["metadata"]["labels"]["app.kubernetes.io/component"] == component);
        assert_eq!(left.count(), 0, "{key}");
    }
}

/// A failure would mean that a container takes `KAFKA_PORT=tcp://…` for a setting, and ends.
#[tokio::test]
async fn integr8scode_keeps_kubernetes_own_variables_out_of_every_pod() {
    let manifest = Manifest::of("integr8scode", json!({"infrastructure": {"jaeger": {"enabled": true}}})).await;
    let pods = manifest.0.iter().map(|object| &object["spec"]["template"]["spec"]).filter(|pod| pod.is_object());
    let links: Vec<&Value> = pods.map(|pod| &pod["enableServiceLinks"]).collect();
    assert_eq!(links.len(), 17, "nine roles, four servers with data, registry, Jaeger and two Jobs");
    assert!(links.iter().all(|links| **links == false), "{links:?}");
}

/// A failure would mean that a password stands where everyone may read it, or where the document's own command does not find it.
#[tokio::test]
async fn integr8scode_keeps_credentials_in_secrets() {
    let values = json!({
        "userSeed": {"defaultUserPassword": "first-password", "adminUserPassword": "second-password"},
        "mongodb": {"auth": {"enabled": true, "rootPassword": "third-password"}},
        "redis": {"auth": {"enabled": true, "password": "fourth-password"}},
    });
    let manifest = Manifest::of("integr8scode", values).await;
    let others = manifest.0.iter().filter(|object| object["kind"] != "Secret");
    let others: Vec<String> = others.map(ToString::to_string).collect();
    for password in ["first-password", "second-password", "third-password", "fourth-password"] {
        assert!(!others.iter().any(|object| object.contains(password)), "`{password}` is not in a Secret alone");
    }
    let secret = manifest.one("Secret", "mongodb");
    assert_eq!(secret["metadata"]["name"], "it-mongodb");
    assert_eq!(secret["data"]["mongodb-root-password"], "dGhpcmQtcGFzc3dvcmQ=");
}

/// A failure would mean that users are created before their store's topics, or that a hook cannot run a second time.
#[tokio::test]
async fn integr8scodes_jobs_run_after_the_release_in_their_order() {
    let manifest = Manifest::of("integr8scode", json!({})).await;
    for (component, weight) in [("kafka-init", "5"), ("user-seed", "10")] {
        let hook = &manifest.one("Job", component)["metadata"]["annotations"];
        assert_eq!(hook["helm.sh/hook"], "post-install,post-upgrade", "{component}");
        assert_eq!(hook["helm.sh/hook-weight"], weight, "{component}");
        assert_eq!(hook["helm.sh/hook-delete-policy"], "before-hook-creation", "{component}");
    }
}

/// A failure would mean that a value of the document's examples does nothing.
#[tokio::test]
async fn integr8scode_sizes_its_servers_as_told() {
    let kafka = json!({"heapOpts": "-Xms1G -Xmx1G", "resources": {"limits": {"memory": "2Gi"}}});
    let backend = json!({"replicas": 3, "resources": {"limits": {"memory": "2Gi"}}});
    let values = json!({"backend": backend, "infrastructure": {"kafka": kafka, "jaeger": {"enabled": false}}});
    let manifest = Manifest::of("integr8scode", values).await;
    assert_eq!(manifest.one("Deployment", "backend")["spec"]["replicas"], 3);
    assert_eq!(manifest.pod("Deployment", "backend")["containers"][0]["resources"]["limits"]["memory"], "2Gi");
    let kafka = &manifest.pod("StatefulSet", "kafka")["containers"][0];
    assert_eq!(kafka["env"][0], json!({"name": "KAFKA_HEAP_OPTS", "value": "-Xms1G -Xmx1G"}));
    assert_eq!(kafka["resources"]["limits"]["memory"], "2Gi");
}
