//! What is lost of the queue while we run is made again: the server may have lost its disk, or somebody may have deleted it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    select,
    sync::{Notify, watch},
    time::sleep,
};

use super::{Inner, JetStream, JetStreamConfig, Names, RETRY_EVERY, setup};
use crate::queue::Connection;

/// Whoever misses something says so with every message: looking more often than this would find out nothing more.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Looks after every reconnect, and whenever something seems not to be there. Ends with the connection.
#[expect(clippy::disallowed_methods, reason = "it ends with the connection, and nothing is lost with it")]
pub(super) fn whenever_lost(queue: &JetStream, config: &JetStreamConfig) {
    let inner = &queue.0;
    let (lost, connection) = (Arc::clone(&inner.lost), inner.connection.clone());
    tokio::spawn(keep(Arc::downgrade(inner), lost, connection, config.clone()));
}

async fn keep(
    queue: Weak<Inner>,
    lost: Arc<Notify>,
    mut connection: watch::Receiver<Connection>,
    config: JetStreamConfig,
) {
    // At the start it was made on the first connection.
    let mut looked_on = 1;
    loop {
        select! {
            back = is_back(&mut connection, looked_on) => if !back { return },
            () = lost.notified() => {}
        }
        let generation = connection.borrow().generation;
        let Some(queue) = queue.upgrade() else { return };
        let looked = look(&queue, &config).await;
        drop(queue);
        match looked {
            Ok(()) => {
                looked_on = generation;
                select! {
                    () = sleep(LOOK_AT_MOST_EVERY) => {}
                    _ = is_back(&mut connection, looked_on) => {}
                }
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "not known whether the queue is all there");
                lost.notify_one();
                sleep(RETRY_EVERY).await;
            }
        }
    }
}

/// Waits for a later connection; false: there will be none.
async fn is_back(connection: &mut watch::Receiver<Connection>, after: u64) -> bool {
    connection.wait_for(|now| now.connected && now.generation > after).await.is_ok()
}

async fn look(queue: &Inner, config: &JetStreamConfig) -> Result<(), setup::Error> {
    let missing = setup::missing(&queue.context, &queue.names).await?;
    if missing.is_empty() {
        return Ok(());
    }
    match setup::make(&queue.context, &queue.names, config, queue.lease_term).await {
        Ok(()) => {}
        // Made with other settings meanwhile: that is told where something is stored or taken.
        Err(setup::Error::Setting(_) | setup::Error::Resharding) => return Ok(()),
        Err(error) => return Err(error),
    }
    tracing::error!("{}", sentence(&missing, &queue.names));
    Ok(())
}

/// What was in it is gone for good, and an operator should know what that was.
fn sentence(missing: &[String], names: &Names) -> String {
    let held = |name: &String| match name {
        name if *name == names.stream => format!("{name} (updates and tasks that waited)"),
        name if *name == names.dead_letters => format!("{name} (the dead letters)"),
        name => format!("{name} (who works on what, which is found out anew)"),
    };
    let lost = missing.iter().map(held).collect::<Vec<_>>().join(", ");
    format!("NATS has lost {lost}: made anew, and empty. Has somebody deleted it, or does NATS not keep its folder?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_lost_is_what_was_missing() {
        let names = Names::new(None, "4".parse().expect("a number"));
        let said =
            |missing: &[&str]| sentence(&missing.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), &names);
        let end = ": made anew, and empty. Has somebody deleted it, or does NATS not keep its folder?";
        assert_eq!(said(&["DLQ"]), format!("NATS has lost DLQ (the dead letters){end}"));
        assert_eq!(
            said(&["UPD", "KV_leases"]),
            format!(
                "NATS has lost UPD (updates and tasks that waited), KV_leases (who works on what, which is found out anew){end}"
            )
        );
    }
}
