use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &REFERENCES_RESOLVE;

/// A Deployment `cg-web` that reads key `url` of ConfigMap `cg-settings`, and both parts of what a test adds to its pod.
fn web(pod: &str, container: &str) -> String {
    format!(
        "
kind: ConfigMap
metadata: {{name: cg-settings}}
data: {{url: here, level: info}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg-web}}
spec:
  selector: {{matchLabels: {{app: cg}}}}
  template:
    metadata: {{labels: {{app: cg}}}}
    spec:
      {pod}
      containers:
        - name: web
          image: example.com/web:1
          ports: [{{name: http, containerPort: 8080}}]
          {container}
"
    )
}

fn reading(key: &str, optional: &str) -> String {
    format!("env: [{{name: URL, valueFrom: {{configMapKeyRef: {{name: cg-settings, key: {key}{optional}}}}}}}]")
}

fn with(object: &str) -> String {
    format!("{}---\n{object}", web("", ""))
}

const SERVICE: &str = "kind: Service
metadata: {name: cg-web}
spec: {selector: {app: cg}, ports: [{name: web, port: 80, targetPort: http}]}
";

/// A failure would mean that an autoscaler which never scales is accepted, or one that does refused.
#[test]
fn an_autoscaler_needs_its_target() {
    let scaler = |target: &str| {
        with(&format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: cg}}\nspec: {{scaleTargetRef: {target}}}\n"
        ))
    };
    let good = rendering(&scaler("{apiVersion: apps/v1, kind: Deployment, name: cg-web}"));
    let bad = rendering(&scaler("{apiVersion: apps/v1, kind: Deployment, name: cg}"));
    check(
        CHECK,
        &bad,
        Fail,
        "`scaleTargetRef` of horizontalpodautoscaler/cg is deployment/cg, which the chart does not make",
    );
    let other = rendering(&scaler("{apiVersion: apps/v1, kind: StatefulSet, name: cg-web}"));
    check(CHECK, &other, Fail, "is statefulset/cg-web, but the chart makes deployment/cg-web");
    let custom = rendering(&scaler("{apiVersion: example.com/v1, kind: Web, name: cg}"));
    check(CHECK, &custom, NotApplicable, "");
    examples(&REFERENCES_RESOLVE, &good, &bad);
}

/// A failure would mean that objects of the user's own are asked for.
#[test]
fn names_that_do_not_follow_the_release_are_the_users() {
    let env = "envFrom: [{secretRef: {name: my-database}}]";
    check(CHECK, &rendering(&web("serviceAccountName: runner", env)), NotApplicable, "");
}

/// A failure would mean that pods which never start are accepted.
#[test]
fn what_a_pod_reads_must_be_there() {
    for (pod, container, says) in [
        ("serviceAccountName: cg-runner", "", "serviceaccount/cg-runner"),
        ("", "envFrom: [{secretRef: {name: cg-keys}}]", "secret/cg-keys"),
        ("volumes: [{name: a, projected: {sources: [{configMap: {name: cg-other}}]}}]", "", "configmap/cg-other"),
        ("volumes: [{name: a, persistentVolumeClaim: {claimName: cg-data}}]", "", "persistentvolumeclaim/cg-data"),
        ("priorityClassName: cg-high", "", "priorityclass/cg-high"),
    ] {
        check(CHECK, &rendering(&web(pod, container)), Fail, &format!("{says}, which the chart does not make"));
    }
    let optional = "envFrom: [{secretRef: {name: cg-keys, optional: true}}]";
    check(CHECK, &rendering(&web("", optional)), NotApplicable, "");
}

/// A failure would mean that a misspelt key is accepted, or one that is there refused.
#[test]
fn the_key_that_is_read_must_be_there() {
    check(CHECK, &rendering(&web("", &reading("url", ""))), Pass, "");
    let says = "`env` `URL` of container `web` of deployment/cg-web reads key `uri` of configmap/cg-settings, which has no such key";
    check(CHECK, &rendering(&web("", &reading("uri", ""))), Fail, says);
    let items = "volumes: [{name: a, configMap: {name: cg-settings, items: [{key: levels, path: l}]}}]";
    check(CHECK, &rendering(&web(items, "")), Fail, "did you mean `level`?");
}

/// A failure would mean that what the chart can do without is asked for, or that a slip goes unnoticed for ever.
#[test]
fn an_optional_key_is_advice_where_it_is_a_slip() {
    check(CHECK, &rendering(&web("", &reading("levle", ", optional: true"))), Advice, "did you mean `level`?");
    check(CHECK, &rendering(&web("", &reading("password", ", optional: true"))), Pass, "");
}

/// A failure would mean that a chart is refused for what its own controller or a custom resource makes at run time.
#[test]
fn what_may_be_made_at_run_time_is_not_missing() {
    let reads = web("", "envFrom: [{secretRef: {name: cg-keys}}]");
    for maker in [
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: cg}\nrules: [{apiGroups: [''], resources: [secrets], verbs: [get, create]}]\n",
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: cg}\nspec: {secretName: cg-keys}\n",
        "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: cg-db}\n",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: cg}\nroleRef: {kind: ClusterRole, name: edit}\n",
    ] {
        check(CHECK, &rendering(&format!("{reads}---\n{maker}")), NotApplicable, "");
    }
    let other = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: cg}\nspec: {secretName: cg-tls}\n";
    check(CHECK, &rendering(&format!("{reads}---\n{other}")), Fail, "secret/cg-keys");
    let filled = "kind: Secret\nmetadata: {name: cg-keys, annotations: {cert-manager.io/inject-ca-from: x}}\n";
    let reads = web("", "env: [{name: A, valueFrom: {secretKeyRef: {name: cg-keys, key: a}}}]");
    check(CHECK, &rendering(&format!("{reads}---\n{filled}")), Pass, "");
}

/// A failure would mean that a Service without endpoints is accepted.
#[test]
fn a_named_target_port_must_be_declared() {
    check(CHECK, &rendering(&with(SERVICE)), Pass, "");
    let other = SERVICE.replace("targetPort: http", "targetPort: web");
    let says =
        "port 80 of service/cg-web leads to `web`, but no container of deployment/cg-web declares a port of that name";
    check(CHECK, &rendering(&with(&other)), Fail, says);
    let udp = SERVICE.replace("port: 80", "port: 80, protocol: UDP");
    check(CHECK, &rendering(&with(&udp)), Fail, "leads to `http` by UDP");
    let headless = other.replace("spec: {", "spec: {clusterIP: None, ");
    check(CHECK, &rendering(&with(&headless)), Advice, "leads to `web`");
    let sidecar =
        web("initContainers: [{name: proxy, restartPolicy: Always, ports: [{name: web, containerPort: 1}]}]", "");
    check(CHECK, &rendering(&format!("{sidecar}---\n{other}")), Pass, "");
    let injected = web("", "")
        .replace("{labels: {app: cg}}", "{labels: {app: cg}, annotations: {sidecar.istio.io/inject: 'true'}}");
    check(CHECK, &rendering(&format!("{injected}---\n{other}")), NotApplicable, "");
}

/// A failure would mean that a probe of a port that the container does not have is accepted.
#[test]
fn a_probe_names_a_port_of_its_container() {
    check(CHECK, &rendering(&web("", "readinessProbe: {httpGet: {path: /, port: http}}")), Pass, "");
    let says = "`readinessProbe` of container `web` of deployment/cg-web asks port `web`, which the container does not declare";
    check(CHECK, &rendering(&web("", "readinessProbe: {tcpSocket: {port: web}}")), Fail, says);
}

/// A failure would mean that a mount which the API server refuses is accepted.
#[test]
fn a_mount_names_a_volume_of_its_pod() {
    let volume = "volumes: [{name: cache, emptyDir: {}}]";
    check(
        CHECK,
        &rendering(&web(volume, "volumeMounts: [{name: cash, mountPath: /c}]")),
        Fail,
        "did you mean `cache`?",
    );
    check(CHECK, &rendering(&web(volume, "volumeMounts: [{name: cache, mountPath: /c}]")), NotApplicable, "");
}

/// A failure would mean that a route into the void is accepted.
#[test]
fn a_route_needs_its_service_and_port() {
    let ingress = |backend: &str| {
        let rule = format!("rules: [{{http: {{paths: [{{path: /, backend: {{service: {backend}}}}}]}}}}]");
        with(&format!(
            "{SERVICE}---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: cg}}\nspec: {{{rule}}}\n"
        ))
    };
    check(CHECK, &rendering(&ingress("{name: cg-web, port: {name: web}}")), Pass, "");
    check(
        CHECK,
        &rendering(&ingress("{name: cg-web, port: {number: 8080}}")),
        Fail,
        "leads to port `8080` of service/cg-web, which has no such port",
    );
    check(
        CHECK,
        &rendering(&ingress("{name: cg, port: {number: 80}}")),
        Fail,
        "service/cg, which the chart does not make",
    );
    check(CHECK, &rendering(&ingress("{name: redirect, port: {name: use-annotation}}")), Pass, "");
    let route = |backend: &str| {
        let rule = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: cg}}\nspec: {{rules: [{{backendRefs: [{backend}]}}]}}\n"
        );
        with(&format!("{SERVICE}---\n{rule}"))
    };
    check(CHECK, &rendering(&route("{name: cg-web, port: 80}")), Pass, "");
    check(CHECK, &rendering(&route("{name: cg-web, port: 81}")), Fail, "leads to port `81`");
}

/// A failure would mean that a role which nobody has is accepted.
#[test]
fn a_binding_needs_its_role_and_its_account() {
    let binding = |role: &str, subject: &str| {
        let account = "kind: ServiceAccount\nmetadata: {name: cg}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: cg}\n";
        let subjects = format!("subjects: [{{kind: ServiceAccount, name: {subject}, namespace: cg-test}}]");
        with(&format!(
            "{account}---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: cg}}\nroleRef: {role}\n{subjects}\n"
        ))
    };
    check(CHECK, &rendering(&binding("{kind: Role, name: cg}", "cg")), Pass, "");
    check(CHECK, &rendering(&binding("{kind: Role, name: cg}", "cg-reader")), Fail, "serviceaccount/cg-reader");
    check(CHECK, &rendering(&binding("{kind: Role, name: cg-x}", "cg")), Fail, "role/cg-x");
    check(CHECK, &rendering(&binding("{kind: ClusterRole, name: view}", "cg")), Pass, "");
    let elsewhere = |subject: &str| {
        binding("{kind: ClusterRole, name: view}", subject).replace("namespace: cg-test", "namespace: default")
    };
    check(CHECK, &rendering(&elsewhere("cg")), Fail, "names serviceaccount/cg in namespace `default`");
    check(CHECK, &rendering(&elsewhere("prometheus")), NotApplicable, "");
}
