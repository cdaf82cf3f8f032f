//! Host keys, policies, command rules, settings and access requests.

use std::time::Duration;

use gatehouse_domain::{
    Actor, Caller, Ctx, Error, Fault, Settings, audit,
    bastion::{
        host_key::{self, First},
        log,
        policy::{self, Scope},
        request::{self, Decision, NewRequest, OnlyOwn},
        resource,
        rule::{self, Action, EditRule, RuleData},
        setting, stay,
        terminal::{self, Asked, PresentedKey, Purpose, Refusal},
        voucher,
    },
    job,
    login::{self, Step},
    settings::HostKeyPolicy,
};
use gatehouse_model::{AccessRequestId, HostKeyId, Origin, Paging, ResourceGroupId, ResourceId, Secret, VoucherId};
use gatehouse_testkit::TestApp;
use serde_json::{Map, Value};

use crate::bastion::{ALL, faults, group, is_absent, is_forbidden, resource as new, staff, voucher as new_voucher};

const FIRST: Paging = Paging { limit: 100, offset: 0, is_descending: false };
const KEY_A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+Hs6i7Gtn5m4ZhH8J/gQMXwg2TmxIyxvHa6Ai1eu2";
const KEY_B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEthuEVmeZ1rPCrMEyg3G7lIZYyexq0Ybj12heY1v29s";

fn presented(line: &str) -> PresentedKey {
    let key = gatehouse_sshkey::read_public(line).unwrap();
    PresentedKey { algorithm: key.algorithm, public_key: key.openssh, fingerprint: key.fingerprint }
}

fn map(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap()
}

both!(of_two_first_connections_one_pins, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let (a, b) = (presented(KEY_A), presented(KEY_B));
    let (one, two) = tokio::join!(
        host_key::pin_first(&ctx, "web.example", 22, &a),
        host_key::pin_first(&ctx, "web.example", 22, &b)
    );
    let (one, two) = (one?, two?);
    let pins = host_key::pins(&app.app, "web.example", 22).await?;
    assert_eq!(pins.len(), 1, "{one:?} {two:?}");
    assert!(matches!(
        (&one, &two),
        (First::Pinned, First::Others(others)) | (First::Others(others), First::Pinned) if *others == pins
    ));
    let again = if one == First::Pinned { &a } else { &b };
    assert_eq!(host_key::pin_first(&ctx, "web.example", 22, again).await?, First::Pinned);
    assert!(host_key::pins(&app.app, "web.example", 2_222).await?.is_empty(), "a port is a target of its own");
    Ok(())
});

both!(a_changed_key_waits_for_a_decision, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let (clerk, _) = staff(&app, "clerk", &["system.hostkey.approve"], &[]).await?;
    let (nobody, _) = staff(&app, "nobody", &[], &[]).await?;
    host_key::add(&clerk, "WEB.example.", 22, KEY_A).await?;
    let pins = host_key::pins(&app.app, "web.example", 22).await?;
    for _ in 0..3 {
        host_key::note_changed(&ctx, "web.example", 22, &presented(KEY_B), &pins).await?;
    }
    let waiting = host_key::list(&clerk, Some("WEB"), Some("pending"), FIRST).await?;
    assert_eq!(waiting.total, 1);
    let alerts = audit::list(&ctx, None, Some("host_key.changed"), 10).await?;
    assert_eq!(alerts.len(), 1, "a flood of refusals raises one alert a minute");
    let id = waiting.rows[0].id;
    assert!(is_forbidden(&host_key::approve(&nobody, id).await));
    assert!(is_absent(&host_key::approve(&clerk, HostKeyId(99)).await));
    host_key::approve(&clerk, id).await?;
    let pins = host_key::pins(&app.app, "web.example", 22).await?;
    assert_eq!(pins.iter().map(|pin| pin.public_key.as_str()).collect::<Vec<_>>(), [KEY_B], "one key of a type");
    assert!(matches!(host_key::approve(&clerk, id).await, Err(Error::Locked { .. })));
    assert_eq!(host_key::del(&clerk, &[id, HostKeyId(99)]).await?, 1);
    let wrong = faults(host_key::add(&clerk, "a_b", 22, "ssh-dss AAAA").await);
    assert_eq!(wrong, [Fault::new("host", "malformed"), Fault::new("public_key", "malformed")]);
    Ok(())
});

async fn terms(ctx: &Ctx, group: ResourceGroupId, id: ResourceId) -> anyhow::Result<(terminal::Terms, policy::Limits)> {
    Ok(policy::of_resource(ctx, &mut ctx.read(), group, id).await?)
}

both!(the_nearest_value_of_a_policy_holds, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let root = group(&app, "root", None).await?;
    let sub = group(&app, "sub", Some(root)).await?;
    let web = resource::add(&ctx, &new("web", "10.0.0.1", sub)).await?;
    let set = async |scope, json: &str| policy::edit(&ctx, scope, &map(json)).await;
    set(Scope::All, r#"{"idle":"1h","exec":false,"sources":["192.0.2.0/24"]}"#).await?;
    set(Scope::Group(root), r#"{"idle":"20m","max_sessions":3}"#).await?;
    set(Scope::Group(sub), r#"{"idle":"10m"}"#).await?;
    let (found, limits) = terms(&ctx, sub, web).await?;
    assert_eq!((found.idle, found.exec, limits.max_sessions), (Duration::from_mins(10), false, Some(3)));
    set(Scope::Resource(web), r#"{"idle":"5m","hostkey":"strict","encoding":"gbk"}"#).await?;
    let (found, _) = terms(&ctx, sub, web).await?;
    assert_eq!((found.idle, found.hostkey), (Duration::from_mins(5), HostKeyPolicy::Strict));
    set(Scope::Resource(web), r#"{"idle":null}"#).await?;
    set(Scope::Group(sub), r#"{"idle":null}"#).await?;
    assert_eq!(terms(&ctx, sub, web).await?.0.idle, Duration::from_mins(20));
    // Where from.
    assert!(!limits.allows(&ctx), "nobody without an address is near");
    let mut near = ctx.clone();
    near.caller.address = Some("192.0.2.9".parse()?);
    assert!(limits.allows(&near));
    near.caller.address = Some("::ffff:192.0.2.9".parse()?);
    assert!(limits.allows(&near));
    near.caller.address = Some("198.51.100.1".parse()?);
    assert!(!limits.allows(&near));
    assert!(is_absent(&set(Scope::Resource(ResourceId(99)), "{}").await));
    let wrong = set(Scope::All, r#"{"idle":"soon"}"#).await;
    assert!(matches!(&wrong, Err(Error::Invalid { field, .. }) if field == "idle"), "{wrong:?}");
    assert_eq!(policy::list(&ctx, Some(Scope::All)).await?.len(), 3);
    // Policies go with their object.
    resource::del(&ctx, &[web]).await?;
    assert_eq!(policy::list(&ctx, None).await?.len(), 5);
    Ok(())
});

both!(schedules_open_and_close, |engine| async {
    let app = TestApp::new(engine).await?;
    let ctx = app.operator();
    let web = resource::add(&ctx, &new("web", "10.0.0.1", ResourceGroupId(1))).await?;
    // The clock begins on a Thursday at 08:00 in Shanghai.
    let window = r#"{"schedule":[{"days":[4],"from":"08:00","to":"09:00"}]}"#;
    policy::edit(&ctx, Scope::Resource(web), &map(window)).await?;
    let limits = terms(&ctx, ResourceGroupId(1), web).await?.1;
    assert!(limits.allows(&ctx));
    app.advance(Duration::from_hours(1));
    assert!(!limits.allows(&ctx));
    app.advance(Duration::from_hours(7 * 24 - 1));
    assert!(limits.allows(&ctx));
    Ok(())
});

struct House {
    app: TestApp,
    web: ResourceId,
    key: VoucherId,
    group: ResourceGroupId,
}

async fn house(engine: gatehouse_testkit::Engine) -> anyhow::Result<House> {
    let app = TestApp::new(engine).await?;
    let group = group(&app, "g", None).await?;
    let key = voucher::add(&app.operator(), &new_voucher("key", group)).await?;
    let bound = resource::NewResource { vouchers: vec![key], ..new("web", "10.0.0.1", group) };
    let web = resource::add(&app.operator(), &bound).await?;
    Ok(House { app, web, key, group })
}

impl House {
    async fn admit(&self, ctx: &Ctx, purpose: Purpose) -> Result<terminal::Admitted, Refusal> {
        terminal::admit(ctx, Asked { resource: self.web, voucher: self.key, purpose, client: "web" }).await
    }

    fn ask(&self, minutes: i64) -> NewRequest {
        NewRequest {
            resource: self.web,
            voucher: Some(self.key),
            reason: "to look".to_owned(),
            minutes,
            with_files: false,
        }
    }
}

both!(of_many_that_open_together_the_quota_lets_its_number_through, |engine| async {
    let house = house(engine).await?;
    let ctx = house.app.operator();
    let (me, _) = staff(&house.app, "me", &[], &[(house.group, ALL)]).await?;
    let (other, _) = staff(&house.app, "other", &[], &[(house.group, ALL)]).await?;
    setting::edit(&ctx, &map(r#"{"terminal.max_sessions_per_user":3}"#)).await?;
    policy::edit(&ctx, Scope::All, &map(r#"{"max_sessions":2}"#)).await?;
    let quay = resource::add(&ctx, &new("quay", "10.0.0.2", house.group)).await?;
    let ask = |resource| Asked { resource, voucher: house.key, purpose: Purpose::Shell, client: "web" };
    // All of them are let on their way before the first arrives.
    let mut here = Vec::new();
    for _ in 0..8 {
        here.push(house.admit(&me, Purpose::Shell).await.unwrap());
    }
    let mut there = Vec::new();
    for _ in 0..8 {
        there.push(terminal::admit(&me, ask(quay)).await.unwrap());
    }
    let key = PresentedKey { algorithm: String::new(), public_key: String::new(), fingerprint: "SHA256:a".to_owned() };
    let open = async |admitted: Vec<terminal::Admitted>| {
        let opening = admitted.iter().map(|admitted| terminal::opened(&me, admitted, &key));
        let results = futures_util::future::join_all(opening).await;
        assert!(
            results.iter().all(|result| matches!(result, Ok(()) | Err(Error::QuotaExceeded { .. }))),
            "{results:?}"
        );
        results.iter().filter(|result| result.is_ok()).count()
    };
    assert_eq!(open(here).await, 2, "two at one resource");
    assert_eq!(open(there).await, 1, "three of one person");
    assert!(matches!(house.admit(&me, Purpose::Shell).await, Err(Refusal::Quota)));
    assert!(house.admit(&other, Purpose::Shell).await.is_ok());
    Ok(())
});

both!(command_rules_judge_what_exec_runs, |engine| async {
    let house = house(engine).await?;
    let ctx = house.app.operator();
    let (me, role) = staff(&house.app, "me", &[], &[(house.group, ALL)]).await?;
    let (other, _) = staff(&house.app, "other", &[], &[(house.group, ALL)]).await?;
    let data = |name: &str, pattern: &str, action, priority| RuleData {
        name: name.to_owned(),
        scope: Scope::Group(house.group),
        roles: vec![],
        pattern: pattern.to_owned(),
        action,
        priority,
        is_enabled: true,
    };
    let deny = RuleData { roles: vec![role], ..data("no rm", r"\brm\b", Action::Deny, 10) };
    let deny = rule::add(&ctx, &deny).await?;
    rule::add(&ctx, &data("warn", "^su", Action::Warn, 20)).await?;
    let run = async |ctx: &Ctx, command: &str| house.admit(ctx, Purpose::Exec(command.to_owned())).await;
    assert!(matches!(run(&me, "sudo rm -r x").await, Err(Refusal::CommandDenied(name)) if name == "no rm"));
    assert!(run(&other, "sudo rm -r x").await.is_ok(), "the rule is for another role");
    assert!(run(&me, "id").await.is_ok());
    let seen = audit::list(&ctx, None, Some("command.match"), 10).await?;
    let outcomes: Vec<_> = seen.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["warn", "deny"], "newest first");
    rule::edit(&ctx, deny, EditRule { is_enabled: Some(false), ..EditRule::default() }).await?;
    assert!(run(&me, "rm x").await.is_ok());
    let wrong = data("warn", "(", Action::Deny, 1);
    assert_eq!(
        faults(rule::add(&ctx, &wrong).await),
        [Fault::new("name", "taken"), Fault::new("pattern", "malformed")]
    );
    assert_eq!(rule::list(&ctx, FIRST).await?.rows[0].roles, [role]);
    assert_eq!(rule::del(&ctx, &[deny]).await?, 1);
    Ok(())
});

both!(a_command_is_kept_with_what_the_rules_said, |engine| async {
    let house = house(engine).await?;
    let ctx = house.app.operator();
    let (mut me, _) = staff(&house.app, "me", &["audit.session.read"], &[(house.group, ALL)]).await?;
    for (name, pattern, action) in [("careful", "^su", Action::Warn), ("reading", "^cat", Action::Allow)] {
        let (name, pattern) = (name.to_owned(), pattern.to_owned());
        let (scope, roles) = (Scope::Group(house.group), vec![]);
        rule::add(&ctx, &RuleData { name, scope, roles, pattern, action, priority: 1, is_enabled: true }).await?;
    }
    if let Actor::Account { name, .. } = &mut me.actor {
        *name = Some("ÄNNE Ω".to_owned());
    }
    for command in ["sudo id", "cat x", "id"] {
        let admitted = house.admit(&me, Purpose::Exec(command.to_owned())).await.unwrap();
        terminal::opened(&me, &admitted, &presented(KEY_A)).await?;
    }
    let kept = stay::commands(&me, stay::Within::default(), FIRST).await?.rows;
    let kept: Vec<_> =
        kept.iter().map(|row| (row.line.as_str(), row.rule_name.as_deref(), row.action.as_str())).collect();
    assert_eq!(
        kept,
        [("sudo id", Some("careful"), "warn"), ("cat x", Some("reading"), "allow"), ("id", None, "allow")]
    );
    let found = async |user: &str| {
        let filter = log::Filter { user: Some(user.to_owned()), ..log::Filter::default() };
        log::stays(&me, &filter, None, FIRST).await.unwrap().total
    };
    assert_eq!((found("änne ω").await, found("ME").await, found("Zoë").await), (3, 3, 0), "case folds beyond ASCII");
    Ok(())
});

both!(a_request_opens_one_resource_for_a_while, |engine| async {
    let house = house(engine).await?;
    let (app, ctx) = (&house.app, house.app.operator());
    let (guest, _) = staff(app, "guest", &["access.request.create"], &[]).await?;
    let codes = &["access.request.approve", "access.request.create"];
    let (boss, _) = staff(app, "boss", codes, &[(house.group, ALL)]).await?;
    let (weak, _) = staff(app, "weak", codes, &[(house.group, &["resource.self.read"])]).await?;
    assert!(is_absent(&request::add(&guest, &house.ask(60)).await), "what he does not see is not there");
    policy::edit(&ctx, Scope::Group(house.group), &map(r#"{"requestable":true,"request_max":"2h"}"#)).await?;
    assert_eq!(request::catalog(&guest, None, FIRST).await?.rows, [(house.web, "web".to_owned(), house.group)]);
    assert_eq!(faults(request::add(&guest, &house.ask(121)).await), [Fault::new("minutes", "too_long")]);
    let id = request::add(&guest, &house.ask(60)).await?;
    assert_eq!(faults(request::add(&guest, &house.ask(60)).await), [Fault::new("resource_id", "pending")]);
    assert!(matches!(house.admit(&guest, Purpose::Shell).await, Err(Refusal::Forbidden)));
    assert!(is_forbidden(&resource::list(&guest, None, None, FIRST).await));
    let yes = Decision { approve: true, reason: None, minutes: Some(30) };
    assert!(is_absent(&request::decide(&weak, id, &yes).await), "nobody grants what he does not hold");
    assert!(is_forbidden(&request::decide(&guest, id, &yes).await));
    let own = request::add(&boss, &house.ask(60)).await?;
    assert!(is_forbidden(&request::decide(&boss, own, &yes).await), "nor decides about his own");
    assert_eq!(request::list(&boss, Some("pending"), OnlyOwn::No, FIRST).await?.total, 2);
    assert_eq!(request::list(&guest, None, OnlyOwn::No, FIRST).await?.total, 1);
    request::decide(&boss, id, &yes).await?;
    assert!(matches!(request::decide(&boss, id, &yes).await, Err(Error::Locked { .. })));
    let admitted = house.admit(&guest, Purpose::Shell).await;
    assert!(matches!(&admitted, Ok(admitted) if admitted.request == Some(id) && !admitted.may_upload), "{admitted:?}");
    let seen = resource::list(&guest, None, None, FIRST).await?;
    assert_eq!((seen.listed.total, seen.listed.rows[0].vouchers.len(), seen.groups.len()), (1, 1, 0));
    // Half an hour later it is over, whether or not the periodic task has come.
    app.advance(Duration::from_mins(30));
    assert!(matches!(house.admit(&guest, Purpose::Shell).await, Err(Refusal::Forbidden)));
    request::expire(&app.app).await?;
    let row = request::list(&guest, None, OnlyOwn::Yes, FIRST).await?.rows.remove(0);
    assert_eq!((row.row.state.as_str(), row.decisions.len()), ("ended", 1));
    app.advance(Duration::from_hours(24));
    request::expire(&app.app).await?;
    assert_eq!(request::list(&boss, Some("expired"), OnlyOwn::Yes, FIRST).await?.total, 1);
    assert_eq!(job::run_due(&app.app).await?, 0);
    Ok(())
});

both!(requests_are_cancelled_rejected_and_end_with_their_resource, |engine| async {
    let house = house(engine).await?;
    let (app, ctx) = (&house.app, house.app.operator());
    let json = r#"{"requestable":true,"approvals":2,"require_approval":true}"#;
    policy::edit(&ctx, Scope::All, &map(json)).await?;
    let (guest, _) = staff(app, "guest", &["access.request.create"], &[]).await?;
    let (one, _) = staff(app, "one", &["access.request.approve"], &[(house.group, ALL)]).await?;
    let (two, _) = staff(app, "two", &["access.request.approve"], &[(house.group, ALL)]).await?;
    assert!(matches!(house.admit(&one, Purpose::Shell).await, Err(Refusal::Approval)), "permanent holders, too");
    let (yes, no) = (
        Decision { approve: true, reason: None, minutes: None },
        Decision { approve: false, reason: Some("not today".to_owned()), minutes: None },
    );
    let cancelled = request::add(&guest, &house.ask(60)).await?;
    assert!(is_absent(&request::cancel(&guest, AccessRequestId(99)).await));
    request::cancel(&guest, cancelled).await?;
    assert!(matches!(request::cancel(&guest, cancelled).await, Err(Error::Locked { .. })));
    assert!(matches!(request::decide(&one, cancelled, &yes).await, Err(Error::Locked { .. })));
    let rejected = request::add(&guest, &house.ask(60)).await?;
    request::decide(&one, rejected, &yes).await?;
    assert!(matches!(request::decide(&one, rejected, &yes).await, Err(Error::Locked { .. })), "once each");
    request::decide(&two, rejected, &no).await?;
    let approved = request::add(&guest, &NewRequest { with_files: true, ..house.ask(60) }).await?;
    request::decide(&one, approved, &yes).await?;
    assert!(house.admit(&guest, Purpose::Shell).await.is_err(), "one of two is not enough");
    request::decide(&two, approved, &yes).await?;
    assert!(matches!(house.admit(&guest, Purpose::Sftp).await, Ok(admitted) if admitted.may_upload));
    resource::del(&ctx, &[house.web]).await?;
    let states: Vec<_> =
        request::list(&guest, None, OnlyOwn::Yes, FIRST).await?.rows.into_iter().map(|row| row.row.state).collect();
    assert_eq!(states, ["cancelled", "rejected", "ended"]);
    Ok(())
});

both!(settings_of_groups_logins_terminals_and_retention_hold_at_once, |engine| async {
    let house = house(engine).await?;
    let (app, ctx) = (&house.app, house.app.operator());
    let set = async |json: &str| setting::edit(&ctx, &map(json)).await;
    set(r#"{"bastion.group_level_max":1}"#).await?;
    let below = group(app, "below", Some(house.group)).await?;
    assert!(group(app, "too deep", Some(below)).await.is_err());
    set(r#"{"bastion.group_level_max":2}"#).await?;
    group(app, "deep", Some(below)).await?;

    let (me, _) = staff(app, "me", &[], &[(house.group, ALL)]).await?;
    set(r#"{"terminal.max_sessions":7,"terminal.max_sessions_per_user":1}"#).await?;
    let first = house.admit(&me, Purpose::Shell).await.unwrap();
    assert_eq!((first.quota.of_process, first.quota.of_account), (7, 1), "the door counts its own by these");
    terminal::opened(&me, &first, &presented(KEY_A)).await?;
    assert!(matches!(house.admit(&me, Purpose::Shell).await, Err(Refusal::Quota)));
    set(r#"{"terminal.max_sessions_per_user":2}"#).await?;
    assert!(house.admit(&me, Purpose::Shell).await.is_ok());

    set(r#"{"login.pair_failures":1}"#).await?;
    let caller = Caller { address: Some([192, 0, 2, 1].into()), ..Caller::default() };
    let visitor = Ctx { caller, ..app.app.ctx(Actor::Anonymous, Origin::Bastion) };
    let wrong = async || login::password(&visitor, "me", &Secret::new("wrong"), None).await;
    assert!(matches!(wrong().await?, Step::Refused(_)));
    assert!(matches!(wrong().await, Err(Error::RateLimited { .. })));
    set(r#"{"login.pair_failures":2}"#).await?;
    assert!(matches!(wrong().await?, Step::Refused(_)));

    app.advance(Duration::from_hours(72));
    assert_eq!(audit::prune(&app.app).await?, 0);
    assert!(set(r#"{"audit.login_retention":"1h"}"#).await.is_err(), "a slip must not cost the log");
    set(r#"{"audit.login_retention":"2d"}"#).await?;
    app.app.seal_audit().await?;
    assert!(audit::prune(&app.app).await? >= 2);
    Ok(())
});

both!(settings_hold_at_once_unless_the_file_names_them, |engine| async {
    let mut settings = Settings::default();
    settings.pinned.insert("hostkey.policy".to_owned());
    let app = TestApp::with(engine, settings).await?;
    let ctx = app.operator();
    let web = resource::add(&ctx, &new("web", "10.0.0.1", ResourceGroupId(1))).await?;
    setting::edit(&ctx, &map(r#"{"terminal.idle":"5m","terminal.max_sessions_per_user":7,"recordings.input":true}"#))
        .await?;
    let (found, _) = terms(&ctx, ResourceGroupId(1), web).await?;
    assert_eq!((found.idle, found.record_input), (Duration::from_mins(5), true));
    let shown = setting::list(&ctx).await?;
    let idle = shown.iter().find(|one| one.name == "terminal.idle").unwrap();
    assert_eq!((&idle.value, idle.is_editable), (&Value::from("300s"), true));
    let key = shown.iter().find(|one| one.name == "hostkey.policy").unwrap();
    assert!(!key.is_editable);
    let pinned = setting::edit(&ctx, &map(r#"{"hostkey.policy":"strict"}"#)).await;
    assert!(matches!(pinned, Err(Error::Locked { .. })));
    for json in [r#"{"terminal.idle":"0s"}"#, r#"{"nonsense":1}"#, r#"{"recordings.mode":"sometimes"}"#] {
        assert!(matches!(setting::edit(&ctx, &map(json)).await, Err(Error::Invalid { .. })), "{json}");
    }
    let fixed = setting::edit(&ctx, &map(r#"{"terminal.ping":"5s"}"#)).await;
    assert!(matches!(fixed, Err(Error::Locked { .. })), "what holds from the start on is shown only");
    let ping = shown.iter().find(|one| one.name == "terminal.ping").unwrap();
    assert_eq!((&ping.value, ping.is_editable), (&Value::from("30s"), false));
    setting::edit(&ctx, &map(r#"{"terminal.idle":null}"#)).await?;
    assert_eq!(terms(&ctx, ResourceGroupId(1), web).await?.0.idle, Duration::from_mins(30));
    let (clerk, _) = staff(&app, "clerk", &["system.setting.read"], &[]).await?;
    assert!(is_forbidden(&setting::edit(&clerk, &Map::new()).await));
    Ok(())
});
