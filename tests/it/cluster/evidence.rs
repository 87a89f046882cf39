//! What a run writes: it holds no secret, in whatever form.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chartgate_process::home;
use chartgate_report::Report;
use chartgate_scenario::Overrides;
use flate2::read::GzDecoder;

use crate::support;

/// Secrets of each kind, none of which may be read anywhere. Each has what encodings treat otherwise.
const CONTRACTS: &str = "Kontrakt?>~\"9f2c/41d7&x";
const SET: &str = "Set-by-hand+7b1e=55aa";
const IN_URL: &str = "In-url.3c6d%2Fee90";

/// A chart whose container says its secrets in every form that programs give them, and again after it crashed.
const TEMPLATE: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-own}
stringData:
  generated: {{ randAlphaNum 24 | quote }}
  set: {{ .Values.auth.password | quote }}
  url: {{ .Values.url | quote }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-leak}
data:
  header: {{ printf "Basic %s" (printf "user:%s" .Values.auth.password | b64enc) | quote }}
  twice: {{ .Values.auth.password | b64enc | b64enc | quote }}
  url: {{ .Values.url | quote }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: talker
          image: {{ .Values.image }}
          imagePullPolicy: IfNotPresent
          envFrom: [{secretRef: {name: {{ .Release.Name }}-own}}, {secretRef: {name: contracts}}]
          env: [{name: COPY, value: {{ .Values.auth.password | quote }}}]
          command: [sh, -c]
          args:
            - |
              for secret in "$generated" "$set" "$url" "$contract"; do
                echo "plain: $secret"
                echo "encoded: $(printf %s "$secret" | base64 -w 0)"
                echo "encoded twice: $(printf %s "$secret" | base64 -w 0 | base64 -w 0)"
                echo "among others: $(printf 'user:%s@host' "$secret" | base64 -w 0)"
                echo "for a URL: $(printf %s "$secret" | base64 -w 0 | tr +/ -_ | tr -d =)"
                echo "in a long line: $(head -c 20000 /dev/zero | tr '\0' x)$secret$(head -c 20000 /dev/zero | tr '\0' x)"
              done
              if [ ! -e /state/once ]; then touch /state/once; exit 3; fi
              exec sleep 600
          volumeMounts: [{name: state, mountPath: /state}]
      volumes: [{name: state, emptyDir: {}}]
"#;

const SCENARIO: &str = r#"
description: A chart that says its secrets aloud.
secrets: {contracts: {contract: "{{contract}}"}}
values: {url: "postgres://app:In-url.3c6d%2Fee90@server:5432/app?sslmode=disable"}
steps:
  - install: {timeout: 60s, values: {extra: "new"}}
  - upgrade: {values: {extra: "new"}, again: true}
"#;

/// A failure would mean that evidence which is shown to others gives a password away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_nowhere_in_the_evidence() {
    let folder = support::repository().join("target/chartgate/evidence-chart");
    write(&folder.join("Chart.yaml"), "apiVersion: v2\nname: talker\nversion: 1.0.0\n");
    write(&folder.join("templates/all.yaml"), TEMPLATE);
    write(&folder.join("ci/chartgate/aloud.yaml"), &SCENARIO.replace("{{contract}}", &CONTRACTS.replace('"', "\\\"")));
    let image = home::image("PROBER").expect("the set-up made it");
    let set = vec![format!("auth.password={SET}"), format!("image={image}")];
    let overrides = Overrides { set, chart: Some(folder.clone()), ..Overrides::default() };
    let mut plan =
        chartgate_scenario::load(&folder.join("ci/chartgate/aloud.yaml"), &overrides).expect("the scenario is valid");
    plan.name = "evidence/aloud".to_owned();
    let scenario = support::run(&plan).await;

    let evidence = support::repository().join("target/chartgate/evidence/aloud");
    let report = Report::new(vec![scenario]);
    report.write(&evidence).expect("the reports can be written");
    let mut files = files_below(&evidence);
    files.insert("the terminal".into(), chartgate_report::print(&report).into_bytes());
    check_seen(&files);
    let secrets = [CONTRACTS, SET, IN_URL, "In-url.3c6d/ee90"];
    for (name, bytes) in &files {
        for (how, text) in unpacked(bytes) {
            let found = secrets.iter().find(|secret| contains(&text, secret));
            assert_eq!(found, None, "stands in {}{how}", name.display());
        }
    }
}

/// There is something to find: the pod said its secrets before and after its crash, and they were replaced.
#[track_caller]
fn check_seen(files: &BTreeMap<PathBuf, Vec<u8>>) {
    let logs = |ending: &str| {
        let is_it = |name: &&PathBuf| name.starts_with("logs") && name.ends_with(ending);
        let name = files.keys().find(is_it).unwrap_or_else(|| panic!("no {ending} in {:?}", files.keys()));
        String::from_utf8(files[name].clone()).expect("a log is text")
    };
    for log in [logs("talker.log"), logs("talker.1.log")] {
        assert_eq!(log.matches("plain: [redacted]\n").count(), 4, "{log:.2000}");
        assert_eq!(log.matches("encoded twice: [redacted]\n").count(), 4, "{log:.2000}");
        assert_eq!(log.matches("x[redacted]x").count(), 4, "in a line that the runtime cuts into pieces");
    }
    for name in ["verdict.json", "report.html", "junit.xml", "plan.json", "events.txt", "helm/1-install/values.yaml"] {
        assert!(files.contains_key(Path::new(name)), "no {name} in {:?}", files.keys());
    }
    let values = String::from_utf8_lossy(&files[Path::new("helm/1-install/values.yaml")]).into_owned();
    assert!(values.contains("password: '[redacted]'"), "{values}");
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("it can be written");
}

fn files_below(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("the folder can be read").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("it lies below").to_owned();
                files.insert(name, std::fs::read(&path).expect("it can be read"));
            }
        }
    }
    files
}

fn contains(text: &[u8], wanted: &str) -> bool {
    String::from_utf8_lossy(text).contains(wanted)
}

/// Bytes as they are, and all that can be unpacked from them, each with how it was reached.
fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    const DEPTH: usize = 3;
    let (mut found, mut next) = (Vec::new(), vec![(String::new(), bytes.to_owned())]);
    for _ in 0..DEPTH {
        let mut deeper = Vec::new();
        for (how, text) in next {
            for (step, inner) in [gunzipped(&text), decoded(&text), without_percents(&text), without_backslashes(&text)]
                .into_iter()
                .flatten()
            {
                deeper.push((format!("{how}, {step}"), inner));
            }
            found.push((how, text));
        }
        next = deeper;
    }
    found
}

fn gunzipped(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut text = Vec::new();
    let is_whole = bytes.starts_with(&[0x1f, 0x8b]) && GzDecoder::new(bytes).read_to_end(&mut text).is_ok();
    is_whole.then_some(("unpacked", text)).into_iter().collect()
}

/// Every stretch that may be base64, decoded from each place where a group may begin.
fn decoded(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    const SHORTEST: usize = 12;
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    for stretch in bytes.split(|byte| !is_of_base64(byte)).filter(|stretch| stretch.len() >= SHORTEST) {
        let plain: Vec<u8> = stretch
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .collect();
        for start in 0..4 {
            let whole = plain.len() - start - usize::from((plain.len() - start) % 4 == 1);
            let text = engine.decode(&plain[start..start + whole]).expect("any of its letters can be decoded");
            // What is packed is looked at by itself; the rest is kept apart by a byte that no secret holds.
            if text.starts_with(&[0x1f, 0x8b]) {
                all.push(("decoded", text));
            } else {
                rest.push(0);
                rest.extend(text);
            }
        }
    }
    all.push(("decoded", rest));
    all.retain(|(_, text)| !text.is_empty());
    all
}

fn without_percents(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (mut text, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| bytes[at] == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        text.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    (text.len() < bytes.len()).then_some(("without percent signs", text)).into_iter().collect()
}

fn without_backslashes(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut text = Vec::new();
    let mut bytes_left = bytes.iter();
    while let Some(byte) = bytes_left.next() {
        text.extend(if *byte == b'\\' { bytes_left.next() } else { Some(byte) });
    }
    (text.len() < bytes.len()).then_some(("without backslashes", text)).into_iter().collect()
}

/// A failure would mean that the search above finds nothing because it cannot look.
#[test]
fn the_search_finds_what_is_hidden() {
    use std::io::Write as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed
        .write_all(format!("{{\"x\": \"{}\"}}", encode(&format!("user:{SET}"))).as_bytes())
        .expect("it can be packed");
    let packed = base64::engine::general_purpose::STANDARD.encode(packed.finish().expect("it can be packed"));
    let hidden = [
        format!("<script>{packed}</script>"),
        format!("a/{}", encode(&encode(SET))),
        SET.replace('+', "%2B"),
        format!("\"{}\"", SET.replace('-', "\\-")),
    ];
    for text in hidden {
        let found = unpacked(text.as_bytes()).iter().any(|(_, text)| contains(text, SET));
        assert!(found, "not found in `{text}`");
    }
}
