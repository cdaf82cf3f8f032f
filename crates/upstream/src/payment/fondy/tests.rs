//! The vectors of specs/billing.md §11.2; F1 is the provider's own.

use super::*;

fn settings() -> FondySettings {
    FondySettings { merchant: Some(1_396_424), secret: Some(Secret::new("test")), ..FondySettings::default() }
}

fn fondy() -> Fondy {
    Fondy::new(&settings(), Http::default()).unwrap()
}

fn sign(fields: &Fields) -> String {
    signature(&Secret::new("test"), fields)
}

fn order() -> Fields {
    Fields::default()
        .with("order_id", "4544")
        .with_number("merchant_id", 1_396_424)
        .with_number("amount", 10_300)
        .with("currency", "UAH")
        .with("response_status", "success")
        .with("tran_type", "purchase")
        .with_number("payment_id", 805_243_692)
        .with("masked_card", "444455XXXXXX1111")
        .with("actual_amount", "10300")
        .with("actual_currency", "UAH")
        .with("fee", "")
        .with("sender_email", "")
        .with("reversal_amount", "0")
}

fn notice(fields: &Fields, signature: &str) -> Notice {
    let object: Map<String, Value> = fields.iter().chain([("signature", signature)]).map(pair).collect();
    Notice { body: Value::from(object).to_string().into_bytes(), ..Notice::default() }
}

fn pair((name, text): (&str, &str)) -> (String, Value) {
    let is_number = matches!(name, "merchant_id" | "payment_id" | "card_bin");
    (name.to_owned(), if is_number { Value::from(text.parse::<u64>().unwrap()) } else { Value::from(text) })
}

#[test]
fn requests_are_signed_as_published() {
    let f1 = Fields::default()
        .with("order_id", "TestOrder2")
        .with("order_desc", "Test payment")
        .with("currency", "USD")
        .with_number("amount", 1_000)
        .with_number("merchant_id", 1_396_424)
        .with("server_callback_url", "http://myshop/callback/");
    assert_eq!(sign(&f1), "91ea7da493a8367410fe3d7f877fb5e0ed666490");
    let f2 = Fields::default()
        .with("order_id", "4544")
        .with("order_desc", "Поповнення рахунку 3575")
        .with("currency", "UAH")
        .with_number("amount", 10_300)
        .with_number("lifetime", 86_400)
        .with_number("merchant_id", 1_396_424)
        .with("server_callback_url", "https://bill.example/cgi-bin/fondy.pl")
        .with("version", "1.0.1");
    assert_eq!(sign(&f2), "97a781c294eaf109c336a759f2ef91cac336f062");
    let f2b = Fields::default()
        .with("order_id", "4544")
        .with("order_desc", "charge account")
        .with("currency", "UAH")
        .with_number("amount", 10_300)
        .with_number("merchant_id", 1_396_424)
        .with("server_callback_url", "https://bill.example/cgi-bin/fondy.pl");
    assert_eq!(sign(&f2b), "2d64732876e8f6d0448c01997974326c0d647d6a");
}

#[test]
fn notices_of_the_published_vectors_are_read() {
    let f4 = order().with("order_status", "declined").with("actual_amount", "").with_number("response_code", 1_001);
    let f7 = order()
        .with("order_status", "approved")
        .with("approval_code", "123456")
        .with_number("card_bin", 444_455)
        .with("card_type", "VISA")
        .with("eci", "7")
        .with("merchant_data", "uid=357")
        .with("order_time", "21.11.2026 02:20:00")
        .with("payment_system", "card")
        .with("rrn", "111111111111")
        .with("sender_email", "payer@example.com")
        .with("settlement_amount", "0");
    let reversed = |sum: i64| order().with("order_status", "reversed").with_number("reversal_amount", sum);
    let vectors = [
        ("F3", order().with("order_status", "approved"), "aff4378aa0d2b2e78c5355caca431486e6753e88", Status::Paid, 0),
        ("F4", f4, "396217c7ed0a09177d11f016096d832addf9442f", Status::Failed, 0),
        ("F5", reversed(10_300), "e30792fdcc7deedb615fbfa9654f0a294f693ebe", Status::Reversed, 10_300),
        ("F6", reversed(2_500), "b18a098601e49d3a276dc0b254d3256858675c32", Status::Reversed, 2_500),
        ("F7", f7, "67c686430a995440df70e7c6a41bc07d096ffa58", Status::Paid, 0),
    ];
    for (name, fields, signature, status, taken_back) in vectors {
        let report = fondy().verify(&notice(&fields, signature)).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        assert_eq!((report.status, report.reversed), (status, Money(taken_back)), "{name}");
        assert_eq!((report.merchant.as_str(), report.order.as_str()), ("1396424", "4544"), "{name}");
        assert_eq!(report.payment.as_deref(), Some("805243692"), "{name}");
        assert_eq!((report.amount, report.currency.as_deref()), (Some(Money(10_300)), Some("UAH")), "{name}");
        let tampered = notice(&fields.with("amount", "20600"), signature);
        assert_eq!(fondy().verify(&tampered), Err(Unverified::Signature), "{name}");
    }
}

#[test]
fn a_form_is_as_good_as_json() {
    let signature = "aff4378aa0d2b2e78c5355caca431486e6753e88";
    let fields = order().with("order_status", "approved").with("signature", signature);
    let pairs: Vec<(&str, &str)> = fields.iter().collect();
    let body = crate::http::form(&pairs);
    assert_eq!(fondy().verify(&Notice { body, ..Notice::default() }).unwrap().status, Status::Paid);
}

#[test]
fn notices_of_version_2_are_read() {
    let json = r#"{"order":{"order_id":"4544","merchant_id":1396424,"amount":10300,"currency":"UAH","order_status":"approved","payment_id":805243692}}"#;
    let data = STANDARD.encode(json);
    let signature = hex::encode(Sha1::digest(format!("test|{data}")));
    let body = |signature: &str| {
        let body = serde_json::json!({ "version": "2.0", "data": data, "signature": signature });
        Notice { body: body.to_string().into_bytes(), ..Notice::default() }
    };
    let report = fondy().verify(&body(&signature)).unwrap();
    assert_eq!((report.status, report.amount), (Status::Paid, Some(Money(10_300))));
    assert_eq!(fondy().verify(&body(&sign(&order()))), Err(Unverified::Signature));
}

#[test]
fn what_is_unsigned_is_nothing() {
    let unsigned = order().with("order_status", "approved");
    let object: Map<String, Value> = unsigned.iter().map(pair).collect();
    let body = Value::from(object).to_string().into_bytes();
    assert_eq!(fondy().verify(&Notice { body, ..Notice::default() }), Err(Unverified::Signature));
    for body in ["", "[]", "{", "{\"order\":{}}", "version=2.0&data=x"] {
        let notice = Notice { body: body.as_bytes().to_vec(), ..Notice::default() };
        assert!(fondy().verify(&notice).is_err(), "{body}");
    }
}

#[test]
fn a_list_of_addresses_is_obeyed() {
    let settings = FondySettings { allowed_ranges: vec!["192.0.2.0/24".parse().unwrap()], ..settings() };
    let fondy = Fondy::new(&settings, Http::default()).unwrap();
    let mut notice = notice(&order().with("order_status", "approved"), "aff4378aa0d2b2e78c5355caca431486e6753e88");
    assert_eq!(fondy.verify(&notice), Err(Unverified::Address));
    notice.address = Some("198.51.100.1".parse().unwrap());
    assert_eq!(fondy.verify(&notice), Err(Unverified::Address));
    notice.address = Some("192.0.2.7".parse().unwrap());
    assert!(fondy.verify(&notice).is_ok());
}

#[test]
fn a_request_that_was_valid_pays_nothing() {
    for word in ["created", "processing", "anything"] {
        let fields = order().with("order_status", word);
        let report = fondy().verify(&notice(&fields, &sign(&fields))).unwrap();
        assert_eq!(report.status, Status::Waiting, "{word}");
    }
    let reversal = order().with("order_status", "approved").with("tran_type", "reverse");
    assert_eq!(fondy().verify(&notice(&reversal, &sign(&reversal))).unwrap().status, Status::Waiting);
}

#[test]
fn nobody_is_a_merchant_without_a_secret() {
    let empty = FondySettings { secret: Some(Secret::new("")), ..settings() };
    assert!(Fondy::new(&empty, Http::default()).is_none());
    assert!(Fondy::new(&FondySettings::default(), Http::default()).is_none());
}
