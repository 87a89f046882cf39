//! The `chartgate` command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use chartgate::cluster::KubeContext;
use chartgate::home::{self, is_environment};
use chartgate::judge::{self, Verdict};
use chartgate::list::List;
use chartgate::origin::Pulled;
use chartgate::report::Report;
use chartgate::run::Options;
use chartgate::scenario::{self, ImageOverride, Overrides};
use chartgate::yaml::{Invalid, nearest};
use chartgate::{cluster, doctor, gate, init, report, tool};
use clap::{CommandFactory, Parser, Subcommand};

/// Proves that a Helm chart holds what its users do with it: install, upgrade, roll back.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 pass; 1 fail; 2 a scenario, contract or argument is wrong; 3 void; \
                          4 the environment lacks something; 130 interrupted.";

#[derive(Subcommand)]
enum Command {
    /// Run scenarios on a kind cluster, or one of yours, and judge them
    Run {
        /// Scenario files, folders of them, or charts (whose own scenarios or ci/*-values.yaml are run); by default scenarios/
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Chart to put in the contract's chart's place: a folder, or oci://…:VERSION
        #[arg(long, value_name = "CHART")]
        chart: Option<PathBuf>,
        /// Version to upgrade from, in every scenario that installs and upgrades: a chart's folder or .tgz, oci://…, git:REF, previous, self;
        /// several are upgraded through, in this order (repeatable)
        #[arg(long, value_name = "VERSION")]
        from: Vec<String>,
        /// Image in place of one of the contract's, for every version or for one (repeatable)
        #[arg(long = "image", value_name = "NAME[@VERSION]=REPO[:TAG]")]
        images: Vec<ImageOverride>,
        /// Values file above the scenario's values (repeatable)
        #[arg(long, value_name = "FILE")]
        values: Vec<PathBuf>,
        /// Value above everything, as helm's `--set` (repeatable)
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Let no waiver of a contract count, as before a release
        #[arg(long)]
        no_waivers: bool,
        /// Folder for the reports (report.html, junit.xml, summary.md, verdict.json) and the evidence
        #[arg(long, value_name = "DIR", default_value = "chartgate-out")]
        out: PathBuf,
        /// Helm major version; by default the one that harness/versions.env names
        #[arg(long, env = "HELM", value_parser = ["3", "4"])]
        helm: Option<String>,
        /// Kubernetes minor version; by default the one that harness/versions.env names [env: KUBERNETES]
        // Read from the environment later: clap would take the variable for an option that conflicts.
        #[arg(long, value_name = "KUBERNETES")]
        kubernetes: Option<String>,
        /// Context of your kubeconfig whose cluster to use, in namespaces of our own. A cluster that is not kind's on this machine
        /// pulls all images itself: `CHARTGATE_PROBER_IMAGE` then names one of harness/prober
        #[arg(long, value_name = "NAME", conflicts_with = "kubernetes")]
        context: Option<String>,
        /// Leave the cluster and the namespaces for a look
        #[arg(long, env = "KEEP", value_parser = clap::builder::FalseyValueParser::new(), default_value_t = false)]
        #[arg(num_args = 0, action = clap::ArgAction::SetTrue)]
        keep: bool,
    },
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
    /// Say what a check proves, and what its failure means for a user; without a name, list all checks
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
        /// Scenario files, folders of them, or charts, as for `run`; by default scenarios/
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at what a run needs of this machine, and say what mends what is wrong
    Doctor,
    /// Remove every cluster and container that chartgate left, and its namespaces in clusters of yours, kept ones too
    Clean,
    /// Print the completions for a shell
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// Folder for them
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the JSON schema of verdict.json
    #[command(hide = true)]
    Schema,
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

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        // Replaces this process, so it must not start a runtime first.
        Command::Exec { command } => {
            eprintln!("error: {:#}", tool::exec_guarded(&command));
            // As a shell says it of a program that cannot be started.
            return ExitCode::from(127);
        }
        command => run(command),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(code_of(&error))
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> Result<u8> {
    let working = async {
        match command {
            Command::Run {
                paths,
                chart,
                from,
                images,
                values,
                set,
                no_waivers,
                out,
                helm,
                kubernetes,
                context,
                keep,
            } => {
                let overrides = Overrides { chart, from, values_files: values, set, images, no_waivers };
                let helm = helm.map_or_else(|| home::version("HELM").map(str::to_owned), Ok)?;
                let pulled = Pulled::of(overrides.chart.as_deref(), &helm).await?;
                let plans = scenario::plans(&paths, &in_place(&overrides, pulled.as_ref()))?;
                let context = context.map(|name| KubeContext::read(&name)).transpose()?;
                let kubernetes = match (&context, kubernetes) {
                    (Some(context), _) => context.version().await?,
                    (None, Some(minor)) => minor,
                    (None, None) => home::kubernetes()?,
                };
                let options = Options { kubernetes, context, helm, keep };
                report::note_commands(&plans, &paths, &overrides, &options, &out)?;
                let report = gate::run(plans, &options, &out).await?;
                report::append_to_job_summary(&report)?;
                Ok(conclude(&report, &out))
            }
            Command::Judge { folder } => Ok(conclude(&gate::judge_all(&folder)?, &folder)),
            Command::Report { folder } => {
                gate::judge_all(&folder)?;
                println!("{}", report::place(&folder));
                Ok(0)
            }
            Command::List { paths, json } => {
                let list = List::new(&scenario::plans(&paths, &Overrides::default())?, &paths);
                println!("{}", if json { serde_json::to_string_pretty(&list)? } else { list.print() });
                Ok(0)
            }
            Command::Doctor => {
                let symptoms = doctor::examine().await?;
                print!("{}", doctor::print(&symptoms));
                Ok(if doctor::is_well(&symptoms) { 0 } else { 4 })
            }
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Arguments::command(), "chartgate", &mut std::io::stdout());
                Ok(0)
            }
            Command::Man { folder } => {
                std::fs::create_dir_all(&folder).with_context(|| format!("make the folder `{}`", folder.display()))?;
                clap_mangen::generate_to(Arguments::command(), &folder)
                    .with_context(|| format!("write manual pages to `{}`", folder.display()))?;
                Ok(0)
            }
            Command::Schema => {
                println!("{}", serde_json::to_string_pretty(&Report::schema())?);
                Ok(0)
            }
            Command::Explain { check: None } => {
                for check in judge::all() {
                    println!("{:<24} {}", check.name, check.proves);
                }
                Ok(0)
            }
            Command::Explain { check: Some(name) } => {
                let check = judge::all().iter().find(|check| check.name == name).ok_or_else(|| unknown_check(&name))?;
                println!("{}\n  proves:   {}\n  a failure means: {}", check.name, check.proves, check.means);
                Ok(0)
            }
            Command::Init { chart, helm } => {
                let helm = helm.map_or_else(|| home::version("HELM").map(str::to_owned), Ok)?;
                for file in init::init(&chart, &helm).await? {
                    println!("wrote {}", file.display());
                }
                println!("read them, then: chartgate run {}", chart.display());
                Ok(0)
            }
            Command::Clean => {
                for removed in cluster::clean().await? {
                    println!("removed {removed}");
                }
                Ok(0)
            }
            Command::Broker { key, kubernetes, context } => {
                cluster::broker::serve(&key, &kubernetes, context.as_deref()).await.map(|()| 0)
            }
            Command::Exec { .. } => Ok(0),
        }
    };
    tokio::select! {
        ended = working => ended,
        // The evidence is on disk already, and the broker cleans up when our connection ends.
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted: what was seen is kept, and what was started is being removed");
            Ok(130)
        }
    }
}

/// The overrides, with the chart that was pulled in its reference's place.
fn in_place(overrides: &Overrides, pulled: Option<&Pulled>) -> Overrides {
    let chart = pulled.map(|pulled| pulled.chart().to_owned()).or_else(|| overrides.chart.clone());
    Overrides { chart, ..overrides.clone() }
}

fn unknown_check(name: &str) -> Invalid {
    let near = nearest(name, judge::all().iter().map(|check| check.name));
    let hint = near.map_or("`chartgate explain` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
    Invalid(format!("there is no check `{name}`\nhint: {hint}"))
}

fn conclude(report: &Report, folder: &Path) -> u8 {
    println!("{}{}", report::print(report), report::place(folder));
    match report.verdict {
        Verdict::Fail => 1,
        Verdict::Void => 3,
        Verdict::Pass | Verdict::Waived | Verdict::Advice | Verdict::NotApplicable => 0,
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(<dyn std::error::Error>::is::<Invalid>) {
        2
    } else if is_environment(error) {
        4
    } else {
        3
    }
}
