//! A method called by the webhook's answer: run as any other, its result thrown away.

use std::sync::Arc;

use crate::args::Args;
use crate::floods::waiting::Core;
use crate::handling::until_stopped;
use crate::hub::Hub;
use crate::ledger::Call;
use crate::methods::{self, Name};

/// These are not run from there; nor is anything that begins with `get`, whose result nobody would see.
const NEVER: [&str; 4] = ["deletewebhook", "setwebhook", "close", "logout"];

/// Runs the method that the arguments name, if they name one that may be called so. Nobody waits for it.
pub(super) fn call(hub: &Arc<Hub>, args: Args) {
    let method = args.text("method").to_lowercase();
    if method.is_empty() || method.starts_with("get") || NEVER.contains(&method.as_str()) {
        return;
    }
    let stop = hub.stop.clone();
    hub.tasks.spawn(until_stopped(stop, run(hub.clone(), method, args)));
}

async fn run(hub: Arc<Hub>, method: String, args: Args) {
    let at_ms = hub.clock.now_ms();
    let name = Name::called(&method);
    let outcome = match name {
        Some(name) => methods::call(&Core::of(&hub), name, &args).await,
        None => Err(methods::unknown(&method)),
    };
    let (status, error, taken_ms) = match outcome {
        Ok(answer) => (200, None, answer.taken_ms),
        Err(error) => (error.code, Some(error.description), None),
    };
    let mut args = args.to_map();
    args.remove("method");
    let call = Call {
        number: 0,
        at_ms,
        took_ms: hub.clock.now_ms() - at_ms,
        peer: None,
        taken_ms,
        method: name.map_or(method, |name| name.as_str().to_owned()),
        args,
        status,
        result: None,
        error,
        fault: None,
        in_webhook_reply: true,
    };
    tracing::debug!(%call, "called in a webhook's reply");
    hub.log(|log| log.record(call));
    hub.wake();
}
