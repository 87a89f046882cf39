//! The metrics that the application's document lists, and a few of those that Node.js has by itself, in Prometheus' text format.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Upper bounds of the latency's buckets, in seconds.
const BOUNDS: [f64; 5] = [0.01, 0.1, 0.5, 1.0, 5.0];
/// Name, type and help of what the document lists, and a series of each that counts from zero: no model, check or cache is behind a stand-in.
const COUNTERS: [(&str, &str, &str); 4] = [
    ("gateway_aip_checks_total", "verdict=\"clear\"", "AIP integrity checks"),
    ("gateway_cache_operations_total", "operation=\"get\",result=\"miss\"", "KV cache operations"),
    ("gateway_cron_runs_total", "job=\"observe\",result=\"ok\"", "Cron job executions"),
    ("gateway_background_tasks_total", "task=\"record\"", "Background tasks via waitUntil"),
];

/// What a gateway counted.
pub struct Metrics {
    started: SystemTime,
    served: Mutex<Served>,
}

#[derive(Default)]
struct Served {
    by_status: BTreeMap<u16, u64>,
    within: [u64; BOUNDS.len()],
    seconds: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { started: SystemTime::now(), served: Mutex::default() }
    }
}

impl Metrics {
    /// Counts one request.
    pub fn served(&self, status: u16, took: Duration) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        *served.by_status.entry(status).or_default() += 1;
        served.seconds += took.as_secs_f64();
        for (count, bound) in served.within.iter_mut().zip(BOUNDS) {
            *count += u64::from(took.as_secs_f64() <= bound);
        }
    }

    /// All of them.
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.render_requests(&mut text);
        for (name, labels, help) in COUNTERS {
            head(&mut text, name, "counter", help);
            line(&mut text, &format!("{name}{{{labels}}}"), 0);
        }
        head(&mut text, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds");
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        line(&mut text, "process_start_time_seconds", started);
        head(&mut text, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes");
        line(&mut text, "process_resident_memory_bytes", resident_bytes());
        head(&mut text, "nodejs_version_info", "gauge", "Node.js version info");
        line(&mut text, "nodejs_version_info{version=\"standin\"}", 1);
        text
    }

    fn render_requests(&self, text: &mut String) {
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        head(text, "gateway_requests_total", "counter", "Total proxy requests");
        for (status, count) in &served.by_status {
            line(text, &format!("gateway_requests_total{{provider=\"anthropic\",status=\"{status}\"}}"), count);
        }
        let name = "gateway_request_duration_seconds";
        head(text, name, "histogram", "Request latency");
        let total: u64 = served.by_status.values().sum();
        for (count, bound) in served.within.iter().zip(BOUNDS) {
            line(text, &format!("{name}_bucket{{provider=\"anthropic\",le=\"{bound}\"}}"), count);
        }
        line(text, &format!("{name}_bucket{{provider=\"anthropic\",le=\"+Inf\"}}"), total);
        line(text, &format!("{name}_sum{{provider=\"anthropic\"}}"), served.seconds);
        line(text, &format!("{name}_count{{provider=\"anthropic\"}}"), total);
    }
}

fn head(text: &mut String, name: &str, of_type: &str, help: &str) {
    text.extend(["# HELP ", name, " ", help, "\n# TYPE ", name, " ", of_type, "\n"]);
}

fn line(text: &mut String, series: &str, value: impl std::fmt::Display) {
    text.extend([series, " ", &value.to_string(), "\n"]);
}

/// As the kernel counts; a page has 4 KiB where the stand-in runs.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dashboard that was made from the document must find every metric, also before the first request.
    #[test]
    fn every_listed_metric_is_there_from_the_start() {
        let text = Metrics::default().render();
        for (name, of_type) in [
            ("gateway_requests_total", "counter"),
            ("gateway_request_duration_seconds", "histogram"),
            ("gateway_aip_checks_total", "counter"),
            ("gateway_cache_operations_total", "counter"),
            ("gateway_cron_runs_total", "counter"),
            ("gateway_background_tasks_total", "counter"),
        ] {
            assert!(text.contains(&format!("# TYPE {name} {of_type}\n")), "no {name} in:\n{text}");
        }
    }

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        metrics.served(200, Duration::from_millis(50));
        metrics.served(404, Duration::from_secs(9));
        let text = metrics.render();
        for (bound, count) in [("0.01", 0), ("0.1", 1), ("5", 1), ("+Inf", 2)] {
            let line =
                format!("gateway_request_duration_seconds_bucket{{provider=\"anthropic\",le=\"{bound}\"}} {count}\n");
            assert!(text.contains(&line), "no {line} in:\n{text}");
        }
    }
}
