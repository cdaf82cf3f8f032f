//! What an Accept, a Reject and a CoA carry, by the profile of the NAS (specs/radius.md §6).

use std::{borrow::Cow, net::IpAddr, time::Duration};

use gatehouse_domain::radius::{
    grant::{Decision, Grant, Speed},
    nas::{AttributeSets, Nas, Profile},
};
use gatehouse_model::PassKind;
use gatehouse_radius_wire::{
    BadAttribute, Builder, Code, FreeAttribute, MAX_VALUE, Oversize, Packet, Placeholder, SharedSecret,
    attribute as number, dictionary, mppe, text,
};
use ipnet::IpNet;

/// Service-Type; ocserv refuses an Accept with any other value.
const FRAMED: u32 = 2;
/// Framed-Protocol.
const PPP: u32 = 1;
/// MS-MPPE-Encryption-Policy: encryption is allowed, the NAS may demand it.
const MPPE_ALLOWED: u32 = 1;
/// MS-MPPE-Encryption-Types: 128 bits, which our keys have.
const MPPE_128: u32 = 4;

/// The free attributes of a NAS, ready to be filled.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    pub(crate) allowed: Vec<FreeAttribute>,
    pub(crate) denied: Vec<FreeAttribute>,
    pub(crate) change: Vec<FreeAttribute>,
}

impl Sets {
    /// Reads them; what is no attribute is left out and named.
    pub(crate) fn parse(sets: &AttributeSets) -> (Self, Vec<BadAttribute>) {
        let mut problems = Vec::new();
        let mut read = |set: &[(String, String)]| {
            let parsed = set.iter().map(|(name, text)| FreeAttribute::parse(name, text));
            parsed.filter_map(|result| result.map_err(|problem| problems.push(problem)).ok()).collect()
        };
        let sets = Self { allowed: read(&sets.allowed), denied: read(&sets.denied), change: read(&sets.change) };
        (sets, problems)
    }
}

/// Access-Accept. `salt` encrypts the keys of MS-CHAPv2 and is another one each time.
pub(crate) fn accept<S: SharedSecret + ?Sized>(
    nas: &Nas,
    sets: &Sets,
    secret: &S,
    request: Packet<'_>,
    grant: &Grant,
    ms_chap_ident: u8,
    salt: u16,
) -> Result<Vec<u8>, Oversize> {
    let free = if grant.terms.is_denied { &sets.denied } else { &sets.allowed };
    let mut sheet = Sheet { builder: Builder::reply(Code::AccessAccept, request), free };
    sheet.integer(number::SERVICE_TYPE, FRAMED);
    if grant.terms.pass == PassKind::Subscriber {
        sheet.integer(number::FRAMED_PROTOCOL, PPP);
    }
    sheet.class(nas.settings.profile, grant);
    sheet.address(grant);
    sheet.times(grant);
    sheet.integer(number::ACCT_INTERIM_INTERVAL, seconds(nas.settings.interim.0));
    sheet.groups_and_speed(nas.settings.profile, grant);
    sheet.text(number::REPLY_MESSAGE, grant.terms.message.as_deref().unwrap_or_default());
    if let Some(success) = &grant.success {
        let value = [&[ms_chap_ident], success.response.as_bytes()].concat();
        sheet.builder.put_vendor(number::MICROSOFT, number::microsoft::CHAP2_SUCCESS, &value);
        if let Some((send, recv)) = &success.keys {
            let keys = [(number::microsoft::MPPE_SEND_KEY, send), (number::microsoft::MPPE_RECV_KEY, recv)];
            for ((kind, key), salt) in keys.into_iter().zip([salt & !1, salt | 1]) {
                let value = mppe::encrypt(secret.octets(), request.authenticator(), salt, &key.0.into());
                sheet.builder.put_vendor(number::MICROSOFT, kind, &value);
            }
            sheet.vendor_integer(number::MICROSOFT, number::microsoft::MPPE_POLICY, MPPE_ALLOWED);
            sheet.vendor_integer(number::MICROSOFT, number::microsoft::MPPE_TYPES, MPPE_128);
        }
    }
    sheet.fill(nas, grant, request.find(number::ACCT_SESSION_ID));
    sheet.builder.finish(secret)
}

/// Adds what a CoA-Request changes: times, groups, speed and a set of the entry: the denied one into the walled garden, the
/// allowed one out of it, else that of changes.
pub(crate) fn change<'a>(
    nas: &Nas,
    sets: &'a Sets,
    builder: Builder<'a>,
    grant: &Grant,
    (session, is_in_garden): (&[u8], bool),
) -> Builder<'a> {
    let free = match (grant.terms.is_denied, is_in_garden) {
        (true, _) => &sets.denied,
        (false, true) => &sets.allowed,
        (false, false) => &sets.change,
    };
    let mut sheet = Sheet { builder, free };
    sheet.times(grant);
    sheet.groups_and_speed(nas.settings.profile, grant);
    sheet.fill(nas, grant, Some(session));
    sheet.builder
}

/// Shows what a NAS would be sent, as names and values in the order of the packet; nothing is encrypted under a real request.
///
/// For `check-login` (specs/radius.md §5): the same code, the same attributes.
pub fn preview(nas: &Nas, decision: &Decision) -> Vec<(String, String)> {
    let asked = Builder::request(Code::AccessRequest, 0, [0; 16]).finish(&[]);
    let Some(request) = asked.as_deref().ok().and_then(|bytes| Packet::parse(bytes).ok()) else { return Vec::new() };
    let (sets, _) = Sets::parse(&nas.settings.attributes);
    let secret = nas.secret.expose().as_bytes();
    let reply = match decision {
        Decision::Accept(grant) => accept(nas, &sets, secret, request, grant, 0, 0),
        Decision::Reject(reject) => {
            let mut builder = Builder::reply(Code::AccessReject, request);
            builder.put_text(number::REPLY_MESSAGE, reject.message.as_deref().unwrap_or_default());
            builder.finish(secret)
        }
    };
    let Ok(reply) = reply else { return Vec::new() };
    let mut lines = Packet::parse(&reply).map(|packet| dictionary::describe(&packet)).unwrap_or_default();
    lines.retain(|(name, _)| name != "Message-Authenticator");
    lines
}

/// A reply being filled in. Where a free attribute has the same number, the profile's own is left out.
struct Sheet<'a> {
    builder: Builder<'a>,
    free: &'a [FreeAttribute],
}

impl Sheet<'_> {
    fn is_ours(&self, vendor: Option<u32>, kind: u8) -> bool {
        !self.free.iter().any(|free| free.number() == (vendor, kind))
    }

    fn octets(&mut self, kind: u8, value: &[u8]) {
        if self.is_ours(None, kind) {
            self.builder.put(kind, value);
        }
    }

    fn integer(&mut self, kind: u8, value: u32) {
        self.octets(kind, &value.to_be_bytes());
    }

    fn text(&mut self, kind: u8, value: &str) {
        self.octets(kind, text::cut(value, MAX_VALUE).as_bytes());
    }

    fn vendor_integer(&mut self, vendor: u32, kind: u8, value: u32) {
        if self.is_ours(Some(vendor), kind) {
            self.builder.put_vendor_integer(vendor, kind, value);
        }
    }

    fn vendor_text(&mut self, vendor: u32, kind: u8, value: &str) {
        if self.is_ours(Some(vendor), kind) {
            self.builder.put_vendor_text(vendor, kind, value);
        }
    }

    /// ocserv takes Class for groups, and older ones only the first; everybody else repeats it in accounting.
    fn class(&mut self, profile: Profile, grant: &Grant) {
        if profile != Profile::Ocserv {
            self.octets(number::CLASS, &grant.class);
            return;
        }
        let groups = text::join(grant.terms.groups.iter().map(String::as_str), ";", MAX_VALUE - "OU=".len());
        if !groups.is_empty() {
            self.octets(number::CLASS, format!("OU={groups}").as_bytes());
        }
    }

    fn address(&mut self, grant: &Grant) {
        if let Some(ip) = grant.terms.framed_ip {
            self.octets(number::FRAMED_IP_ADDRESS, &ip.octets());
            self.octets(number::FRAMED_IP_NETMASK, &[255; 4]);
        } else {
            self.text(number::FRAMED_POOL, grant.terms.pool.as_deref().unwrap_or_default());
        }
        for route in &grant.terms.routes {
            match route {
                IpNet::V4(route) => self.text(number::FRAMED_ROUTE, &format!("{route} 0.0.0.0 1")),
                IpNet::V6(route) => self.text(number::FRAMED_IPV6_ROUTE, &format!("{route} :: 1")),
            }
        }
        let mut slots = [number::microsoft::PRIMARY_DNS, number::microsoft::SECONDARY_DNS].into_iter();
        for server in &grant.terms.dns {
            match server {
                // Microsoft's attributes have room for two.
                IpAddr::V4(server) => {
                    if let Some(kind) = slots.next() {
                        self.vendor_integer(number::MICROSOFT, kind, server.to_bits());
                    }
                }
                IpAddr::V6(server) => self.octets(number::DNS_SERVER_IPV6_ADDRESS, &server.octets()),
            }
        }
    }

    /// The decision has bounded both by what the entry allows.
    fn times(&mut self, grant: &Grant) {
        let times =
            [(number::SESSION_TIMEOUT, grant.session_timeout), (number::IDLE_TIMEOUT, grant.terms.idle_timeout)];
        for (kind, time) in times {
            if let Some(time) = time {
                // Zero would mean no limit to some.
                self.integer(kind, seconds(time).max(1));
            }
        }
    }

    fn groups_and_speed(&mut self, profile: Profile, grant: &Grant) {
        let clamp = |bits: u64| u32::try_from(bits).unwrap_or(u32::MAX);
        match profile {
            Profile::Generic => {
                self.text(number::FILTER_ID, grant.terms.groups.first().map_or("", String::as_str));
                if let Some(Speed { up, down }) = grant.terms.speed {
                    self.vendor_integer(number::WISPR, number::wispr::MAX_UP, clamp(up));
                    self.vendor_integer(number::WISPR, number::wispr::MAX_DOWN, clamp(down));
                }
            }
            Profile::Ocserv => {
                if let Some(Speed { up, down }) = grant.terms.speed {
                    let vendor = number::ROARING_PENGUIN;
                    self.vendor_integer(vendor, number::roaring_penguin::UPSTREAM, clamp(up / 1_000));
                    self.vendor_integer(vendor, number::roaring_penguin::DOWNSTREAM, clamp(down / 1_000));
                }
            }
            Profile::Mikrotik => {
                for group in &grant.terms.groups {
                    self.vendor_text(number::MIKROTIK, number::mikrotik::ADDRESS_LIST, group);
                }
                if let Some(Speed { up, down }) = grant.terms.speed {
                    // What the router receives is what the user sends.
                    let rate = format!("{}/{}", short(up), short(down));
                    self.vendor_text(number::MIKROTIK, number::mikrotik::RATE_LIMIT, &rate);
                }
            }
            Profile::AccelPpp => {
                if let Some(Speed { up, down }) = grant.terms.speed {
                    self.text(number::FILTER_ID, &format!("{}/{}", down / 1_000, up / 1_000));
                }
            }
        }
    }

    /// Appends the free attributes.
    fn fill(&mut self, nas: &Nas, grant: &Grant, session: Option<&[u8]>) {
        for free in self.free {
            match free.fill(|placeholder| value(grant, session, placeholder)) {
                Ok(Some(filled)) => self.builder.put_filled(&filled),
                Ok(None) => {}
                Err(problem) => {
                    tracing::warn!(nas = nas.name, number = ?free.number(), "an attribute is left out: {problem}");
                }
            }
        }
    }
}

/// What a placeholder stands for; speeds in bits a second.
fn value<'a>(grant: &'a Grant, session: Option<&'a [u8]>, placeholder: &Placeholder) -> Option<Cow<'a, str>> {
    let rate = |pick: fn(&Speed) -> u64| grant.terms.speed.as_ref().map(|speed| pick(speed).to_string().into());
    match placeholder {
        Placeholder::Login => Some(grant.terms.login.as_str().into()),
        Placeholder::Ip => grant.terms.framed_ip.map(|ip| ip.to_string().into()),
        Placeholder::Session => session.map(String::from_utf8_lossy),
        Placeholder::Groups => (!grant.terms.groups.is_empty()).then(|| grant.terms.groups.join(",").into()),
        Placeholder::RateUp => rate(|speed| speed.up),
        Placeholder::RateDown => rate(|speed| speed.down),
        Placeholder::Pool => grant.terms.pool.as_deref().map(Into::into),
        Placeholder::Service(key) => {
            grant.terms.values.get(&format!("service.{key}")).map(|value| value.as_str().into())
        }
    }
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// Bits a second as routers write them: `5M`, `512k`.
fn short(bits: u64) -> String {
    match bits {
        0 => "0".to_owned(),
        _ if bits.is_multiple_of(1_000_000) => format!("{}M", bits / 1_000_000),
        _ if bits.is_multiple_of(1_000) => format!("{}k", bits / 1_000),
        _ => bits.to_string(),
    }
}
