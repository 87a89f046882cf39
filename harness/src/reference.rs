//! The pages of the book's reference that are written from the code, in Markdown.

mod files;
mod shape;

use std::fmt::Write;

use chartgate_judge::explain::{Explanation, PARTS};
use chartgate_judge::{Check, Group};
use clap::{Arg, Command};

use crate::ending::Ending;

pub use files::{contract, scenario};

/// What each check proves, how that looks, and what to do.
pub fn checks() -> String {
    let mut out = heading("Checks", "checks", "harness/judge/src/explanation/");
    out += "What each check proves, and what to do about it. `chartgate explain NAME` says the same on the terminal.\n\
            A check ends as *pass*, *fail*, *void*, *advice* or *not applicable*: see [Verdicts](../reasons.md#verdicts).\n";
    for Group { name, about, checks } in chartgate_judge::GROUPS {
        // Writing to a text cannot fail.
        write!(out, "\n## {name}\n\n{about}.\n").ok();
        for check in *checks {
            describe_check(check, &mut out);
        }
    }
    out
}

/// Each subcommand with its arguments, as the command line itself knows them.
pub fn command_line(command: &Command) -> String {
    let mut out = heading("Command line", "command-line", "harness/src/main.rs or harness/src/command/");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    // Writing to a text cannot fail.
    writeln!(out, "{about}. `chartgate help COMMAND` says the same on the terminal.").ok();
    describe_arguments(command, "\nEach command takes:\n", &mut out);
    // What is hidden, chartgate starts by itself.
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        describe_command(command, &mut out);
    }
    out
}

/// What each exit code means.
pub fn exit_codes() -> String {
    let mut out = heading("Exit codes", "exit-codes", "harness/src/ending.rs");
    out += "| exit code | meaning | whose turn it is |\n| --- | --- | --- |\n";
    for ending in Ending::ALL {
        let [meaning, turn] = ending.meaning();
        // Writing to a text cannot fail.
        writeln!(out, "| {} | {meaning} | {turn} |", ending.exit_code()).ok();
    }
    out + "\nA run is the worst of its scenarios, a scenario the worst of its checks: *fail* over *void* over *pass*. A run without any \
           scenario, and a\nscenario to which no check applies, are void. `chartgate help COMMAND` says where a command means something of its \
           own by them.\n"
}

fn heading(title: &str, page: &str, source: &str) -> String {
    format!("# {title}\n\n<!-- Written by `chartgate reference {page}`: change {source} instead. -->\n\n")
}

fn describe_check(check: &Check, out: &mut String) {
    let Explanation { how, passes, fails, remedy, met_in } = Explanation::of(check.explanation);
    let Check { name, proves, means, .. } = check;
    let parts = [
        format!("### {name}\n\n**Proves:** {proves}.\n\n**A failure means:** {means}.\n\n{how}"),
        format!("**{}:**\n\n{passes}", PARTS[0]),
        format!("**{}:**\n\n{fails}", PARTS[1]),
        format!("**{}:**\n\n{remedy}", PARTS[2]),
    ];
    let met = met_in.map(|met| format!("**{}:** {met}", PARTS[3]));
    for part in parts.into_iter().chain(met) {
        // Writing to a text cannot fail.
        write!(out, "\n{part}\n").ok();
    }
}

fn describe_command(command: &Command, out: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().bin_name(format!("chartgate {}", command.get_name())).render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    // Writing to a text cannot fail.
    write!(out, "\n## {}\n\n{about}.\n\n```text\n{usage}\n```\n", command.get_name()).ok();
    describe_arguments(command, "", out);
}

/// A list of a command's own arguments, below a text; nothing where it has none.
fn describe_arguments(command: &Command, above: &str, out: &mut String) {
    let arguments = command.get_arguments().filter(|argument| argument.get_id() != "help" && !argument.is_hide_set());
    for (index, argument) in arguments.enumerate() {
        let gap = if index == 0 { format!("{above}\n") } else { String::new() };
        // Writing to a text cannot fail.
        writeln!(out, "{gap}{}", describe_argument(argument)).ok();
    }
}

fn describe_argument(argument: &Arg) -> String {
    let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
    let value = value.and_then(<[_]>::first).map_or(String::new(), |value| format!(" {value}"));
    let flag = match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}{value}"),
        (Some(short), None) => format!("-{short}{value}"),
        (None, Some(long)) => format!("--{long}{value}"),
        (None, None) => value.trim().to_owned(),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let is_choice = values.len() > 1 && argument.get_action().takes_values();
    let mut more = Vec::new();
    more.extend(is_choice.then(|| format!("one of {}", values.join(", "))));
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    more.extend(
        (argument.get_action().takes_values() && !defaults.is_empty())
            .then(|| format!("default `{}`", defaults.join(" "))),
    );
    more.extend(argument.get_env().map(|name| format!("or `{}` in the environment", name.to_string_lossy())));
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
    format!("- `{flag}`: {help}{more}")
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, Command, arg};

    use super::*;

    /// A failure would mean that a flag, its default or its variable cannot be looked up in the book.
    #[test]
    fn every_argument_stands_with_what_it_takes() {
        let out = arg!(--out <DIR> "Folder").default_value("here");
        let helm = arg!(--helm <HELM> "Major").value_parser(["3", "4"]);
        let quiet = arg!(-q --quiet "No progress").action(ArgAction::SetTrue);
        let run = Command::new("run").about("Run").args([out, helm, quiet]);
        let hidden = Command::new("exec").hide(true);
        let page = command_line(&Command::new("chartgate").about("Proves").subcommands([run, hidden]));
        let parts = [
            "## run\n\nRun.\n\n```text\nchartgate run ",
            "\n- `--out DIR`: Folder (default `here`)\n",
            "\n- `--helm HELM`: Major (one of `3`, `4`)\n",
            "\n- `-q, --quiet`: No progress\n",
        ];
        for part in parts {
            assert!(page.contains(part), "`{part}` is not in:\n{page}");
        }
        assert!(!page.contains("exec"), "{page}");
    }
}
