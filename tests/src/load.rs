//! Load as people and raids make it, against Telegram's limits as the simulator keeps them: what the bot asked of Telegram, and how long
//! people waited.

mod day;
mod flood;
mod frozen;
pub mod options;
mod press;
mod report;
mod site;
pub mod stood;

use self::options::{Case, Options};
pub use self::report::Report;

/// Runs a case to its end, and tells of its progress.
///
/// # Errors
/// It could not be run: something does not start, or nobody is muted in time. What gmbot did wrong is in the report.
pub async fn run(options: &Options, tell: &dyn Fn(&str)) -> anyhow::Result<Report> {
    match &options.case {
        Case::Flood(case) => flood::run(case, tell).await,
        Case::Press(case) => press::run(case, tell).await,
        Case::Day(case) => day::run(case, tell).await,
        Case::Frozen(case) => frozen::run(case, tell).await,
    }
}
