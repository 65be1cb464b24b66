//! Free ports on loopback.

use std::{
    net::{Ipv4Addr, TcpStream},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::Context as _;

/// Below the range from which the system picks the ports of outgoing connections (32768 to 60999 on Linux): nobody takes one of
/// these by chance while the server that it is for is down.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on and that this process has not given out lately.
///
/// # Errors
/// All of them are taken.
pub fn free() -> anyhow::Result<u16> {
    (0..COUNT).find_map(|_| Some(next()).filter(|port| is_free(*port))).context("no free port between 20000 and 32000")
}

/// Every process begins elsewhere, so that test runs side by side seldom meet.
fn next() -> u16 {
    let begin = std::process::id().wrapping_mul(61) % u32::from(COUNT);
    let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
    FIRST + u16::try_from((begin + step) % u32::from(COUNT)).expect("less than COUNT, which is a u16")
}

/// Asked by connecting: a port that is bound for a moment to see whether it can be is held longer by a child that is being forked meanwhile.
fn is_free(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_taken_port_is_not_given_out() -> anyhow::Result<()> {
        let mut held = Vec::new();
        for _ in 0..50 {
            held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, free()?))?);
        }
        let ports = held
            .iter()
            .map(|l| l.local_addr().map(|a| a.port()))
            .collect::<Result<std::collections::HashSet<_>, _>>()?;
        assert_eq!(ports.len(), 50);
        Ok(())
    }
}
