//! One call on its way: through the faults and the floods to a reply, and into the ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::connection::Scissors;
use crate::faults::plan::Called;
use crate::faults::{Fault, Harm};
use crate::floods::waiting::Core;
use crate::hub::Hub;
use crate::ids::ChatId;
use crate::ledger::Call;
use crate::methods::{self, Name};
use crate::reply::{ApiError, MethodResult, raw_response, response};
use crate::simulator::LAST_REPLIES;
use crate::world::World;

/// Answers a call of the bot's.
pub(crate) async fn handle(hub: Arc<Hub>, scissors: Scissors, name: String, args: Args) -> Response {
    let is_poll = name.eq_ignore_ascii_case(Name::GetUpdates.as_str());
    let in_hand = (!is_poll).then(|| InHand::new(&hub));
    let handling = Handling { hub: hub.clone(), _in_hand: in_hand, scissors, name, args, at_ms: 0 };
    if is_poll {
        // A poll ends with its connection.
        return handling.run().await;
    }
    // Any other call goes on when its client has given up, as a request that has reached Telegram does.
    match hub.tasks.spawn(until_stopped(hub.stop.clone(), handling.run())).await {
        Ok(Some(response)) => response,
        Ok(None) | Err(_) => raw_response(500, "", Body::empty()),
    }
}

/// Nothing if the simulator stops first, and then not at once.
pub(crate) async fn until_stopped<T>(stop: CancellationToken, running: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_REPLIES).await;
    };
    tokio::select! {
        done = running => Some(done),
        () = stopped => None,
    }
}

/// Counts a call for as long as it has no reply. A poll waits without anything being done.
struct InHand(Arc<Hub>);

impl InHand {
    fn new(hub: &Arc<Hub>) -> Self {
        hub.in_hand.fetch_add(1, Ordering::SeqCst);
        Self(hub.clone())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One call on its way.
struct Handling {
    hub: Arc<Hub>,
    _in_hand: Option<InHand>,
    scissors: Scissors,
    name: String,
    args: Args,
    at_ms: i64,
}

impl Handling {
    async fn run(mut self) -> Response {
        self.at_ms = self.hub.clock.now_ms();
        let (chat, user) = self.hub.read(|state| methods::subject(state, &self.args));
        let called = Called { method: &self.name, chat, user };
        let fault = self.hub.faults(|plan, chance| plan.strike(self.at_ms, &called, chance));
        match fault {
            None => {
                let outcome = self.call(&Core::of(&self.hub)).await;
                self.record(&outcome, None);
                response(&outcome)
            }
            Some(fault) => self.harmed(fault, chat).await,
        }
    }

    async fn call(&self, core: &Core<'_>) -> MethodResult {
        let Some(name) = Name::called(&self.name) else {
            return Err(methods::unknown(&self.name));
        };
        self.hub.schema.checked(name, methods::call(core, name, &self.args).await)
    }

    /// What happens in the world at the same time as the call.
    fn meanwhile(&self, harm: &Harm, chat: Option<ChatId>) {
        let Some(chat) = chat else {
            return;
        };
        let world = World::new(self.hub.clone());
        match harm {
            Harm::Kick => world.remove_bot(chat),
            Harm::LoseAdmin => world.take_bot_rights(chat),
            Harm::Upgrade => {
                if let Err(refused) = world.upgrade(chat) {
                    tracing::debug!(%chat, %refused, "a fault cannot upgrade the chat");
                }
            }
            _ => {}
        }
    }

    async fn harmed(self, fault: Fault, chat: Option<ChatId>) -> Response {
        let label = format!("fault: {:?}{}", fault.harm, if fault.after_effect { ", after the effect" } else { "" });
        match &fault.harm {
            _ if fault.after_effect => {}
            Harm::LatencyMs(wait) => self.hub.clock.sleep(Duration::from_millis(*wait)).await,
            harm => self.meanwhile(harm, chat),
        }
        let core = match fault.harm {
            Harm::CoreOutageMs(lasts) => Core::away(&self.hub, i64::try_from(lasts).unwrap_or(i64::MAX)),
            _ => Core::of(&self.hub),
        };
        let outcome = if fault.after_effect || fault.harm.lets_through() { Some(self.call(&core).await) } else { None };
        if fault.after_effect {
            self.meanwhile(&fault.harm, chat);
        }
        match (fault.harm, outcome) {
            (Harm::CoreOutageMs(_) | Harm::Kick | Harm::LoseAdmin | Harm::Upgrade, Some(outcome)) => {
                self.record(&outcome, Some(label));
                response(&outcome)
            }
            (Harm::LatencyMs(wait), Some(outcome)) => {
                self.record(&outcome, Some(label));
                if fault.after_effect {
                    self.hub.clock.sleep(Duration::from_millis(wait)).await;
                }
                response(&outcome)
            }
            (Harm::Patch { remove, set }, Some(outcome)) => {
                let outcome = patched(outcome, &remove, set);
                self.record(&outcome, Some(label));
                response(&outcome)
            }
            (Harm::Error { status, error_code, description, parameters }, _) => {
                let error = ApiError { code: error_code, description, parameters };
                self.record_status(status, Some(error.description.clone()), label);
                let mut response = response(&Err(error));
                *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response
            }
            (Harm::Raw { status, content_type, body }, _) => {
                self.record_status(status, None, label);
                raw_response(status, &content_type, body)
            }
            (Harm::Html502, _) => self.proxy_page(502, "Bad Gateway", label),
            (Harm::Html504, _) => self.proxy_page(504, "Gateway Time-out", label),
            (Harm::Empty500, _) => {
                self.record_status(500, None, label);
                raw_response(500, "", Body::empty())
            }
            (Harm::HangMs(wait), _) => {
                self.record_status(0, None, label);
                self.hub.clock.sleep(Duration::from_millis(wait)).await;
                self.cut()
            }
            // All but the first are answered above: they let the call through.
            (
                Harm::Cut
                | Harm::LatencyMs(_)
                | Harm::SlowConnectMs(_)
                | Harm::CoreOutageMs(_)
                | Harm::Kick
                | Harm::LoseAdmin
                | Harm::Upgrade
                | Harm::Patch { .. },
                _,
            ) => {
                self.record_status(0, None, label);
                self.cut()
            }
        }
    }

    /// What the reverse proxy in front of the server says when that is away.
    fn proxy_page(&self, status: u16, reason: &str, fault: String) -> Response {
        self.record_status(status, None, fault);
        let page = format!(
            "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n\
             <hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
        );
        raw_response(status, "text/html", page)
    }

    /// The response never arrives: its connection fails at the first byte.
    fn cut(&self) -> Response {
        self.scissors.cut();
        raw_response(500, "", Body::empty())
    }

    fn record(&self, outcome: &MethodResult, fault: Option<String>) {
        let mut call = self.entry(fault);
        match outcome {
            Ok(answer) => {
                call.status = 200;
                call.result = Some(answer.result.clone());
                call.taken_ms = answer.taken_ms;
            }
            Err(error) => {
                call.status = error.code;
                call.error = Some(error.description.clone());
            }
        }
        self.keep(call);
    }

    fn record_status(&self, status: u16, error: Option<String>, fault: String) {
        let call = Call { status, error, ..self.entry(Some(fault)) };
        self.keep(call);
    }

    fn entry(&self, fault: Option<String>) -> Call {
        Call {
            number: 0,
            at_ms: self.at_ms,
            took_ms: self.hub.clock.now_ms() - self.at_ms,
            peer: self.scissors.peer(),
            taken_ms: None,
            method: Name::called(&self.name).map_or(self.name.clone(), |name| name.as_str().to_owned()),
            args: self.args.to_map(),
            status: 0,
            result: None,
            error: None,
            fault,
            in_webhook_reply: false,
        }
    }

    fn keep(&self, call: Call) {
        tracing::debug!(%call, "answered");
        self.hub.log(|log| log.record(call));
        self.hub.wake();
    }
}

fn patched(outcome: MethodResult, remove: &[String], set: Map<String, Value>) -> MethodResult {
    let mut answer = outcome?;
    if let Ok(Value::Object(mut object)) = serde_json::from_str(answer.result.get()) {
        object.retain(|name, _| !remove.contains(name));
        object.extend(set);
        if let Ok(raw) = to_raw_value(&object) {
            answer.result = raw;
        }
    }
    Ok(answer)
}
