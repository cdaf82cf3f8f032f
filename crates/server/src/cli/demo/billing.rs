//! What the demo's billing needs: a subscriber with a service, money, messages and an extra field; and the commands of the seed, in
//! its order, each of which logs in by itself when it is pasted.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use anyhow::bail;
use gatehouse_domain::{
    Ctx,
    account::{self, NewAccount, change, pass},
    billing::{
        Failure, Outcome, Who, connect, export,
        field::{self, FieldSpec},
        group, message,
        period::PeriodMode,
        service::{self, ServiceSpec, Tags},
        staff_payment::{self, Gift},
        subscriber::{self, SubscriberEdit},
    },
    settings::{BillingSettings, Checkout},
};
use gatehouse_model::{
    BillingGroupId, BillingServiceId, BillingSubscriptionId, FieldKind, Login, Money, PassKind, Secret, Span,
};

/// The seed's subscriber.
const LOGIN: &str = "test";
const PASSWORD: &str = "123";
const UID: i64 = 357;
/// What he has, and what he may connect beside it.
const CONNECTED: BillingServiceId = BillingServiceId(33);
const FURTHER: BillingServiceId = BillingServiceId(63);

/// Keys of both payment systems for orders that never leave the machine: nobody is asked for a page to pay on, nor later about an
/// order.
pub(super) fn configure(settings: &mut BillingSettings) {
    const NOBODY: &str = "http://127.0.0.1:9";
    let (fondy, liqpay) = (&mut settings.fondy, &mut settings.liqpay);
    if fondy.merchant.is_none() {
        (fondy.merchant, fondy.secret) = (Some(1_396_424), Some(Secret::new("test")));
        (fondy.checkout, fondy.base) = (Checkout::Off, NOBODY.to_owned());
    }
    if liqpay.public_key.is_none() {
        liqpay.public_key = Some("demo_public_key".to_owned());
        liqpay.private_key = Some(Secret::new("demo_private_key"));
        (liqpay.test, liqpay.base) = (true, NOBODY.to_owned());
    }
    settings.pay.poll_after = Span(Duration::from_hours(24 * 3_650));
}

/// Makes what is missing; gives the subscription that the commands change.
pub(super) async fn furnish(ctx: &Ctx) -> anyhow::Result<BillingSubscriptionId> {
    let who = Who::operator(ctx.clone());
    if account::find(ctx, LOGIN).await.is_err() {
        people(ctx, &who).await?;
        services(ctx, &who).await?;
        done(staff_payment::add(&who, Some(UID), Gift::Cash, Money(2_000), "Cash desk", None).await)?;
        done(connect::connect(&who, Some(UID), CONNECTED, None).await)?;
        done(message::send_to(&who, Some(UID), 480, "Ласкаво просимо!", None).await)?;
        done(field::define(&who, &house()).await)?;
        let value = BTreeMap::from([("_house".to_owned(), "1".to_owned())]);
        done(field::set(&who, Some(UID), &value).await)?;
    }
    let main = done(gatehouse_domain::billing::main::show(&who, Some(UID)).await)?;
    let connected = main.services.iter().find(|service| service.row.billing_service_id == CONNECTED);
    Ok(connected.or(main.services.first()).map_or(BillingSubscriptionId(0), |service| service.row.id))
}

async fn people(ctx: &Ctx, who: &Who) -> anyhow::Result<()> {
    let new = NewAccount {
        login: Login::new(LOGIN)?,
        name: None,
        email: None,
        phone: None,
        password: Some(Secret::new(PASSWORD)),
    };
    account::create(ctx, &new).await?;
    // Once more, as accounts are made without a clear copy for CHAP.
    change::set_password(ctx, LOGIN, &Secret::new(PASSWORD)).await?;
    pass::grant(ctx, LOGIN, PassKind::Subscriber).await?;
    let granted = subscriber_of(ctx).await?;
    let edit = SubscriberEdit {
        uid: Some(UID),
        full_name: Some("Test Subscriber".to_owned()),
        contract: Some("K-357".to_owned()),
        comment: Some("made by gatehouse demo".to_owned()),
        ..SubscriberEdit::default()
    };
    done(subscriber::update(who, Some(granted), &edit).await)
}

/// His number.
async fn subscriber_of(ctx: &Ctx) -> anyhow::Result<i64> {
    let account = account::find(ctx, LOGIN).await?.id;
    let found = gatehouse_store::subscriber::find_group(&mut ctx.read(), account).await?;
    found.map(|(uid, _)| uid).ok_or_else(|| anyhow::anyhow!("the demo's subscriber has no pass"))
}

async fn services(ctx: &Ctx, who: &Who) -> anyhow::Result<()> {
    if !done(export::services(who).await)?.is_empty() {
        return Ok(());
    }
    let groups: Vec<BillingGroupId> = done(group::list(who).await)?.into_iter().map(|group| group.id).collect();
    // So short that his money does not last, and a temporary payment is offered.
    let two_days = PeriodMode::Seconds(172_800);
    let inet = |title: &str, price: i64, period: PeriodMode, speed: u32| ServiceSpec {
        module: "unlim".to_owned(),
        description: format!("{title} unlim"),
        is_auto_renew: true,
        is_multiple: true,
        tags: Tags::parse(&format!(",inet,speed={speed},")),
        groups: groups.clone(),
        ..ServiceSpec::new(title, Money(price), period)
    };
    let mut tx = ctx.begin().await?;
    service::save(ctx, &mut tx, Some(CONNECTED), &inet("50 Mb", 1_000, two_days, 50)).await?;
    service::save(ctx, &mut tx, Some(FURTHER), &inet("100 Mb", 684, PeriodMode::Month, 100)).await?;
    Ok(tx.commit().await?)
}

fn house() -> FieldSpec {
    let choices = [("1", "Brick"), ("2", "Panel")].map(|(key, text)| (key.to_owned(), text.to_owned()));
    FieldSpec {
        name: "_house".to_owned(),
        title: "[01] House".to_owned(),
        section: String::new(),
        kind: FieldKind::Select,
        flags: "q".to_owned(),
        pattern: String::new(),
        choices: BTreeMap::from(choices),
        comment: String::new(),
        is_staff_only: false,
    }
}

fn done<T>(outcome: Outcome<T>) -> anyhow::Result<T> {
    match outcome {
        Ok(done) => Ok(done),
        Err(Failure::Refused(refusal)) => bail!("refused: {}", refusal.code()),
        Err(Failure::Error(error)) => Err(error.into()),
    }
}

/// The commands, in the order of the seed; `(public, private)` key of LiqPay.
pub(super) fn commands(base: &str, subscription: BillingSubscriptionId, keys: (&str, &str)) -> String {
    let api = format!("{base}/cgi-bin/noapi.pl");
    let login = format!("curl -s '{api}?_uu={LOGIN}&_pp={PASSWORD}'");
    let staff = format!("curl -s '{api}?_uu=administrator&_pp=administrator'");
    let session = |login: &str| format!("noses=$({login} | sed 's/.*\"ses\":\"\\([^\"]*\\)\".*/\\1/')");
    let mut text = format!(
        "\n# billing: a subscriber asks (login {LOGIN}, password {PASSWORD}), as the API of NoDeny is documented\n\
         curl -s '{api}'\n{login}\n"
    );
    let post = " -X POST -d \"msg=У меня не работает интернет\"";
    let next = format!("a=u_srv_add&cmd=set_next&usr_service_id={subscription}&service_id={FURTHER}");
    let further = format!("a=u_srv_add&service_id={FURTHER}");
    for (query, more) in [
        ("a=version", ""),
        ("a=u_main", ""),
        ("a=u_message", ""),
        ("a=u_message", post),
        ("a=u_auth_log", ""),
        ("a=u_srv_select", ""),
        (&further, ""),
        (&next, ""),
        ("a=u_credit", ""),
        ("a=u_credit&go=1", ""),
        ("a=u_gcm&reg_id=c-kkWVxpBpM:APA91bFZGzWjxjWtnX2m0iu4yq-koveiZCk", ""),
        ("a=u_fondy&amt=100", ""),
        ("a=u_lpay&amt=100", ""),
    ] {
        let _ = writeln!(text, "curl -s '{api}?{query}' --cookie \"{}\"{more}", session(&login));
    }
    text.push_str("# billing: LiqPay reports that an order was paid, ten times at once; the money comes once\n");
    let _ = writeln!(text, "{}", callback(base, &api, &session(&login), keys));
    text.push_str("# billing: staff ask\n");
    for query in ["a=api_users", &format!("a=u_main&uid={UID}"), "a=api_services", "a=api_dopdata"] {
        let _ = writeln!(text, "curl -s '{api}?{query}' --cookie \"{}\"", session(&staff));
    }
    text
}

/// A line that orders a payment, reports it as paid ten times at once, signed by openssl, and shows the history.
fn callback(base: &str, api: &str, session: &str, (public, private): (&str, &str)) -> String {
    let order =
        format!("curl -s '{api}?a=u_lpay&amt=100' --cookie \"$c\" | sed 's/.*\"order_id\":\"\\([^\"]*\\)\".*/\\1/'");
    let report = format!(
        r#"{{"version":3,"public_key":"{public}","action":"pay","status":"success","payment_id":9%s,"order_id":"%s","amount":100.00,"currency":"UAH"}}"#
    );
    format!(
        "c=\"{session}\"; o=$({order}); d=$(printf '{report}' $o $o | base64 -w0); \
         g=$(printf %s \"{private}${{d}}{private}\" | openssl dgst -sha1 -binary | base64); \
         for i in 1 2 3 4 5 6 7 8 9 10; do curl -s {base}/cgi-bin/liqpay.pl --data-urlencode \"data=$d\" \
         --data-urlencode \"signature=$g\" & done; wait; echo; curl -s '{api}?a=u_pays' --cookie \"$c\""
    )
}
