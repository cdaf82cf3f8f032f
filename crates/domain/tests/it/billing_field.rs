//! Extra fields of subscribers.

use std::collections::BTreeMap;

use gatehouse_domain::{
    Error,
    billing::{
        Failure, Outcome,
        field::{self, FieldSpec},
    },
    proxy::manage::Change,
};
use gatehouse_model::{FieldKind, Money};
use gatehouse_store::{sealed::SealedColumn, statement};
use gatehouse_testkit::{Engine, TestApp};

use crate::billing_people::{self as people, done, operator, refused};

fn spec(name: &str, kind: FieldKind, flags: &str) -> FieldSpec {
    FieldSpec {
        name: name.to_owned(),
        title: format!("[01] Title of {name}"),
        section: String::new(),
        kind,
        flags: flags.to_owned(),
        pattern: String::new(),
        choices: BTreeMap::new(),
        comment: String::new(),
        is_staff_only: false,
    }
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The field that a refusal names.
fn wrong<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    match outcome {
        Err(Failure::Error(Error::Invalid { field, .. })) => field,
        Err(Failure::Error(Error::Locked { what, .. } | Error::NotFound { what })) => what.to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn values_are_normalised_unique_and_told(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let staff = operator(&app);
    let (one, two) =
        (people::subscriber(&app, "one", Money::ZERO).await, people::subscriber(&app, "two", Money::ZERO).await);
    assert_eq!(done(field::define(&staff, &spec("_mac", FieldKind::Line, "dfh")).await), Change::Created);
    let street = FieldSpec {
        choices: BTreeMap::from([("7".to_owned(), "Хрещатик".to_owned())]),
        ..spec("_street", FieldKind::Select, "q")
    };
    done(field::define(&staff, &street).await);
    assert_eq!(done(field::define(&staff, &street).await), Change::Unchanged);
    done(field::define(&staff, &spec("_key", FieldKind::Pass, "")).await);
    done(field::define(&staff, &FieldSpec { is_staff_only: true, ..spec("_debt", FieldKind::Money, "i") }).await);

    let first = values(&[("_mac", " AA:BB "), ("_street", "7"), ("_key", "top secret"), ("_debt", "9,5")]);
    done(field::set(&staff, Some(one.uid), &first).await);
    done(field::set(&staff, Some(one.uid), &first).await);
    assert_eq!(people::rows(&app, one.account).await, [411, 412], "the same again is nothing");
    let rows = statement::list_all(&mut app.app.db().read(), one.account).await?;
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&rows[1].reason)?,
        serde_json::json!({ "_mac": ["", "aa:bb"], "_street": ["", "7"], "_key": ["***", "***"], "_debt": ["", "9.50"] })
    );
    assert_eq!(SealedColumn::FieldValue.list(&mut app.app.db().read(), 0, 10).await?.len(), 1);

    let seen = async |is_admin| {
        let list = people::fields(&app, one.account, is_admin).await;
        list.into_iter().map(|field| (field.name, field.value, field.shown)).collect::<Vec<_>>()
    };
    let row = |name: &str, value: &str, shown: &str| (name.to_owned(), value.to_owned(), shown.to_owned());
    let (mac, street) = (row("_mac", "aa:bb", "aa:bb"), row("_street", "7", "Хрещатик"));
    assert_eq!(seen(false).await, [mac.clone(), street.clone()]);
    assert_eq!(seen(true).await, [row("_debt", "9.50", "9.50"), row("_key", "", ""), mac, street]);

    assert_eq!(wrong(field::set(&staff, Some(two.uid), &values(&[("_mac", "aa: BB")])).await), "_mac");
    assert_eq!(wrong(field::set(&staff, Some(two.uid), &values(&[("_street", "8")])).await), "_street");
    assert_eq!(wrong(field::set(&staff, Some(two.uid), &values(&[("_no", "8")])).await), "field");
    done(field::set(&staff, Some(one.uid), &values(&[("_mac", "")])).await);
    done(field::set(&staff, Some(two.uid), &values(&[("_mac", "aa: BB")])).await);
    Ok(())
}
both!(values_kept, |engine| values_are_normalised_unique_and_told(engine));

async fn definitions_guard_what_is_there(engine: Engine) -> anyhow::Result<()> {
    let app = TestApp::new(engine).await?;
    let staff = operator(&app);
    let (one, two) =
        (people::subscriber(&app, "one", Money::ZERO).await, people::subscriber(&app, "two", Money::ZERO).await);
    done(field::define(&staff, &spec("_flat", FieldKind::Line, "")).await);
    for person in [one, two] {
        done(field::set(&staff, Some(person.uid), &values(&[("_flat", "5")])).await);
    }
    assert_eq!(wrong(field::define(&staff, &spec("_flat", FieldKind::Line, "h")).await), "flags");
    assert_eq!(wrong(field::define(&staff, &spec("_flat", FieldKind::Pass, "")).await), "type");
    done(field::set(&staff, Some(two.uid), &values(&[("_flat", "6")])).await);
    done(field::define(&staff, &spec("_flat", FieldKind::Line, "h")).await);
    assert_eq!(wrong(field::set(&staff, Some(two.uid), &values(&[("_flat", "5")])).await), "_flat");
    done(field::define(&staff, &spec("_flat", FieldKind::Line, "i")).await);
    done(field::set(&staff, Some(two.uid), &values(&[("_flat", "5")])).await);

    let codes = ["billing.access", "billing.subscriber.read", "billing.subscriber.update"];
    let editor = people::staff(&app, "editor", &codes, None).await;
    assert_eq!(refused(field::set(&editor, Some(one.uid), &values(&[("_flat", "7")])).await), "no_privilege");
    assert_eq!(refused(field::define(&editor, &spec("_x", FieldKind::Line, "")).await), "no_privilege");
    assert_eq!(refused(field::list(&one.who(&app)).await), "forbidden");
    let fields = done(field::list(&editor).await);
    assert_eq!((fields.all()[0].title.as_str(), fields.all()[0].flags.as_str()), ("Title of _flat", "i"));
    assert_eq!(refused(field::set(&one.who(&app), None, &values(&[("_flat", "7")])).await), "forbidden");

    for (name, kind, flags, key) in [
        ("flat", FieldKind::Line, "", "name"),
        ("_a b", FieldKind::Line, "", "name"),
        ("_x", FieldKind::Line, "z", "flags"),
        ("_x", FieldKind::Pass, "h", "flags"),
        ("_x", FieldKind::Select, "", "choices"),
    ] {
        assert_eq!(wrong(field::define(&staff, &spec(name, kind, flags)).await), key);
    }
    let look_around = FieldSpec { pattern: "(?=x)".to_owned(), ..spec("_x", FieldKind::Line, "") };
    assert_eq!(wrong(field::define(&staff, &look_around).await), "pattern");
    assert_eq!(done(field::remove(&staff, "_flat").await), Change::Removed);
    assert_eq!(done(field::remove(&staff, "_flat").await), Change::Unchanged);
    assert_eq!(people::fields(&app, one.account, true).await, []);
    Ok(())
}
both!(definitions, |engine| definitions_guard_what_is_there(engine));
