//! The programs that this binary is in images, told by the name under which it is started.

use std::process::ExitCode;

/// Plays the program of an image; `None`: this is the command.
pub fn play() -> Option<ExitCode> {
    let played = if chartgate_prober::is_called() {
        chartgate_prober::main()
    } else if chartgate_network_policy::is_called() {
        chartgate_network_policy::main()
    } else {
        return None;
    };
    // As a program whose `main` fails tells it.
    Some(played.map_or_else(
        |error| {
            chartgate_base::stdio::tell(format_args!("Error: {error:?}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    ))
}
