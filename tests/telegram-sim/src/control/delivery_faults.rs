//! What goes wrong with updates on their way to the bot, over HTTP.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;

use crate::control::{Control, read, shown};
use crate::delivery_faults::DeliveryFaults;

pub(super) async fn get(State(hub): Control) -> Response {
    shown(&hub.read(|state| state.updates.dice.faults))
}

/// The body names what goes wrong; what it does not name goes right.
pub(super) async fn set(State(hub): Control, body: Bytes) -> Response {
    match read::<DeliveryFaults>(&body) {
        Ok(faults) => {
            hub.change(|state| state.updates.dice.faults = faults);
            shown(&faults)
        }
        Err(response) => *response,
    }
}
