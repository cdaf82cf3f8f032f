use gatehouse_domain::radius::report::{Counter, Status};

use super::*;

fn report(id: u8, status: u32, user: &str) -> Builder<'static> {
    let mut builder = Builder::request(Code::AccountingRequest, id, [0; 16]);
    builder.put_integer(number::ACCT_STATUS_TYPE, status);
    builder.put_text(number::USER_NAME, user);
    builder
}

#[tokio::test]
async fn a_report_is_read_whole() {
    let running = Running::local(NasSettings::default());
    let client = running.accounting_client().await;
    let mut request = report(7, 2, "nemo");
    request.put(number::ACCT_SESSION_ID, &[0xff, 0xfe]);
    request.put(number::CLASS, b"one");
    request.put(number::CLASS, b"two");
    for (kind, value) in [
        (number::EVENT_TIMESTAMP, 1_700_000_000),
        (number::ACCT_DELAY_TIME, 3),
        (number::ACCT_SESSION_TIME, 60),
        (number::ACCT_INPUT_OCTETS, u32::MAX),
        (number::ACCT_INPUT_GIGAWORDS, 1),
        (number::ACCT_OUTPUT_OCTETS, 5),
        (number::ACCT_OUTPUT_PACKETS, 6),
        (number::ACCT_TERMINATE_CAUSE, 1),
        (number::NAS_PORT, 9),
    ] {
        request.put_integer(kind, value);
    }
    request.put(number::FRAMED_IP_ADDRESS, &[10, 0, 0, 7]);
    request.put_text(number::CALLING_STATION_ID, "192.0.2.9");
    request.put(number::CONNECT_INFO, &[b'x', 0xff]);
    let reply = client.ask(&sealed(request)).await;
    assert_eq!((code(&reply), reply.len()), (Code::AccountingResponse, 20));
    let kept = running.double.reports.lock().unwrap()[0].clone();
    assert_eq!((kept.status, kept.source), (Status::Stop, "127.0.0.1".parse::<IpAddr>().unwrap()));
    assert_eq!((kept.session_id, kept.user_name), (vec![0xff, 0xfe], b"nemo".to_vec()));
    assert_eq!(kept.classes, [b"one", b"two"]);
    assert_eq!((kept.event_timestamp, kept.delay, kept.session_time), (Some(1_700_000_000), Some(3), Some(60)));
    assert_eq!(kept.input, Counter { octets: Some(u32::MAX), gigawords: Some(1), packets: None });
    assert_eq!(kept.output, Counter { octets: Some(5), gigawords: None, packets: Some(6) });
    assert_eq!((kept.terminate_cause, kept.nas_port), (Some(1), Some(9)));
    assert_eq!(kept.framed_ip, Some([10, 0, 0, 7].into()));
    assert_eq!(kept.calling_station.as_deref(), Some("192.0.2.9"));
    assert_eq!(kept.connect_info.as_deref(), Some("x\u{fffd}"));
    running.stop().await;
}

#[tokio::test]
async fn the_answer_waits_for_the_commit() {
    let running = Running::local(NasSettings::default());
    let client = running.accounting_client().await;
    let with_session = |id, user: &str| {
        let mut request = report(id, 1, user);
        request.put_text(number::ACCT_SESSION_ID, "0000ABCD");
        sealed(request)
    };
    let kept = || running.double.reports.lock().unwrap().len();
    let request = with_session(1, "slow");
    client.send(&request).await;
    eventually("it is in work", || kept() == 1).await;
    client.send(&request).await;
    client.hears_nothing().await;
    running.double.gate.add_permits(1);
    let reply = client.receive().await;
    assert_eq!(client.ask(&request).await, reply);
    assert_eq!(kept(), 1, "a repeat is answered and not kept again");

    running.double.is_reachable.store(false, Ordering::Relaxed);
    let request = with_session(2, "nemo");
    client.send(&request).await;
    eventually("it was tried", || kept() == 2).await;
    client.hears_nothing().await;
    running.double.is_reachable.store(true, Ordering::Relaxed);
    assert_eq!(code(&client.ask(&request).await), Code::AccountingResponse);
    assert_eq!(kept(), 3);

    client.send(&with_session(3, "denied")).await;
    client.hears_nothing().await;
    running.stop().await;
}

#[tokio::test]
async fn other_kinds_are_acknowledged_and_forged_ones_have_no_effect() {
    let running = Running::local(NasSettings::default());
    let client = running.accounting_client().await;
    assert_eq!(code(&client.ask(&sealed(report(1, 9, "nemo"))).await), Code::AccountingResponse);
    client.send(&report(2, 7, "nemo").finish(b"another secret").unwrap()).await;
    client.send(&sealed(Builder::request(Code::AccountingRequest, 4, [0; 16]))).await;
    client.send(&sealed(pap(5, "nemo", PASSWORD))).await;
    client.hears_nothing().await;
    assert!(running.double.reports.lock().unwrap().is_empty());
    // The whole NAS started: there is no session in it.
    assert_eq!(code(&client.ask(&sealed(report(6, 7, ""))).await), Code::AccountingResponse);
    assert_eq!(running.double.reports.lock().unwrap()[0].status, Status::On);
    running.stop().await;
}
