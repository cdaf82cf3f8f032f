//! Stand-ins of services that only exist elsewhere: the payment systems and the push service, spoken to over HTTP on the loopback
//! interface. They sign and verify by code of their own, so that a mistake of ours is not made twice.

mod captcha;
mod epay;
mod fcm;
mod fondy;
mod liqpay;
mod smtp;
mod stripe;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use axum::Router;
use tokio::{net::TcpListener, task::JoinSet};

pub use captcha::CaptchaService;
pub use epay::Epay;
pub use fcm::{Fcm, Pushed};
pub use fondy::{Fondy, FondyOrder};
pub use liqpay::{Liqpay, LiqpayOrder};
pub use smtp::{Mail, Smtp, SmtpRules};
pub use stripe::Stripe;

/// A web server until it is dropped.
#[derive(Debug)]
struct Served {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Served {
    async fn start(router: Router) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Ends with the task only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, _task: task })
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fields of a form.
fn form_fields(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let decode = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    let digits = String::from_utf8_lossy(&digits).into_owned();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
                }
                other => bytes.push(other),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// A form of these fields.
fn form_body(fields: &[(&str, &str)]) -> Vec<u8> {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect()
    };
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&").into_bytes()
}
