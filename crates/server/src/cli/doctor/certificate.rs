//! When a certificate ends, read from its DER form

use gatehouse_model::Millis;
use jiff::{civil::DateTime, tz::TimeZone};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// The end of the first certificate of a PEM text; `None` if it cannot be read.
pub(super) fn not_after(pem: &[u8]) -> Option<Millis> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let (_, certificate, _) = element(&certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    // version [0] (may be absent), serialNumber, signature, issuer, validity.
    if let (0xa0, _, rest) = element(fields)? {
        fields = rest;
    }
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (_, validity, _) = element(fields)?;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

/// The first element of a DER text: tag, content, what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (length.iter().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `UTCTime` (tag 0x17, two digits of the year: 1950 to 2049) or `GeneralizedTime` (0x18), both in UTC.
fn moment(tag: u8, text: &str) -> Option<Millis> {
    let text = match tag {
        0x17 if text < "50" => format!("20{text}"),
        0x17 => format!("19{text}"),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(Millis(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn pem(year: i32) -> String {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 3, 4);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_time() {
        for year in [2031_i16, 2049, 2050, 2099] {
            let wanted = jiff::civil::date(year, 3, 4).to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond();
            assert_eq!(not_after(pem(year.into()).as_bytes()), Some(Millis(wanted)), "{year}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), None);
    }
}
