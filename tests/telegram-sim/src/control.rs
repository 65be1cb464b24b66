//! The control API: the world's handle over HTTP, for the program and for other languages.
//!
//! `POST /control/acts` takes one act as JSON (`{"act": "say", "chat": -100…, "user": 10000001, "text": "hello"}`);
//! the `GET`s show what there is. A refused act is a 409 with the reason.
//!
//! The playground lives by it as well: `GET /control/view?as=…&chat=…` is all it shows at once, `GET /control/events` tells
//! when to look again and streams the calls, `GET /control/links?url=…` says where a link leads in this world, and
//! `POST /control/tries` is `acts` with refusals as ordinary answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::acts::Act;
use crate::faults::Fault;
use crate::floods::FloodLimits;
use crate::hub::Hub;
use crate::ids::{ChatId, UserId};
use crate::methods::Name;
use crate::playground;
use crate::reply::json_response;
use crate::world::World;

mod acts;
mod delivery_faults;
mod events;
mod example;
mod links;
mod view;

type Control = State<Arc<Hub>>;

pub(crate) fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/", get(playground::go_there))
        .route("/acts", post(act))
        .route("/tries", post(try_act))
        .route("/view", get(view::view))
        .route("/links", get(links::resolve))
        .route("/events", get(events::events))
        .route("/chats", get(chats))
        .route("/chats/{chat}/messages", get(messages))
        .route("/chats/{chat}/members", get(members))
        .route("/chats/{chat}/members/{user}", get(member))
        .route("/people", get(people))
        .route("/calls", get(calls).delete(clear_calls))
        .route("/deliveries", get(deliveries))
        .route("/faults", get(faults).post(add_fault).delete(end_faults))
        .route("/delivery-faults", get(delivery_faults::get).post(delivery_faults::set))
        .route("/faults/{fault}", delete(end_fault))
        .route("/floods", get(floods).post(set_floods))
        .route("/methods", get(known_methods))
        .route("/clock", get(clock).post(advance))
}

fn shown(value: &impl Serialize) -> Response {
    json_response(StatusCode::OK, value)
}

/// Reads a body of ours, or says what is wrong with it.
fn read<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T, Box<Response>> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = json!({ "error": error.to_string() });
        Box::new(json_response(StatusCode::BAD_REQUEST, &reason))
    })
}

async fn act(State(hub): Control, body: Bytes) -> Response {
    let act: Act = match read(&body) {
        Ok(act) => act,
        Err(response) => return *response,
    };
    match act.run(&World::new(hub)).await {
        Ok(result) => shown(&result),
        Err(reason) => json_response(StatusCode::CONFLICT, &json!({ "error": reason })),
    }
}

/// The same for a page, to which a refusal is no error: browsers log every other status than 200 as one.
async fn try_act(State(hub): Control, body: Bytes) -> Response {
    let act: Act = match read(&body) {
        Ok(act) => act,
        Err(response) => return *response,
    };
    match act.run(&World::new(hub)).await {
        Ok(result) => shown(&json!({ "done": result })),
        Err(reason) => shown(&json!({ "refused": reason })),
    }
}

async fn chats(State(hub): Control) -> Response {
    shown(&World::new(hub).chats())
}

async fn people(State(hub): Control) -> Response {
    shown(&World::new(hub).people())
}

async fn messages(State(hub): Control, Path(chat): Path<ChatId>) -> Response {
    shown(&World::new(hub).messages(chat))
}

async fn members(State(hub): Control, Path(chat): Path<ChatId>) -> Response {
    let members: Vec<Value> = World::new(hub)
        .members(chat)
        .into_iter()
        .map(|(user, member)| json!({ "user": user, "member": member }))
        .collect();
    shown(&members)
}

async fn member(State(hub): Control, Path((chat, user)): Path<(ChatId, UserId)>) -> Response {
    shown(&World::new(hub).member(chat, user))
}

#[derive(Deserialize)]
struct CallsQuery {
    /// Only calls with a higher number.
    #[serde(default)]
    after: u64,
    method: Option<String>,
}

async fn calls(State(hub): Control, Query(query): Query<CallsQuery>) -> Response {
    let calls = hub.log(|log| log.after(query.after));
    match query.method {
        Some(method) => shown(&calls.of(&method)),
        None => shown(&calls),
    }
}

async fn clear_calls(State(hub): Control) -> Response {
    hub.log(crate::ledger::Log::clear);
    hub.wake();
    shown(&true)
}

async fn deliveries(State(hub): Control) -> Response {
    let deliveries: Vec<_> = hub.read(|state| state.updates.deliveries.iter().cloned().collect());
    shown(&deliveries)
}

async fn faults(State(hub): Control) -> Response {
    shown(&hub.faults(|plan, _| plan.list()))
}

async fn add_fault(State(hub): Control, body: Bytes) -> Response {
    match read::<Fault>(&body) {
        Ok(fault) => {
            let number = hub.faults(|plan, _| plan.add(fault));
            hub.wake();
            shown(&number)
        }
        Err(response) => *response,
    }
}

async fn end_faults(State(hub): Control) -> Response {
    hub.faults(|plan, _| plan.clear());
    hub.wake();
    shown(&true)
}

async fn end_fault(State(hub): Control, Path(fault): Path<u64>) -> Response {
    hub.faults(|plan, _| plan.remove(fault));
    hub.wake();
    shown(&true)
}

async fn floods(State(hub): Control) -> Response {
    shown(&hub.floods(|floods| floods.limits().clone()))
}

/// What of the Bot API there is here.
async fn known_methods() -> Response {
    shown(&Name::all())
}

/// The body is `"off"`, `"telegram"`, or the limits themselves.
async fn set_floods(State(hub): Control, body: Bytes) -> Response {
    let limits = match read::<Value>(&body) {
        Ok(Value::String(name)) if name == "off" => Ok(FloodLimits::off()),
        Ok(Value::String(name)) if name == "telegram" => Ok(FloodLimits::telegram()),
        Ok(_) => read(&body),
        Err(response) => Err(response),
    };
    match limits {
        Ok(limits) => {
            hub.floods(|floods| floods.set_limits(limits));
            shown(&true)
        }
        Err(response) => *response,
    }
}

async fn clock(State(hub): Control) -> Response {
    shown(&json!({ "now_ms": hub.clock.now_ms() }))
}

#[derive(Deserialize)]
struct Advance {
    advance_ms: u64,
}

async fn advance(State(hub): Control, body: Bytes) -> Response {
    match read::<Advance>(&body) {
        Ok(Advance { advance_ms }) => {
            hub.clock.advance(Duration::from_millis(advance_ms));
            hub.wake();
            clock(State(hub)).await
        }
        Err(response) => *response,
    }
}
