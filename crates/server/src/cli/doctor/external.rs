//! Foreign servers: each address of an authentication server is asked whether it can be used, the key of the push service is tried

use gatehouse_domain::{
    Ctx,
    doctor::{Finding, Level},
    vpn::auth_server,
};
use gatehouse_upstream::{Probe, Upstream};

use super::finding;

const AREA: &str = "external";

/// Asks one after the other, each for no longer than its own time-out allows.
pub(super) async fn servers(ctx: &Ctx) -> Vec<Finding> {
    let servers = match auth_server::list(ctx).await {
        Ok(servers) => servers,
        Err(error) => return vec![finding(Level::Fail, AREA, error.chain(), "see the finding on the database")],
    };
    let upstream = Upstream::new(ctx.app.random().clone());
    let mut findings = Vec::new();
    for server in servers {
        match upstream.probe(&server).await {
            Ok(probes) => findings.extend(of_addresses(&server.name, probes)),
            Err(error) => findings.push(finding(Level::Fail, AREA, error.to_string(), "correct it in the state file")),
        }
    }
    findings
}

/// The key of the push service, as far as can be told without asking it.
pub(super) fn push(ctx: &Ctx) -> Option<Finding> {
    const AREA: &str = "push";
    Some(match gatehouse_upstream::push::check(&ctx.app.settings().billing.push, ctx.now())? {
        Ok(project) => finding(Level::Ok, AREA, format!("messages of the project {project} can be signed"), ""),
        Err(why) => {
            let advice =
                "download the service account's key as JSON from the Firebase console, readable for gatehouse only";
            finding(Level::Fail, AREA, why, advice)
        }
    })
}

/// One address that works is enough for logins, and the others are a risk.
fn of_addresses(name: &str, probes: Vec<Probe>) -> Vec<Finding> {
    let bad = if probes.iter().any(|probe| probe.trouble.is_none()) { Level::Warn } else { Level::Fail };
    let of_address = |Probe { address, trouble }| match trouble {
        None => finding(Level::Ok, AREA, format!("{name}: {address} can be asked"), ""),
        Some(trouble) => {
            let advice = "repair the server, or correct its entry in the state file; logins wait for its time-out";
            finding(bad, AREA, format!("{name}: {address}: {trouble}"), advice)
        }
    };
    probes.into_iter().map(of_address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_problem_when_no_address_of_it_works() {
        let probe = |trouble: Option<&str>| Probe {
            address: "ldap://localhost".to_owned(),
            trouble: trouble.map(str::to_owned),
        };
        let levels = |probes| of_addresses("head office", probes).into_iter().map(|f| f.level).collect::<Vec<_>>();
        assert_eq!(levels(vec![probe(None), probe(Some("no answer in time"))]), [Level::Ok, Level::Warn]);
        assert_eq!(levels(vec![probe(Some("no answer in time"))]), [Level::Fail]);
        let found = of_addresses("head office", vec![probe(Some("no answer in time"))]);
        assert_eq!(found[0].message, "head office: ldap://localhost: no answer in time");
    }
}
