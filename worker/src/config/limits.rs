//! `worker limits`: where all count together.

use clap::Args;
use shared::args;

use super::{CacheArgs, Limits};

#[derive(Args, Clone, Debug)]
pub struct ShowLimits {
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub process: args::Process,
}
