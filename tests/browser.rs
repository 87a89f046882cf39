//! The report's page in a real headless browser, as `make browser-test` runs it: `cargo test` alone leaves it out.
//!
//! The browser is `BROWSER`, else chromium or Chrome on the `PATH`. Pictures of what it showed stay in target/browser/.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chartgate::gate;
use chartgate_process::tool::{Line, Tool};
use chartgate_process::wait::{Check, until};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const GOLDEN: &str = "tests/recordings/1/codex-pooler-single-replica";
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A busy machine starts a browser in a few seconds.
const START: Duration = Duration::from_secs(30);
/// What the page is to have done by then takes it some milliseconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// One tab of a browser, spoken to in the DevTools protocol. The browser ends when it is dropped.
struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    calls: u64,
    folder: PathBuf,
    _lines: tokio::sync::mpsc::Receiver<Line>,
}

impl Tab {
    async fn open() -> Self {
        let named = std::env::var("BROWSER").ok().filter(|name| !name.is_empty());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there = |name: &String| std::env::split_paths(&path).any(|folder| folder.join(name).exists());
        let browser = named.or_else(|| BROWSERS.map(str::to_owned).into_iter().find(is_there));
        let browser =
            browser.expect("no browser\nhint: install chromium (Debian: `apt-get install chromium`), or set BROWSER");
        let folder = support::repository().join("target/browser").join(chartgate_base::random::text(8));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let profile = format!("--user-data-dir={}", folder.display());
        // Without a sandbox, since tests run as root in containers too; it is shown nothing but our own page.
        let flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"];
        let call = Tool::on_path(&browser).args(flags).args([&profile, "about:blank"]);
        let lines = call.follow().expect("the browser starts");
        let note = folder.join("DevToolsActivePort");
        let address = until("the browser to listen", START, || async {
            match std::fs::read_to_string(&note).unwrap_or_default().split_once('\n') {
                Some((port, path)) => Check::Ready(format!("ws://127.0.0.1:{port}{}", path.trim())),
                None => Check::NotYet("it has not said at which port".to_owned()),
            }
        });
        let address = address.await.expect("the browser listens");
        let (socket, _) = connect_async(address).await.expect("the browser can be spoken to");
        let mut tab = Self { socket, session: None, calls: 0, folder, _lines: lines };
        let target = tab.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        tab.session = tab.call("Target.attachToTarget", attach).await["sessionId"].as_str().map(str::to_owned);
        tab.call("Page.enable", json!({})).await;
        tab
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(call.to_string())).await.expect("the browser lives");
        while let Some(message) = self.socket.next().await {
            let text = message.expect("the browser lives").into_text().expect("it speaks JSON");
            let answer: Value = serde_json::from_str(&text).expect("it speaks JSON");
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
        panic!("the browser ended")
    }

    /// The value of an expression in the page.
    async fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    fn expect(&mut self, expression: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let expression = format!(
            "new Promise((done) => {{ const end = performance.now() + {}; const look = () => {expression} ? done(true) \
             : performance.now() > end ? done(false) : setTimeout(look, 20); look(); }})",
            PATIENCE.as_millis()
        );
        async move { assert_eq!(self.eval(&expression).await, json!(true), "{expression}, asked at {caller}") }
    }

    async fn show(&mut self, page: &Path, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features).await;
        self.call("Page.navigate", json!({"url": format!("file://{}", page.display())})).await;
        self.expect("document.readyState === 'complete'").await;
    }

    async fn key(&mut self, key: &str, code: u32, text: Option<&str>) {
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", event.clone()).await;
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", event).await;
    }

    async fn picture(&mut self, name: &str) {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"})).await;
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap_or_default()).expect("a picture");
        let path = support::repository().join("target/browser").join(format!("{name}.png"));
        std::fs::write(path, bytes).expect("it can be written");
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // The browser may still write to it.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The page of a run in which the worker accepted a connection, with names and logs that are markup.
fn broken_page() -> PathBuf {
    let folder = support::repository().join("target/browser/broken");
    let case = folder.join("chart/case");
    std::fs::create_dir_all(&case).expect("a folder can be made");
    for name in ["plan.json", "timeline.jsonl", "objects.jsonl"] {
        let text = std::fs::read_to_string(support::repository().join(GOLDEN).join(name)).expect("it can be read");
        let text = text.replace(r#""answer":"refused""#, r#""answer":"connected""#);
        let text = text.replace("ready as web", "<script>window.hacked=1</script><img src=x onerror=hacked=1>");
        let text = text.replace("One replica of each role", "</script><script>window.hacked=1</script>One replica");
        std::fs::write(case.join(name), text).expect("it can be written");
    }
    gate::judge_all(&folder).expect("it can be judged");
    folder.join("report.html")
}

/// A failure would mean that somebody who cannot use a mouse sees neither a pod's log nor what changed in an object.
#[tokio::test]
async fn everything_can_be_reached_with_the_keyboard() {
    let page = broken_page();
    let mut tab = Tab::open().await;
    tab.show(&page, 1280, "light").await;
    tab.expect("document.querySelectorAll('.lane').length > 20").await;

    // A pod's log.
    let pod =
        "[...document.querySelectorAll('button.name')].find((b) => b.textContent.startsWith('codex-pooler-app-'))";
    tab.eval(&format!("{pod}.focus()")).await;
    tab.key("Enter", 13, Some("\r")).await;
    tab.expect("document.querySelector('dialog').open").await;
    tab.expect("document.querySelector('dialog .log').textContent.includes('<script>window.hacked=1</script>')").await;
    tab.expect("document.querySelector('dialog pre').textContent.includes('kind: Pod')").await;
    tab.picture("pod").await;
    tab.key("Escape", 27, None).await;
    tab.expect("!document.querySelector('dialog').open").await;
    tab.expect(&format!("document.activeElement === {pod}")).await;

    // What an upgrade changed in an object.
    tab.eval("[...document.querySelectorAll('button.name')].find((b) => b.textContent === 'Deployment codex-pooler-app').focus()")
        .await;
    tab.key("Enter", 13, Some("\r")).await;
    tab.expect("document.querySelector('dialog del')?.textContent.includes('v2')").await;
    tab.expect("document.querySelector('dialog ins')?.textContent.includes('v1')").await;
    tab.picture("object").await;
    tab.key("Escape", 27, None).await;

    // How many pods stood behind the Service.
    tab.eval(
        "[...document.querySelectorAll('button.name')].find((b) => b.textContent === 'Service codex-pooler').focus()",
    )
    .await;
    tab.key("Enter", 13, Some("\r")).await;
    tab.expect("document.querySelector('dialog .log')?.textContent.includes('1 ready')").await;
    tab.key("Escape", 27, None).await;

    // The failing moment, zoom, and back.
    let width = "document.querySelector('.inner').clientWidth";
    let whole = tab.eval(width).await.as_f64().unwrap_or_default();
    tab.eval("document.querySelector('.moment').focus()").await;
    tab.key("Enter", 13, Some("\r")).await;
    tab.expect("document.querySelector('.line.chosen') && document.activeElement.className === 'scroll'").await;
    tab.expect(&format!("{width} > {whole} * 2")).await;
    tab.picture("moment").await;
    tab.key("+", 187, Some("+")).await;
    tab.expect(&format!("{width} > {whole} * 4")).await;
    tab.key("0", 48, Some("0")).await;
    tab.expect(&format!("Math.abs({width} - {whole}) < 2")).await;
    assert_eq!(tab.eval("window.hacked ?? null").await, Value::Null, "foreign text ran as a script");
}

/// A failure would mean that the page cannot be read on a phone, or at night.
#[tokio::test]
async fn it_fits_each_screen_in_dark_and_light() {
    let page = broken_page();
    let mut tab = Tab::open().await;
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
        tab.show(&page, width, scheme).await;
        tab.expect("document.querySelectorAll('.lane').length > 20").await;
        let over = tab.eval("document.documentElement.scrollWidth - innerWidth").await;
        assert!(over.as_i64().is_some_and(|over| over <= 0), "at {width} the page is {over} pixels too wide");
        tab.picture(&format!("{width}-{scheme}-top")).await;
        tab.eval(
            "document.documentElement.style.scrollBehavior='auto'; document.querySelector('.tools').scrollIntoView()",
        )
        .await;
        tab.picture(&format!("{width}-{scheme}-timeline")).await;
        let contrast = tab.eval(CONTRAST).await;
        let contrast = contrast.as_f64().unwrap_or_default();
        assert!(contrast >= 4.5, "in {scheme} at {width} the faintest text has a contrast of {contrast}");
    }
}

/// Fifty scenarios, each with two hundred pods that log, and two thousand answers.
fn crowded_page() -> PathBuf {
    let folder = support::repository().join("target/browser/crowded");
    let golden = support::repository().join(GOLDEN);
    let read = |name: &str| std::fs::read_to_string(golden.join(name)).expect("it can be read");
    let (plan, mut timeline, mut objects) = (read("plan.json"), read("timeline.jsonl"), read("objects.jsonl"));
    let is_pod = |line: &&str| line.contains(r#""kind":"Pod""#) && line.contains(r#""phase":"Running""#);
    let template: Value = serde_json::from_str(objects.lines().find(is_pod).expect("a pod")).expect("it is JSON");
    let last = timeline.trim_end().rfind('\n').expect("more than one entry");
    let ended = timeline.split_off(last + 1);
    let mut add = |at: u64, mut moment: Value| {
        (moment["seq"], moment["at"]) = (json!(100_000), json!(at));
        timeline.push_str(&format!("{moment}\n"));
    };
    for index in 0..200 {
        let name = format!("codex-pooler-app-b8b998d77-{index:05}");
        for (phase, at) in [("Pending", 9000), ("Running", 12_000), ("Succeeded", 25_000)] {
            let (mut pod, hash) = (template.clone(), format!("{name}-{phase}"));
            pod["hash"] = json!(hash);
            pod["object"]["metadata"]["name"] = json!(name);
            pod["object"]["metadata"]["uid"] = json!(format!("uid-{index}"));
            pod["object"]["status"]["phase"] = json!(phase);
            objects.push_str(&format!("{pod}\n"));
            add(at + index * 25, json!({"kind": "object", "change": "applied", "hash": hash}));
        }
        for _ in 0..20 {
            let line = chartgate_base::random::text(60);
            add(20_000, json!({"kind": "log", "pod": name, "container": "app", "line": line}));
        }
    }
    for request in 0..2000 {
        let answer = json!({"http": {"status": 200, "headers": {}, "body": ""}});
        let probe = json!({"kind": "probe", "step": 1, "role": "app", "pod": null, "address": "10.0.0.1:80", "path": "/",
                           "ready_throughout": true, "answer": answer, "control": null});
        add(9000 + request * 5, probe);
    }
    timeline.push_str(&ended);
    for index in 0..50 {
        let case = folder.join(format!("chart/case-{index:02}"));
        std::fs::create_dir_all(&case).expect("a folder can be made");
        let plan = plan.replace("codex-pooler/single-replica", &format!("chart/case-{index:02}"));
        for (name, text) in [("plan.json", &plan), ("timeline.jsonl", &timeline), ("objects.jsonl", &objects)] {
            std::fs::write(case.join(name), text).expect("it can be written");
        }
    }
    gate::judge_all(&folder).expect("it can be judged");
    folder.join("report.html")
}

/// A failure would mean that the report of a large run is too large to upload, or opens to an empty window.
#[tokio::test]
async fn a_large_run_opens_at_once() {
    let page = crowded_page();
    let size = page.metadata().expect("it is there").len();
    assert!(size < 5_000_000, "the page has {size} bytes");
    let mut tab = Tab::open().await;
    tab.show(&page, 1280, "light").await;
    let paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
    tab.expect(&format!("({paint}) !== null")).await;
    let first = tab.eval(paint).await.as_f64().unwrap_or(f64::MAX);
    tab.eval("document.querySelector('details.scenario:last-of-type summary').click()").await;
    tab.expect("document.querySelectorAll('details.scenario:last-of-type .lane').length > 200").await;
    tab.picture("crowded").await;
    println!("{size} bytes, first paint after {first:.0} ms");
    // The one time that a test asserts: it is a promise to the reader, and twenty times what was measured.
    assert!(first < 2000.0, "first paint after {first} ms");
}

/// The least contrast of the texts that stand on a plain colour, as WCAG computes it.
const CONTRAST: &str = "(() => {
  const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = (e) => { for (; e; e = e.parentElement) { const s = getComputedStyle(e); if (s.backgroundColor !== 'rgba(0, 0, 0, 0)') return s.backgroundColor; } return 'rgb(255, 255, 255)'; };
  let least = 21;
  for (const e of document.querySelectorAll('p, dt, dd, td, th, h1, h2, h3, a, button, .verdict, .tick, .group, .legend span, .bar.step')) {
    if (!e.textContent.trim() || !e.offsetParent) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(paper(e))].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
})()";
