//! The `chartgate` command.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod command;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use chartgate::ending::Ending;
use chartgate::list::List;
use chartgate::progress::Loudness;
use chartgate::{doctor, gate, init, reference, schema};
use chartgate_base::stdio;
use chartgate_cluster::error;
use chartgate_judge::explain;
use chartgate_process::home;
use chartgate_process::tool;
use chartgate_scenario::Overrides;
use chartgate_yaml::Mistakes;
use clap::{CommandFactory, Parser, Subcommand};
use command::Color;
use tokio::signal::unix::{SignalKind, signal};

/// Proves that a Helm chart holds what its users do with it: install, upgrade, roll back.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = Ending::overview())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// When to write in colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: Color,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios on a kind cluster, or one of yours, and judge them
    Run(command::run::Arguments),
    /// Judge what charts render, in seconds: no cluster, no engine
    Check(command::check::Arguments),
    /// Put harms into what charts render, one at a time, and say which of them no scenario notices
    Mutate(command::mutate::Arguments),
    /// Run scenarios many times, in another order each time, and list each verdict that differs, with its recordings
    Soak(command::soak::Arguments),
    /// Package a chart, judge that package, and publish it with the signed verdict: nothing if it is red
    Release(command::release::Arguments),
    /// Verify that a chart in a registry, or a package, has a passing verdict on exactly its bytes
    Verify(command::verify::Arguments),
    /// Judge recordings again, without a cluster
    Judge {
        /// Folder that a run wrote
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Write verdict.json, junit.xml, summary.md and report.html again from recordings, and print where
    Report {
        /// Folder that a run wrote
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Make one report of the shards of a set, which `run --shard` ran on several machines
    Merge(command::merge::Arguments),
    /// Say what is otherwise in a newer run: checks that changed, scenarios that take longer, what an uninstall leaves
    Compare(command::compare::Arguments),
    /// Say what a check proves, what its failure means for a user and what to do; without a name, list all checks
    Explain {
        /// Name of the check, as in reports
        check: Option<String>,
    },
    /// Write a contract and a scenario for a chart to its ci/chartgate/, from what it renders: a start that runs
    Init {
        /// The chart's folder
        #[arg(value_name = "CHART")]
        chart: PathBuf,
        /// Helm major version that renders it
        #[arg(long, env = "HELM", value_parser = ["3", "4"])]
        helm: Option<String>,
    },
    /// List scenarios, their charts, and all checks
    List {
        /// Scenario files, charts, or folders of either, as for `run`
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Render each scenario, and list the checks that apply to a chart and that no scenario of it exists to prove
        #[arg(long)]
        unproven: bool,
    },
    /// Check this machine's prerequisites and say how to fix what is wrong
    Doctor,
    /// Set up what this machine lacks for a run: an engine, kind, both helms, images; needs no checkout
    Setup(command::setup::Arguments),
    /// Remove every cluster and container that chartgate left, and its namespaces in clusters of yours, kept ones too
    Clean,
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Folder for them
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the JSON Schema of a file: verdict.json, scenarios, or contracts
    Schema {
        /// Which file
        #[arg(default_value = "verdict")]
        file: schema::File,
    },
    /// Print a page of the book's reference
    #[command(hide = true)]
    Reference {
        /// Its name below docs/src/reference/
        page: Page,
    },
    /// The post-renderer that helm is given for a mutant
    #[command(hide = true)]
    PostRender {
        /// Name of the operator
        operator: String,
    },
    #[command(hide = true)]
    Broker {
        #[arg(long)]
        key: String,
        #[arg(long)]
        kubernetes: String,
        #[arg(long)]
        context: Option<String>,
    },
    #[command(hide = true)]
    Exec {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

/// The pages that are written from the code.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Page {
    Checks,
    CommandLine,
    Contract,
    ExitCodes,
    Scenario,
}

fn main() -> ExitCode {
    if let Some(ended) = command::part::play() {
        return ended;
    }
    // Whatever it is called: a release's file has the architecture in its name.
    if let Ok(exe) = std::env::current_exe() {
        home::set_exe(exe);
    }
    let Arguments { command, color } = Arguments::parse();
    stdio::set_color(color.into());
    let ended = match command {
        // Replaces this process, so it must not start a runtime first.
        Command::Exec { command } => {
            stdio::tell(format_args!("error: {:#}", tool::exec_guarded(&command)));
            // As a shell says it of a program that cannot be started.
            return ExitCode::from(127);
        }
        Command::Run(arguments) => run(arguments.run()),
        Command::Release(arguments) => run(arguments.run()),
        Command::Mutate(arguments) => run(arguments.run()),
        Command::Soak(arguments) => run(arguments.run()),
        command => run(interruptible(perform(command))),
    };
    let ending = match ended {
        Ok(ending) => ending,
        Err(error) => {
            match error.downcast_ref::<Mistakes>() {
                Some(mistakes) => stdio::tell(mistakes.print()),
                None => stdio::tell(format_args!("error: {}", error::message(&error))),
            }
            Ending::from(&error)
        }
    };
    ExitCode::from(ending.exit_code())
}

#[tokio::main]
async fn run(work: impl Future<Output = Result<Ending>>) -> Result<Ending> {
    home::look_on_path().await;
    work.await
}

async fn perform(command: Command) -> Result<Ending> {
    match command {
        Command::Judge { folder } => command::conclude(&gate::judge_all(&folder)?, &folder, Loudness::default()),
        Command::Report { folder } => {
            gate::judge_all(&folder)?;
            stdio::print(chartgate_report::place(&folder) + "\n")?;
            Ok(Ending::Pass)
        }
        Command::List { paths, json, unproven } => {
            let plans = chartgate_scenario::plans(&paths, &Overrides::default())?;
            let mut list = List::new(&plans);
            if unproven {
                list = list.with_unproven(plans, home::version("HELM")?).await?;
            }
            stdio::print(if json { serde_json::to_string_pretty(&list)? + "\n" } else { list.print() })?;
            Ok(Ending::Pass)
        }
        Command::Doctor => {
            let symptoms = doctor::examine().await?;
            stdio::print(doctor::print(&symptoms))?;
            Ok(if doctor::is_well(&symptoms) { Ending::Pass } else { Ending::Environment })
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "chartgate", &mut script);
            stdio::print(String::from_utf8_lossy(&script))?;
            Ok(Ending::Pass)
        }
        Command::Man { folder } => {
            std::fs::create_dir_all(&folder).with_context(|| format!("make the folder `{}`", folder.display()))?;
            clap_mangen::generate_to(Arguments::command(), &folder)
                .with_context(|| format!("write manual pages to `{}`", folder.display()))?;
            Ok(Ending::Pass)
        }
        Command::Schema { file } => {
            stdio::print(file.text()?)?;
            Ok(Ending::Pass)
        }
        Command::Explain { check } => {
            stdio::print(check.as_deref().map_or_else(|| Ok(explain::overview()), explain::explain)?)?;
            Ok(Ending::Pass)
        }
        Command::Reference { page } => {
            stdio::print(match page {
                Page::Checks => reference::checks(),
                Page::CommandLine => reference::command_line(&Arguments::command()),
                Page::Contract => reference::contract(),
                Page::ExitCodes => reference::exit_codes(),
                Page::Scenario => reference::scenario(),
            })?;
            Ok(Ending::Pass)
        }
        Command::Init { chart, helm } => {
            let helm = helm.map_or_else(|| home::version("HELM").map(str::to_owned), Ok)?;
            for file in init::init(&chart, &helm).await? {
                stdio::print(format_args!("wrote {}\n", file.display()))?;
            }
            stdio::print(format_args!("read them, then: chartgate run {}\n", chart.display()))?;
            Ok(Ending::Pass)
        }
        Command::Clean => {
            for removed in chartgate_cluster::clean().await? {
                stdio::print(format_args!("removed {removed}\n"))?;
            }
            Ok(Ending::Pass)
        }
        Command::Broker { key, kubernetes, context } => {
            chartgate_cluster::broker::serve(&key, &kubernetes, context.as_deref()).await.map(|()| Ending::Pass)
        }
        Command::Check(arguments) => arguments.run().await,
        Command::PostRender { operator } => command::mutate::post_render(&operator),
        Command::Verify(arguments) => arguments.run().await,
        Command::Setup(arguments) => arguments.run().await,
        Command::Merge(arguments) => arguments.run(),
        Command::Compare(arguments) => arguments.run(),
        Command::Run(_) | Command::Release(_) | Command::Mutate(_) | Command::Soak(_) | Command::Exec { .. } => {
            Ok(Ending::Pass)
        }
    }
}

/// Work that Ctrl-C ends at once, as being told to terminate does; what it holds, such as directories for a while, goes with it.
async fn interruptible(work: impl Future<Output = Result<Ending>>) -> Result<Ending> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for being told to terminate")?;
    tokio::select! {
        ended = work => ended,
        _ = tokio::signal::ctrl_c() => Ok(Ending::Interrupted),
        _ = terminate.recv() => Ok(Ending::Interrupted),
    }
}
