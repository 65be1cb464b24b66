//! setWebhook, deleteWebhook, getWebhookInfo, and logOut.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use url::{Host, Url};

use crate::args::Args;
use crate::hub::{Hub, lock};
use crate::reply::{Answer, ApiError, MethodResult};
use crate::state::State;
use crate::state::webhook::Target;

const LONGEST_SECRET: usize = 256;
const LARGEST_CERTIFICATE: usize = 3 << 20;
const DEFAULT_CONNECTIONS: i64 = 40;
const MOST_CONNECTIONS_STRICT: i64 = 100;
const MOST_CONNECTIONS_LOCAL: i64 = 100_000;

/// Ends the setWebhook that is looking at its URL, when another comes.
#[derive(Debug, Default)]
pub(crate) struct Setting(Option<oneshot::Sender<()>>);

fn bad_webhook(text: impl std::fmt::Display) -> ApiError {
    ApiError::bad_request(format!("bad webhook: {text}"))
}

pub(super) async fn set(hub: &Hub, args: &Args) -> MethodResult {
    if args.text("url").trim().is_empty() {
        return delete(hub, args);
    }
    let strict = hub.config.strict_webhooks;
    let url = checked_url(args.text("url").trim(), strict)?;
    let secret = checked_secret(args.text("secret_token"))?;
    let certificate = checked_certificate(args)?;
    let (displace, displaced) = oneshot::channel();
    // Nothing is ever sent: an earlier call is told by its sender being dropped.
    lock(&hub.setting).0 = Some(displace);
    lock(&hub.poll).terminate("terminated by setWebhook request");
    let ip = tokio::select! {
        ip = resolve(&url, args.text("ip_address"), strict) => ip?,
        _ = displaced => return Err(ApiError::conflict("terminated by other setWebhook")),
    };
    let target = Target {
        url: url.to_string(),
        secret,
        max_connections: max_connections(args, strict),
        ip_address: ip.to_string(),
        certificate,
    };
    Ok(hub.change(|state| {
        state.updates.set_allowed(args.json("allowed_updates").as_ref());
        if args.flag("drop_pending_updates") {
            state.updates.clear();
        }
        if state.webhook.target == target {
            return Answer::described("Webhook is already set");
        }
        state.webhook.replace(target);
        Answer::described("Webhook was set")
    }))
}

fn max_connections(args: &Args, strict: bool) -> usize {
    let most = if strict { MOST_CONNECTIONS_STRICT } else { MOST_CONNECTIONS_LOCAL };
    usize::try_from(args.number_within("max_connections", DEFAULT_CONNECTIONS, 1, most)).unwrap_or(1)
}

fn checked_certificate(args: &Args) -> Result<Option<Vec<u8>>, ApiError> {
    match args.file("certificate") {
        Some(file) if file.size > LARGEST_CERTIFICATE => {
            Err(ApiError::bad_request(format!("certificate size is too big ({} bytes)", file.size)))
        }
        file => Ok(file.map(|file| file.start.clone())),
    }
}

fn checked_url(given: &str, strict: bool) -> Result<Url, ApiError> {
    let with_scheme = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
    let invalid = || ApiError::bad_request("invalid webhook URL specified");
    let url = Url::parse(&with_scheme).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid());
    }
    if strict {
        if url.scheme() != "https" {
            return Err(bad_webhook("An HTTPS URL must be provided for webhook"));
        }
        if !matches!(url.port_or_known_default(), Some(80 | 88 | 443 | 8443)) {
            return Err(bad_webhook("Webhook can be set up only on ports 80, 88, 443 or 8443"));
        }
    }
    Ok(url)
}

fn checked_secret(secret: &str) -> Result<String, ApiError> {
    if secret.len() > LONGEST_SECRET {
        return Err(ApiError::bad_request("secret token is too long"));
    }
    if !secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(ApiError::bad_request("secret token contains unallowed characters"));
    }
    Ok(secret.to_owned())
}

/// Finds the address and opens one TCP connection, which is all that is tried when a webhook is set.
async fn resolve(url: &Url, pinned: &str, strict: bool) -> Result<IpAddr, ApiError> {
    let port = url.port_or_known_default().unwrap_or(443);
    let unresolved = || bad_webhook("Failed to resolve host: Name or service not known");
    let ip = match url.host() {
        _ if !pinned.is_empty() => pinned.parse().map_err(|_| bad_webhook("Invalid IP address specified"))?,
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(name)) => {
            let found: Vec<_> = tokio::net::lookup_host((name, port)).await.map_err(|_| unresolved())?.collect();
            let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
            best.ok_or_else(unresolved)?.ip()
        }
        None => return Err(unresolved()),
    };
    match ip {
        IpAddr::V6(_) if strict => return Err(bad_webhook("IPv6-only addresses are not allowed")),
        IpAddr::V4(ip) if strict && is_reserved(ip) => {
            return Err(bad_webhook(format!("IP address {ip} is reserved")));
        }
        _ => {}
    }
    TcpStream::connect((ip, port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => bad_webhook("Connection refused"),
        _ => bad_webhook("Can't connect to the server"),
    })?;
    Ok(ip)
}

fn is_reserved(ip: Ipv4Addr) -> bool {
    let shared_space = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation()
        || shared_space
        || ip.octets()[0] == 0
        || ip.octets()[0] >= 240
}

pub(super) fn delete(hub: &Hub, args: &Args) -> MethodResult {
    lock(&hub.setting).0 = None;
    Ok(hub.change(|state| {
        state.updates.set_allowed(args.json("allowed_updates").as_ref());
        if args.flag("drop_pending_updates") {
            state.updates.clear();
        }
        if !state.webhook.is_set() {
            return Answer::described("Webhook is already deleted");
        }
        state.webhook.replace(Target::default());
        Answer::described("Webhook was deleted")
    }))
}

/// The bot may go to another server; this one answers it no more.
pub(super) fn log_out(state: &mut State) -> MethodResult {
    state.logged_out = true;
    state.webhook.replace(Target::default());
    Ok(Answer::yes())
}

pub(super) fn info(state: &mut State) -> MethodResult {
    let now_ms = state.clock.now_ms();
    state.updates.drop_expired(now_ms);
    let webhook = &state.webhook;
    let mut info = json!({
        "url": webhook.target.url,
        "has_custom_certificate": webhook.target.certificate.is_some(),
        "pending_update_count": state.updates.len(),
    });
    if webhook.is_set() {
        info["max_connections"] = webhook.target.max_connections.into();
        info["ip_address"] = webhook.target.ip_address.as_str().into();
        if let Some((date, message)) = &webhook.last_error {
            info["last_error_date"] = (*date).into();
            info["last_error_message"] = message.as_str().into();
        }
    }
    if let Some(names) = state.updates.allowed_names() {
        info["allowed_updates"] = names.into();
    }
    Ok(Answer::value(&info))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_100_connections_at_most_and_100_000_for_a_local_server() {
        for (given, strict, local) in
            [("{}", 40, 40), (r#"{"max_connections":0}"#, 1, 1), (r#"{"max_connections":5000000}"#, 100, 100_000)]
        {
            let args = Args::from_json(given.as_bytes());
            assert_eq!((max_connections(&args, true), max_connections(&args, false)), (strict, local), "{given}");
        }
    }
}
