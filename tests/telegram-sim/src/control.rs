//! The control API: the world's handle over HTTP, for the program and for other languages.
//!
//! `POST /control/acts` takes one act as JSON (`{"act": "say", "chat": -100…, "user": 10000001, "text": "hello"}`);
//! the `GET`s show what there is. A refused act is a 409 with the reason.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::acts::Act;
use crate::faults::Fault;
use crate::floods::FloodLimits;
use crate::hub::Hub;
use crate::ids::{ChatId, UserId};
use crate::reply::json_response;
use crate::world::World;

mod acts;

type Control = State<Arc<Hub>>;

pub(crate) fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/acts", post(act))
        .route("/chats", get(chats))
        .route("/chats/{chat}/messages", get(messages))
        .route("/chats/{chat}/members", get(members))
        .route("/chats/{chat}/members/{user}", get(member))
        .route("/people", get(people))
        .route("/calls", get(calls).delete(clear_calls))
        .route("/deliveries", get(deliveries))
        .route("/faults", get(faults).post(add_fault).delete(end_faults))
        .route("/floods", post(set_floods))
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

async fn act(State(shared): Control, body: Bytes) -> Response {
    let act: Act = match read(&body) {
        Ok(act) => act,
        Err(response) => return *response,
    };
    match act.run(&World::new(shared)).await {
        Ok(result) => shown(&result),
        Err(reason) => json_response(StatusCode::CONFLICT, &json!({ "error": reason })),
    }
}

async fn chats(State(shared): Control) -> Response {
    shown(&World::new(shared).chats())
}

async fn people(State(shared): Control) -> Response {
    shown(&World::new(shared).people())
}

async fn messages(State(shared): Control, Path(chat): Path<ChatId>) -> Response {
    shown(&World::new(shared).messages(chat))
}

async fn members(State(shared): Control, Path(chat): Path<ChatId>) -> Response {
    let members: Vec<Value> = World::new(shared)
        .members(chat)
        .into_iter()
        .map(|(user, member)| json!({ "user": user, "member": member }))
        .collect();
    shown(&members)
}

async fn member(State(shared): Control, Path((chat, user)): Path<(ChatId, UserId)>) -> Response {
    shown(&World::new(shared).member(chat, user))
}

#[derive(Deserialize)]
struct CallsQuery {
    /// Only calls with a higher number.
    #[serde(default)]
    after: u64,
    method: Option<String>,
}

async fn calls(State(shared): Control, Query(query): Query<CallsQuery>) -> Response {
    let calls = shared.log(|log| log.after(query.after));
    match query.method {
        Some(method) => shown(&calls.of(&method)),
        None => shown(&calls),
    }
}

async fn clear_calls(State(shared): Control) -> Response {
    shared.log(crate::ledger::Log::clear);
    shown(&true)
}

async fn deliveries(State(shared): Control) -> Response {
    let deliveries: Vec<_> = shared.read(|state| state.updates.deliveries.iter().cloned().collect());
    shown(&deliveries)
}

async fn faults(State(shared): Control) -> Response {
    shown(&shared.faults(|plan, _| plan.list()))
}

async fn add_fault(State(shared): Control, body: Bytes) -> Response {
    match read::<Fault>(&body) {
        Ok(fault) => shown(&shared.faults(|plan, _| plan.add(fault))),
        Err(response) => *response,
    }
}

async fn end_faults(State(shared): Control) -> Response {
    shared.faults(|plan, _| plan.clear());
    shown(&true)
}

/// The body is `"off"`, `"telegram"`, or the limits themselves.
async fn set_floods(State(shared): Control, body: Bytes) -> Response {
    let limits = match read::<Value>(&body) {
        Ok(Value::String(name)) if name == "off" => Ok(FloodLimits::off()),
        Ok(Value::String(name)) if name == "telegram" => Ok(FloodLimits::telegram()),
        Ok(_) => read(&body),
        Err(response) => Err(response),
    };
    match limits {
        Ok(limits) => {
            shared.floods(|floods| floods.set_limits(limits));
            shown(&true)
        }
        Err(response) => *response,
    }
}

async fn clock(State(shared): Control) -> Response {
    shown(&json!({ "now_ms": shared.clock.now_ms() }))
}

#[derive(Deserialize)]
struct Advance {
    advance_ms: u64,
}

async fn advance(State(shared): Control, body: Bytes) -> Response {
    match read::<Advance>(&body) {
        Ok(Advance { advance_ms }) => {
            shared.clock.advance(Duration::from_millis(advance_ms));
            shared.wake();
            clock(State(shared)).await
        }
        Err(response) => *response,
    }
}
