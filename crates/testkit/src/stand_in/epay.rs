//! A stand-in of a gateway of the `EPay` kind: reads the addresses that payers are sent to, and signs notices.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use md5::{Digest as _, Md5};

use super::{form_body, form_fields};

/// A gateway with one merchant.
#[derive(Debug, Clone)]
pub struct Epay {
    /// Its number.
    pub pid: String,
    /// Its secret.
    pub key: String,
}

impl Epay {
    fn sign(&self, fields: &BTreeMap<String, String>) -> String {
        let signed = fields.iter().filter(|(name, value)| !value.is_empty() && *name != "sign" && *name != "sign_type");
        let pairs: Vec<String> = signed.map(|(name, value)| format!("{name}={value}")).collect();
        hex::encode(Md5::digest(format!("{}{}", pairs.join("&"), self.key)))
    }

    /// What a payer's browser brings: the fields of the address, if it was signed by this merchant.
    pub fn submit(&self, url: &str) -> Result<BTreeMap<String, String>> {
        let (_, query) = url.split_once("/submit.php?").context("another address")?;
        let fields = form_fields(query.as_bytes());
        ensure!(fields.get("sign") == Some(&self.sign(&fields)), "the signature is wrong");
        ensure!(fields.get("pid") == Some(&self.pid), "another merchant");
        Ok(fields)
    }

    /// The query of a notice that so much was paid for an order.
    pub fn notice(&self, order: &str, payment: &str, money: &str) -> String {
        let fields = [
            ("pid", self.pid.as_str()),
            ("trade_no", payment),
            ("out_trade_no", order),
            ("type", "alipay"),
            ("name", order),
            ("money", money),
            ("trade_status", "TRADE_SUCCESS"),
        ];
        self.notice_of(&fields)
    }

    /// The query of a notice with these fields, signed.
    pub fn notice_of(&self, fields: &[(&str, &str)]) -> String {
        let map = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sign = self.sign(&map);
        let mut fields = fields.to_vec();
        fields.extend([("sign", sign.as_str()), ("sign_type", "MD5")]);
        String::from_utf8_lossy(&form_body(&fields)).into_owned()
    }
}
