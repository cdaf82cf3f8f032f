//! An Accounting-Request from its attributes to its response (specs/radius.md §7).

use std::net::IpAddr;

use gatehouse_domain::radius::report::{Counter, Reply, Report, Status};
use gatehouse_radius_wire::{Builder, Code, Packet, attribute as number};

use crate::{authority::Authority, peer::Peer};

/// Keeps a report and answers it; the reason where there is no answer.
pub(crate) async fn answer(
    authority: &impl Authority,
    peer: &Peer,
    source: IpAddr,
    packet: Packet<'_>,
) -> Result<Vec<u8>, &'static str> {
    let kind = packet.integer(number::ACCT_STATUS_TYPE).ok_or("no_status_type")?;
    // Tunnel reports and those of vendors are not kept.
    if let Some(status) = status(kind) {
        let report = read(status, source, &packet);
        peer.meter.reported(status);
        tracing::debug!(
            nas = peer.nas.name,
            status = status.as_str(),
            session = ?String::from_utf8_lossy(&report.session_id),
            user = ?String::from_utf8_lossy(&report.user_name),
            "accounting"
        );
        match authority.record(peer.nas.clone(), report).await {
            Ok(Reply::Acknowledge) => {}
            Ok(Reply::Silent) => return Err("denied_start"),
            Err(error) => {
                peer.failed("a report could not be kept", &error);
                return Err("not_kept");
            }
        }
    }
    Builder::reply(Code::AccountingResponse, packet).finish(&peer.key).map_err(|_| "reply_too_long")
}

fn status(kind: u32) -> Option<Status> {
    Some(match kind {
        1 => Status::Start,
        2 => Status::Stop,
        3 => Status::Interim,
        7 => Status::On,
        8 => Status::Off,
        _ => return None,
    })
}

fn read(status: Status, source: IpAddr, packet: &Packet<'_>) -> Report {
    let octets = |kind| packet.find(kind).unwrap_or_default().to_vec();
    let text = |kind| packet.find(kind).map(|value| String::from_utf8_lossy(value).into_owned());
    let counter = |octets, gigawords, packets| Counter {
        octets: packet.integer(octets),
        gigawords: packet.integer(gigawords),
        packets: packet.integer(packets),
    };
    Report {
        status,
        source,
        session_id: octets(number::ACCT_SESSION_ID),
        user_name: octets(number::USER_NAME),
        classes: packet.all(number::CLASS).map(<[u8]>::to_vec).collect(),
        event_timestamp: packet.integer(number::EVENT_TIMESTAMP),
        delay: packet.integer(number::ACCT_DELAY_TIME),
        session_time: packet.integer(number::ACCT_SESSION_TIME),
        input: counter(number::ACCT_INPUT_OCTETS, number::ACCT_INPUT_GIGAWORDS, number::ACCT_INPUT_PACKETS),
        output: counter(number::ACCT_OUTPUT_OCTETS, number::ACCT_OUTPUT_GIGAWORDS, number::ACCT_OUTPUT_PACKETS),
        terminate_cause: packet.integer(number::ACCT_TERMINATE_CAUSE),
        framed_ip: packet.ipv4(number::FRAMED_IP_ADDRESS),
        calling_station: text(number::CALLING_STATION_ID),
        called_station: text(number::CALLED_STATION_ID),
        nas_identifier: text(number::NAS_IDENTIFIER),
        nas_port: packet.integer(number::NAS_PORT),
        connect_info: text(number::CONNECT_INFO),
        multi_session_id: text(number::ACCT_MULTI_SESSION_ID),
    }
}
