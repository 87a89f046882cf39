use super::*;

#[track_caller]
fn check_refusal(printed: &str, ground: Ground, sentence: &str, place: Option<&str>) -> Refusal {
    let refusal = Refusal::of(printed);
    assert_eq!((refusal.ground, refusal.sentence.as_str()), (ground, sentence));
    assert_eq!(refusal.place().as_deref(), place);
    refusal
}

/// A failure would mean that a user reads helm's advice about itself instead of the chart's own sentence.
#[test]
fn a_chart_that_refuses_on_purpose_is_quoted_and_names_the_value() {
    let printed = "Error: execution error at (shop/templates/a.yaml:4:13): set auth.secret, please\n\nUse --debug flag to render out invalid YAML\n";
    let refusal = check_refusal(printed, Ground::Values, "set auth.secret, please", Some("shop/templates/a.yaml:4"));
    let line =
        r#"data: {s: {{ required "set auth.secret, please" .Values.auth.secret }}, t: {{ .Values.auth.secret }}}"#;
    assert_eq!(refusal.values(line), ["auth.secret"]);
    let printed = "Error: INSTALLATION FAILED: execution error at (fl/templates/a.yaml:1:3): \nno secret:\n  give auth.secret\n\nUse --debug flag to render out invalid YAML";
    check_refusal(printed, Ground::Values, "no secret: give auth.secret", Some("fl/templates/a.yaml:1"));
}

/// A failure would mean that a value which the schema misses has no name.
#[test]
fn a_schema_that_misses_values_names_them() {
    let printed = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nsc:\n- at '': missing property 'host'\n- at '/auth': missing properties 'secret', 'user'\n";
    let refusal = check_refusal(
        printed,
        Ground::Values,
        "at '': missing property 'host'; at '/auth': missing properties 'secret', 'user'",
        None,
    );
    assert_eq!(refusal.values(""), ["host", "auth.secret", "auth.user"]);
}

/// A failure would mean that a user is asked for values where the chart's schema cannot be read.
#[test]
fn a_schema_that_is_no_json_is_the_charts_fault() {
    let printed =
        "Error: values don't meet the specifications of the schema(s) in the following chart(s):\napp:\nunexpected EOF";
    check_refusal(printed, Ground::Template, "`values.schema.json` is no JSON: app: unexpected EOF", None);
}

/// A failure would mean that a chart is at fault for what this machine cannot reach.
#[test]
fn a_schema_elsewhere_that_does_not_come_is_not_the_charts_fault() {
    let printed = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nr:\nfailing loading \"https://schemas.invalid/a.json\": HTTP request failed for https://schemas.invalid/a.json: no such host";
    assert_eq!(Refusal::of(printed).ground, Ground::Fetch);
}

/// A failure would mean that the template which is wrong is named by the one that includes it.
#[test]
fn a_template_that_does_not_render_is_named_with_the_innermost_place() {
    let printed = "Error: template: a/templates/x.yaml:1:3: executing \"a/templates/x.yaml\" at <include \"f\" .>: error calling include: template: a/templates/_h.tpl:3:5: executing \"f\" at <.Values.a.b>: nil pointer evaluating interface {}.b";
    let sentence = "at <.Values.a.b>: nil pointer evaluating interface {}.b";
    check_refusal(printed, Ground::Template, sentence, Some("a/templates/_h.tpl:3"));
    let of_helm_4 = "Error: UPGRADE FAILED: a/templates/x.yaml:1:3\n  executing \"a/templates/x.yaml\" at <include \"f\" .>:\n    error calling include:\na/templates/_h.tpl:3:5\n  executing \"f\" at <.Values.a.b>:\n    nil pointer evaluating interface {}.b\n\nUse --debug flag to render out invalid YAML";
    check_refusal(of_helm_4, Ground::Template, sentence, Some("a/templates/_h.tpl:3"));
    let printed = "Error: YAML parse error on yam/templates/a.yaml: error converting YAML to JSON: yaml: mapping values are not allowed in this context\n\nUse --debug flag to render out invalid YAML";
    let sentence = "error converting YAML to JSON: yaml: mapping values are not allowed in this context";
    check_refusal(printed, Ground::Template, sentence, Some("yam/templates/a.yaml"));
    let printed = "Error: parse error at (a/templates/x.yaml:2): function \"foo\" not defined";
    check_refusal(printed, Ground::Template, "function \"foo\" not defined", Some("a/templates/x.yaml:2"));
}

/// A failure would mean that the API server's reason is cut, or stands behind helm's log.
#[test]
fn what_the_api_server_refuses_is_told_from_the_last_invalid_object_on() {
    let printed = "level=WARN msg=\"unable to find exact version\"\nW0102 15:04:05.000000 1 warnings.go:70] unknown field\nError: UPGRADE FAILED: cannot patch \"web\" with kind Service: Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set";
    let sentence = "Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set";
    check_refusal(printed, Ground::Server, sentence, None);
    let twice =
        "Error: UPGRADE FAILED: A \"x\" is invalid: no && Deployment.apps \"y\" is invalid: spec.selector: immutable";
    check_refusal(twice, Ground::Server, "Deployment.apps \"y\" is invalid: spec.selector: immutable", None);
    let forbidden =
        "Error: INSTALLATION FAILED: roles.rbac.authorization.k8s.io is forbidden: User \"u\" cannot create resource";
    assert_eq!(Refusal::of(forbidden).ground, Ground::Server);
    assert_eq!(Refusal::of("Error: UPGRADE FAILED: context deadline exceeded").ground, Ground::Timeout);
    let hook =
        "Error: INSTALLATION FAILED: failed post-install: 1 error occurred:\n\t* job failed: BackoffLimitExceeded";
    assert_eq!(Refusal::of(hook).ground, Ground::Hook);
}

/// A failure would mean that a user is sent to look for a broken template where a value is missing.
#[test]
fn a_refusal_names_its_values_also_without_the_templates_line() {
    let fail = "Error: execution error at (app/templates/a.yaml:1:4): set auth.secret (or .Values.auth.existing), e.g. in values.yaml.";
    assert_eq!(Refusal::of(fail).values(""), ["auth.secret", "auth.existing"]);
    let of_schema = |complaints: &str| {
        let printed = format!(
            "Error: values don't meet the specifications of the schema(s) in the following chart(s):\napp:\n{complaints}"
        );
        Refusal::of(&printed).values("")
    };
    assert_eq!(of_schema("- at '/size': got string, want integer\n"), ["size"]);
    assert_eq!(of_schema("- (root): host is required\n- auth: secret is required\n"), ["host", "auth.secret"]);
}
