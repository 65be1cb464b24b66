//! How fast gmbot is beside what axum and JetStream can do at all: on one machine, in one run, taking turns, so that what counts is ratios.
//!
//! Every figure is a median of runs. The load comes from this process; what is measured runs in processes of its own.

mod at_work;
pub mod options;
mod post;
mod reference;
mod run;
mod subscribers;
mod table;
mod usage;

use self::options::{Case, Options};
pub use self::{reference::serve as serve_reference, table::Table};

/// Runs a case to its end, and tells of its progress.
///
/// # Errors
/// It could not be run: something does not start, or an update is neither taken nor refused.
pub async fn run(options: &Options, case: Case, tell: &dyn Fn(&str)) -> anyhow::Result<Table> {
    match case {
        Case::Gateway => subscribers::gateway(options, tell).await,
        Case::Subscribers => subscribers::end_to_end(options, tell).await,
        Case::Tracing => subscribers::tracing(options, tell).await,
    }
}
