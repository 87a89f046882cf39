//! Which scenarios took longer than noise explains.
//!
//! Each run is one sample of each scenario, so a scenario alone does not tell noise from a change. But a change touches few scenarios, and the
//! machine touches all: the ratios of new to old of all scenarios are the sample of the noise. Their median is how much slower the machine
//! was; their median absolute deviation is how far single scenarios stray. A scenario beyond three such deviations from the median is an
//! outlier (Hampel's identifier, which a few outliers do not move, as mean and standard deviation are moved). Ratios are compared as logarithms, so that
//! half and double are as far from one.

use chartgate_report::{ScenarioReport, StepReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// With fewer scenarios, their spread says nothing: the least one is taken.
const FEWEST: usize = 5;
/// How far the same scenario strays on the same machine at least, as a part of its length: kubelet, scheduler and controllers work in turns of
/// whole seconds.
const LEAST_SPREAD: f64 = 0.1;
/// Deviations from the median beyond which a ratio is no noise: so far lie 3 of 1000 samples of a normal distribution.
const DEVIATIONS: f64 = 3.0;
/// What makes the median absolute deviation of a normal distribution its standard deviation.
const NORMAL: f64 = 1.4826;
/// Two turns of a probe or a controller: nobody needs to know of less.
const LEAST_SECONDS: f64 = 2.0;

/// How long the scenarios of two runs took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Durations {
    /// How many times as long the scenarios took, by their median; `null`: fewer than five were run in both, and it counts as 1.
    pub machine: Option<f64>,
    /// From how many times that on a scenario is slower.
    pub beyond: f64,
    /// The scenarios that are slower than that, the slowest first. Machines differ, so none makes the outcome worse.
    pub slower: Vec<Slower>,
    /// Names of those that are faster by as much.
    pub faster: Vec<String>,
}

/// A scenario that takes longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slower {
    /// The scenario.
    pub scenario: String,
    /// Its length in the older run, in seconds.
    pub old_seconds: f64,
    /// Its length in the newer run, in seconds.
    pub new_seconds: f64,
    /// The step that grew most, for example `step 2 (upgrade)`; `null`: the steps are not the same.
    pub step: Option<String>,
}

impl Durations {
    /// Of the scenarios that were run to their end in both runs.
    pub(super) fn of(both: &[(&str, &ScenarioReport, &ScenarioReport)]) -> Self {
        let is_whole = |scenario: &ScenarioReport| scenario.not_run.is_none() && scenario.seconds > 0.0;
        let timed: Vec<_> = both.iter().filter(|(_, old, new)| is_whole(old) && is_whole(new)).collect();
        let ratios: Vec<f64> = timed.iter().map(|(_, old, new)| (new.seconds / old.seconds).ln()).collect();
        let is_sample = ratios.len() >= FEWEST;
        let (centre, spread) = if is_sample { center_and_spread(&ratios) } else { (0.0, LEAST_SPREAD) };
        let (mut slower, mut faster) = (Vec::new(), Vec::new());
        for ((name, old, new), ratio) in timed.iter().zip(&ratios) {
            let is_beyond = (ratio - centre).abs() > DEVIATIONS * spread
                && (new.seconds - old.seconds * centre.exp()).abs() > LEAST_SECONDS;
            if is_beyond && *ratio > centre {
                let (old_seconds, new_seconds) = (old.seconds, new.seconds);
                let step = grown(&old.steps, &new.steps);
                slower.push((*ratio, Slower { scenario: (*name).to_owned(), old_seconds, new_seconds, step }));
            } else if is_beyond {
                faster.push((*name).to_owned());
            }
        }
        slower.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        Self {
            machine: is_sample.then(|| centre.exp()),
            beyond: (DEVIATIONS * spread).exp(),
            slower: slower.into_iter().map(|(_, slower)| slower).collect(),
            faster,
        }
    }
}

fn center_and_spread(ratios: &[f64]) -> (f64, f64) {
    let centre = median(ratios.to_vec());
    let deviations = ratios.iter().map(|ratio| (ratio - centre).abs()).collect();
    (centre, (NORMAL * median(deviations)).max(LEAST_SPREAD))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) }
}

/// The step that grew most.
fn grown(old: &[StepReport], new: &[StepReport]) -> Option<String> {
    let verbs = |steps: &[StepReport]| steps.iter().map(|step| step.verb.clone()).collect::<Vec<_>>();
    if verbs(old) != verbs(new) {
        return None;
    }
    let length = |step: &StepReport| Some(step.ended_ms?.saturating_sub(step.started_ms));
    let grown =
        old.iter().zip(new).filter_map(|(before, after)| Some((length(after)?.checked_sub(length(before)?)?, after)));
    grown.max_by_key(|(more, _)| *more).map(|(_, step)| step.label())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(seconds: f64) -> ScenarioReport {
        ScenarioReport { seconds, ..ScenarioReport::unproven("a".to_owned(), "", Vec::new()) }
    }

    /// The names of what is slower, faster, and the machine's factor.
    fn durations(pairs: &[(f64, f64)]) -> (Vec<String>, Vec<String>, Option<f64>) {
        let names: Vec<String> = (0..pairs.len()).map(|index| index.to_string()).collect();
        let scenarios: Vec<_> = pairs.iter().map(|(old, new)| (scenario(*old), scenario(*new))).collect();
        let both: Vec<_> = names.iter().zip(&scenarios).map(|(name, (old, new))| (name.as_str(), old, new)).collect();
        let found = Durations::of(&both);
        let slower = found.slower.into_iter().map(|slower| slower.scenario).collect();
        (slower, found.faster, found.machine)
    }

    /// A failure would mean that a slower runner is told as a slower chart, for each of its scenarios.
    #[test]
    fn a_machine_that_is_slower_makes_no_scenario_slower() {
        let pairs = [(20.0, 41.0), (31.0, 60.0), (25.0, 52.0), (40.0, 79.0), (28.0, 55.0), (33.0, 68.0)];
        let (slower, faster, machine) = durations(&pairs);
        assert_eq!((slower.len(), faster.len()), (0, 0));
        assert!((1.9..2.1).contains(&machine.unwrap()), "{machine:?}");
    }

    /// A failure would mean that an upgrade which takes twice as long as before passes unseen.
    #[test]
    fn a_scenario_beyond_the_noise_of_the_others_is_slower() {
        let pairs = [(20.0, 21.0), (31.0, 30.0), (25.0, 50.0), (40.0, 41.0), (28.0, 27.0), (33.0, 12.0)];
        let (slower, faster, _) = durations(&pairs);
        assert_eq!((slower, faster), (vec!["2".to_owned()], vec!["5".to_owned()]));
    }

    /// A failure would mean that where all scenarios stray, each run calls another one slower.
    #[test]
    fn where_all_stray_the_same_is_noise() {
        let pairs = [(20.0, 30.0), (31.0, 20.0), (25.0, 38.0), (40.0, 25.0), (28.0, 27.0), (33.0, 50.0)];
        assert_eq!(durations(&pairs).0, Vec::<String>::new());
    }

    /// A failure would mean that of two scenarios, each is the measure of the other's noise.
    #[test]
    fn few_scenarios_are_compared_as_they_are() {
        assert_eq!(durations(&[(20.0, 40.0), (30.0, 60.0)]).0, ["0", "1"]);
        assert_eq!(durations(&[(20.0, 24.0), (0.5, 1.5)]), (Vec::new(), Vec::new(), None));
    }
}
