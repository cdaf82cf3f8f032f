//! `billing`: the ledger adds up, and files of payments and subscribers come in once.

use gatehouse_testkit::Installation;

use crate::GATEHOUSE;

#[test]
fn people_and_their_payments_come_from_files_once() {
    let house = Installation::new(GATEHOUSE);
    house.write("people.csv", "login;uid;full_name;balance\nanna;357;Анна;12,50\nboris;358;Борис;-3\n");
    let dry = house.run("billing import subscribers people.csv --dry-run").ok();
    assert!(dry.contains("2 lines: 2 would be taken in") && dry.ends_with("dry run: nothing was changed\n"), "{dry}");
    assert_eq!(house.run("account show anna").code, Some(1));
    assert!(house.run("billing import subscribers people.csv").ok().contains("2 taken in"));
    let again = house.run("billing import subscribers people.csv --json").json();
    assert_eq!((&again["written"], &again["known"]), (&0.into(), &2.into()));

    house.write("till.csv", "reference,uid,amount\nA1,357,100\nA2,999,1\nA3,358,x\n");
    let refused = house.run("billing import payments till.csv");
    assert_eq!(refused.code, Some(1));
    for part in ["line 3: no subscriber has the uid 999", "line 4: amount", "2 lines are wrong"] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    house.write("till.csv", "reference,uid,amount\nA1,357,100\n");
    for word in ["1 taken in", "1 known"] {
        assert!(house.run("billing import payments till.csv").ok().contains(word));
    }
    let shown = house.run("account show anna").ok();
    assert!(shown.contains("112.50 UAH") && shown.contains("357"), "{shown}");

    assert_eq!(house.run("billing check").ok(), "every entry, wallet and statement adds up\n");
    assert_eq!(house.run("billing check --json").json()["mismatches"], serde_json::json!([]));
    assert_eq!(house.run("billing import payments nowhere.csv").code, Some(1));
}
