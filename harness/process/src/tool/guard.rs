//! A child that ends with the process that started it.

/// The variable that tells `chartgate exec` who started it.
pub(super) const PARENT: &str = "CHARTGATE_PARENT";

/// Becomes the program that `args` name, as a child that ends with the process that started it: `chartgate exec`.
///
/// `kill -9` leaves a process no time to end its children, so each child asks the kernel for it. Gives the error that kept
/// it from doing so; it returns only then.
#[cfg(target_os = "linux")]
pub fn exec_guarded(args: &[std::ffi::OsString]) -> anyhow::Error {
    use std::os::unix::process::CommandExt;

    use anyhow::{Context, anyhow, bail};
    use rustix::process::{Pid, Signal};

    let guarded = || {
        let (program, args) = args.split_first().context("`chartgate exec` needs a program")?;
        let parent = std::env::var(PARENT).ok().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .context("failed to ask for our parent's death")?;
        // It may have died before we asked.
        if parent.is_some() && rustix::process::getppid() != parent {
            bail!("the process that started this one is gone");
        }
        #[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
        let error = std::process::Command::new(program).args(args).env_remove(PARENT).exec();
        Err(error).with_context(|| format!("failed to start `{}`", program.display()))
    };
    guarded().map_or_else(|error| error, |(): ()| anyhow!("no program was started"))
}
