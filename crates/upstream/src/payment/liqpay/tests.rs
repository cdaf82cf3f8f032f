//! The vectors of specs/billing.md §11.3; L0 is the provider's own.

use super::*;

const L3: &str = r#"{"action":"pay","payment_id":165629,"status":"success","version":3,"type":"buy","paytype":"card","public_key":"i00000000","acq_id":414963,"order_id":"4544","liqpay_order_id":"NYMK3AE61501685438251925","description":"test","amount":103.0,"currency":"UAH","sender_commission":0.0,"receiver_commission":1.55,"agent_commission":0.0,"amount_debit":103.0,"amount_credit":103.0,"commission_debit":0.0,"commission_credit":1.55,"currency_debit":"UAH","currency_credit":"UAH","mpi_eci":"7","is_3ds":false,"create_date":1501757716373,"end_date":1501757719366,"transaction_id":165629}"#;
const L4: &str = r#"{"action":"pay","status":"failure","err_code":"limit","err_description":"limit","version":3,"public_key":"i00000000","order_id":"4544","amount":103.0,"currency":"UAH","payment_id":165630,"transaction_id":165630}"#;
const L5: &str = r#"{"action":"pay","status":"sandbox","version":3,"public_key":"i00000000","order_id":"4544","amount":103.0,"currency":"UAH","payment_id":165631,"transaction_id":165631}"#;
const L6: &str = r#"{"action":"pay","status":"reversed","version":3,"public_key":"i00000000","order_id":"4544","amount":103.0,"currency":"UAH","payment_id":165629,"transaction_id":165629,"refund_amount":103.0}"#;

fn liqpay(test: bool) -> Liqpay {
    let settings = LiqpaySettings {
        public_key: Some("i00000000".to_owned()),
        private_key: Some(Secret::new("test_private_key")),
        callback_url: Some("https://bill.example/cgi-bin/liqpay.pl".to_owned()),
        test,
        ..LiqpaySettings::default()
    };
    Liqpay::new(&settings, Http::default()).unwrap()
}

fn sign(data: &str) -> String {
    signature(&Secret::new("test_private_key"), data)
}

fn notice(data: &str, signature: &str) -> Notice {
    Notice { body: form(&[("data", data), ("signature", signature)]), ..Notice::default() }
}

#[test]
fn data_are_signed_as_they_are_sent() {
    let json = r#"{ "version" : 3, "public_key" : "your_public_key", "action" : "pay", "amount" : 1, "currency" : "USD", "description" : "description text", "order_id" : "order_id_1" }"#;
    let key = Secret::new("your_private_key");
    let plain = STANDARD.encode(json);
    assert_eq!(signature(&key, &plain), "MPgGw632itnbRVDSd/KyNEGrAsQ=");
    let lines: Vec<&str> = plain.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let broken = lines.join("\n");
    assert_eq!(signature(&key, &broken), "QvJD5u9Fg55PCx/Hdz6lzWtYwcI=");
}

#[test]
fn forms_to_pay_with_are_as_published() {
    let l1 = r#"{"public_key":"i00000000","version":"3","action":"pay","amount":"3","currency":"UAH","description":"test","order_id":"000001"}"#;
    assert_eq!(sign(&STANDARD.encode(l1)), "vAzMO6hFQILcnkz1G8Gd+GBybwQ=");
    let order = Order {
        notify_url: None,
        return_url: None,
        key: String::new(),
        reference: "4544".to_owned(),
        payable: Money(10_300),
        currency: "UAH".to_owned(),
        description: "Поповнення рахунку 3575".to_owned(),
        expires_at: Millis(1_795_400_400_000),
        lifetime: std::time::Duration::from_hours(48),
    };
    let Checkout::Form { url, data, signature } = liqpay(false).0.pay(&order).unwrap() else { panic!("no form") };
    assert_eq!(url, "https://www.liqpay.ua/api/3/checkout");
    let l2 = r#"{"version":3,"public_key":"i00000000","action":"pay","amount":"103.00","currency":"UAH","description":"Поповнення рахунку 3575","order_id":"4544","server_url":"https://bill.example/cgi-bin/liqpay.pl","expired_date":"2026-11-23 02:20:00"}"#;
    assert_eq!(String::from_utf8(STANDARD.decode(&data).unwrap()).unwrap(), l2);
    assert_eq!(signature, "n5JiJzQSG/5u956wDXwek64hsMU=");
}

#[test]
fn notices_of_the_published_vectors_are_read() {
    let vectors = [
        ("L3", L3, "nPRWqLC5lrvGfNacXEBxxXVDCUI=", Status::Paid, 0),
        ("L4", L4, "8k1BWKPvlr5Iay4XfBZFYVZwWFo=", Status::Failed, 0),
        ("L5", L5, "NCTUqbHmoGyCCmYfPH/QBwmnjCA=", Status::Failed, 0),
        ("L6", L6, "bsipxyMxugwaGxQOyF2gW0nlZAE=", Status::Reversed, 10_300),
    ];
    for (name, json, signature, status, taken_back) in vectors {
        let data = STANDARD.encode(json);
        let report = liqpay(false).verify(&notice(&data, signature)).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        assert_eq!((report.status, report.reversed), (status, Money(taken_back)), "{name}");
        assert_eq!((report.merchant.as_str(), report.order.as_str()), ("i00000000", "4544"), "{name}");
        assert_eq!((report.amount, report.currency.as_deref()), (Some(Money(10_300)), Some("UAH")), "{name}");
        let tampered = STANDARD.encode(json.replace("103.0", "203.0"));
        assert_eq!(liqpay(false).verify(&notice(&tampered, signature)), Err(Unverified::Signature), "{name}");
    }
    let l5 = notice(&STANDARD.encode(L5), "NCTUqbHmoGyCCmYfPH/QBwmnjCA=");
    assert_eq!(liqpay(true).verify(&l5).unwrap().status, Status::Paid);
}

#[test]
fn plus_signs_that_arrive_as_blanks_are_restored() {
    // Of the texts whose base64 has a plus sign, sent by somebody who does not encode it.
    let json = L3.replace("\"test\"", "\"\u{fb}\u{ff}\u{fe}>>>???\"");
    let data = STANDARD.encode(json);
    let signature = sign(&data);
    assert!(data.contains('+') || signature.contains('+'), "the text shows nothing");
    let body = format!("data={data}&signature={signature}").into_bytes();
    assert_eq!(liqpay(false).verify(&Notice { body, ..Notice::default() }).unwrap().status, Status::Paid);
}

#[test]
fn line_breaks_are_signed_and_then_nothing() {
    let data: String =
        STANDARD.encode(L3).as_bytes().chunks(76).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    assert_eq!(liqpay(false).verify(&notice(&data, &sign(&data))).unwrap().status, Status::Paid);
}

#[test]
fn words_that_are_not_final_wait() {
    for (word, status) in [
        ("wait_compensation", Status::Paid),
        ("error", Status::Failed),
        ("processing", Status::Waiting),
        ("wait_accept", Status::Waiting),
        ("hold_wait", Status::Waiting),
        ("3ds_verify", Status::Waiting),
        ("subscribed", Status::Waiting),
        ("anything", Status::Waiting),
    ] {
        let data = STANDARD.encode(L3.replace("\"success\"", &format!("\"{word}\"")));
        assert_eq!(liqpay(false).verify(&notice(&data, &sign(&data))).unwrap().status, status, "{word}");
    }
}

#[test]
fn what_is_no_notice_is_refused() {
    for body in ["", "data=x", "signature=x", "data=&signature=", "{}"] {
        let notice = Notice { body: body.as_bytes().to_vec(), ..Notice::default() };
        assert_eq!(liqpay(false).verify(&notice), Err(Unverified::Malformed), "{body}");
    }
    for data in ["***", "e30=", "W10="] {
        assert_eq!(liqpay(false).verify(&notice(data, &sign(data))), Err(Unverified::Malformed), "{data}");
    }
    let fine = STANDARD.encode(L3.replace("103.0,", "103.001,"));
    assert_eq!(liqpay(false).verify(&notice(&fine, &sign(&fine))), Err(Unverified::Malformed));
}
