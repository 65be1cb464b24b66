//! Rule 4, webhooks: one update in flight per queue, queues in parallel, the load cap, the retry table, `Retry-After`,
//! 60 s, 410, the slow restart, the secret, kept connections.

#[path = "rule_04_webhooks/connections.rs"]
mod connections;
#[path = "rule_04_webhooks/in_reply.rs"]
mod in_reply;
#[path = "rule_04_webhooks/order.rs"]
mod order;
#[path = "rule_04_webhooks/requests.rs"]
mod requests;
#[path = "rule_04_webhooks/retrying.rs"]
mod retrying;
#[path = "rule_04_webhooks/setting.rs"]
mod setting;
