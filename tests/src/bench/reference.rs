//! The least that could do the work: a webhook that stores what comes and says yes when it is stored, and consumers that settle what is
//! stored. No secret, no reading, no order, no verdicts.

use anyhow::Context as _;
use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, pull},
};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use futures::StreamExt as _;
use tokio::{net::TcpListener, task::JoinSet};

use super::at_work::CHATS;
use crate::{services::nats, split::SHARDS};

/// Its stream, with the settings of gmbot's.
pub(super) const STREAM: &str = "BARE";

/// As much as gmbot's workers take in at a time.
const IN_HAND: i64 = 256;

/// Serves until it is ended.
///
/// # Errors
/// NATS is not there, or has no such stream.
pub async fn serve(nats_url: &str, port: u16, drain: bool) -> anyhow::Result<()> {
    let jetstream = jetstream::new(nats::connect(nats_url).await?);
    let mut tasks = JoinSet::new();
    if drain {
        let stream = jetstream.get_stream(STREAM).await.context("the bench makes it")?;
        for shard in 0..SHARDS {
            let consumer = stream
                .create_consumer(pull::Config {
                    durable_name: Some(format!("bare-{shard}")),
                    filter_subject: format!("bare.{shard}.*"),
                    ack_policy: AckPolicy::Explicit,
                    max_ack_pending: IN_HAND,
                    ..pull::Config::default()
                })
                .await?;
            tasks.spawn(async move {
                let mut messages = consumer.messages().await?;
                while let Some(message) = messages.next().await {
                    message?.ack_with(AckKind::Ack).await.map_err(anyhow::Error::from_boxed)?;
                }
                anyhow::Ok(())
            });
        }
    }
    let app = Router::new().route("/telegram/webhook", post(store)).with_state(jetstream);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await?;
    Ok(())
}

async fn store(State(jetstream): State<jetstream::Context>, body: Bytes) -> StatusCode {
    // Something that differs, in place of the chat.
    let text = body.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let (shard, chat) = (text % u64::from(SHARDS), text % CHATS as u64);
    let stored = async { anyhow::Ok(jetstream.publish(format!("bare.{shard}.{chat}"), body).await?.await?) };
    if stored.await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
