use super::*;
use crate::home::is_environment;

fn shell(script: &str) -> Tool {
    Tool::on_path("sh").args(["-c", script])
}

#[tokio::test]
async fn both_streams_and_the_input_pass() {
    let output = shell("cat; echo told >&2").stdin("asked").run().await.unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("asked", "told\n"));
}

#[tokio::test]
async fn a_failure_shows_command_status_and_both_ends_without_secrets() {
    let secrets = Redactor::default();
    secrets.add("hunter2");
    let error = shell("echo out; echo hunter2 >&2; exit 3").redact(&secrets).run().await.unwrap_err().to_string();
    for part in ["sh: exit status: 3 after", "sh -c 'echo out; echo [redacted]", "stdout: out", "stderr: [redacted]"] {
        assert!(error.contains(part), "no `{part}` in {error}");
    }
}

#[tokio::test]
async fn the_deadline_ends_grandchildren_too() {
    let tool = shell("sleep 60 & echo $!; wait").deadline(Duration::from_millis(300));
    let output = tool.run_unchecked().await.unwrap();
    assert!(output.status.is_none());
    check_gone(output.stdout.trim()).await;
    assert!(tool.failure(&output).to_string().contains("killed at its deadline of 300 ms"));
}

#[tokio::test]
async fn a_dropped_call_is_killed() {
    let mut lines = shell("echo $$; sleep 60").follow().unwrap();
    let Some(Line::Out(id)) = lines.recv().await else { panic!("no line") };
    drop(lines);
    check_gone(&id).await;
}

#[tokio::test]
async fn lines_come_before_the_end() {
    let mut lines = shell("echo a; echo b >&2; exit 4").follow().unwrap();
    let mut seen = Vec::new();
    while let Some(line) = lines.recv().await {
        seen.push(line);
    }
    assert_eq!(seen.pop(), Some(Line::Ended("sh ended: exit status: 4".to_owned())));
    seen.sort_by_key(|line| matches!(line, Line::Err(_)));
    assert_eq!(seen, [Line::Out("a".to_owned()), Line::Err("b".to_owned())]);
}

#[tokio::test]
async fn a_listener_is_told_whole_lines_without_secrets() {
    let secrets = Redactor::default();
    secrets.add("hunter2");
    let (tell, mut told) = mpsc::unbounded_channel();
    let tool = shell("printf 'a hun'; sleep 0.1; echo ter2; printf unended").redact(&secrets);
    let output = tool.telling(move |line| tell.send(line.to_owned()).unwrap()).run().await.unwrap();
    assert_eq!(output.stdout, "a hunter2\nunended");
    assert_eq!((told.recv().await.unwrap().as_str(), told.try_recv().is_err()), ("a [redacted]", true));
}

#[tokio::test]
async fn one_process_reads_what_another_writes() {
    let output = shell("seq 100000").run_into(shell("wc -l")).await.unwrap();
    assert_eq!(output.stdout.trim(), "100000");
    let error = shell("exit 5").run_into(shell("cat")).await.unwrap_err();
    assert!(error.to_string().contains("exit status: 5"), "{error}");
}

/// A failure would mean that helm has no time to note that a release failed, or that a run hangs with it.
#[tokio::test]
async fn an_interrupted_call_clears_up_and_ends() {
    let interrupt = Interrupt::default();
    let up = interrupt.clone();
    let script = "trap 'echo cleared; exit 3' INT; echo up; while :; do sleep 0.05; done";
    // A shell cannot trap what is ignored, as it is in what another shell started in the background.
    let tool = Tool::on_path("env").args(["--default-signal=INT", "sh", "-c", script]);
    let tool = tool.interrupt(&interrupt).telling(move |line| {
        if line == "up" {
            up.send();
        }
    });
    let output = tool.run_unchecked().await.unwrap();
    assert_eq!((output.status.and_then(|it| it.code()), output.stdout.as_str()), (Some(3), "up\ncleared\n"));
}

/// A failure would mean that a chart is called broken where this machine has no program that could render it.
#[tokio::test]
async fn a_program_that_cannot_be_started_is_the_machines_lack() {
    let directory = tempfile::tempdir().unwrap();
    let no_program = directory.path().join("helm");
    std::fs::write(&no_program, "no program").unwrap();
    for program in ["/nowhere/helm".as_ref(), no_program.as_path(), "chartgate-no-such-program".as_ref()] {
        let error = Tool::new("helm", program).run_unchecked().await.unwrap_err();
        assert!(is_environment(&error) && format!("{error:#}").contains(&program.display().to_string()), "{error:#}");
    }
    let elsewhere = Tool::on_path("sh").env("PATH", directory.path()).args(["-c", "exit"]).run().await.unwrap_err();
    assert!(is_environment(&elsewhere), "{elsewhere:#}");
}

#[test]
fn a_tail_is_made_of_whole_lines() {
    assert_eq!(tail("first\nsecond\nthird", 9), "third");
    assert_eq!(tail("ääää", 3), "ä");
    assert_eq!(tail("all", 9), "all");
}

/// A killed process is gone, or a zombie until its new parent takes note.
async fn check_gone(id: &str) {
    use crate::wait::{Check, until};
    until("the process to end", Duration::from_secs(5), || async {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") { Check::Ready(()) } else { Check::NotYet(stat) }
    })
    .await
    .unwrap();
}
