//! What the demo's VPN needs: groups, roles, a NAS; and the commands that show it, each of which signs itself when it is pasted.

use std::{fmt::Write, net::SocketAddr, path::Path};

use gatehouse_domain::{
    Ctx, Error,
    radius::nas::{self, NasSettings, NasSpec},
    vpn::{
        group::{self, NewGroup},
        method, publish,
        role::{self, RoleEdit},
        secret,
    },
};
use gatehouse_model::{PassKind, Secret, VpnPolicySetId};

/// The secret of the NAS on this machine.
const NAS_SECRET: &str = "testing123";
/// The user whom the printed commands make, and his password.
const USER: &str = "user1";
const PASSWORD: &str = "Passw0rd";
/// The groups, each below the one before it.
const COMPANY: &str = "某某分公司";
const DEPARTMENT: &str = "IT部";

/// Makes what is missing, publishes it, and gives the secret of the WebApi.
pub(super) async fn furnish(ctx: &Ctx) -> Result<String, Error> {
    for name in ["a", "b"] {
        if is_missing(&role::find(ctx, name).await)? {
            role::add(ctx, &RoleEdit { name: Some(name.to_owned()), ..RoleEdit::default() }).await?;
        }
    }
    for (parent, name) in [("", COMPANY), (&*format!("/{COMPANY}"), DEPARTMENT)] {
        if is_missing(&group::show(ctx, &format!("{parent}/{name}")).await)? {
            let parent = if parent.is_empty() { "/" } else { parent };
            group::add(ctx, &new_group(parent, name)).await?;
        }
    }
    nas::save(ctx, &concentrator()).await?;
    publish::apply(ctx).await?;
    Ok(secret::load(&ctx.app).await?.expose().to_owned())
}

fn is_missing<T>(found: &Result<T, Error>) -> Result<bool, Error> {
    match found {
        Ok(_) => Ok(false),
        Err(Error::NotFound { .. } | Error::Fields(_)) => Ok(true),
        Err(error) => Err(Error::internal(error.chain())),
    }
}

fn new_group(parent: &str, name: &str) -> NewGroup {
    NewGroup {
        name: name.to_owned(),
        parent: parent.to_owned(),
        note: String::new(),
        roles: Vec::new(),
        inherits_auth: true,
        inherits_policy: true,
        inherits_roles: true,
        forces_auth: false,
        forces_policy: false,
        methods: method::PASSWORD,
        is_any_of: false,
        server: None,
        token_server_id: 0,
        policy_set_id: VpnPolicySetId(0),
    }
}

/// Whoever asks from this machine.
fn concentrator() -> NasSpec {
    NasSpec {
        name: "demo".to_owned(),
        network: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST).into(),
        secret: Secret::new(NAS_SECRET),
        coa_secret: None,
        settings: NasSettings { serves: vec![PassKind::Vpn, PassKind::Subscriber], ..NasSettings::default() },
    }
}

/// The commands: a new user is shown by a query but not let in before the apply.
pub(super) fn commands(base: &str, secret: &str, radius: Option<SocketAddr>, data_dir: &Path) -> String {
    let group = format!("/{COMPANY}/{DEPARTMENT}");
    let made = [("name", USER), ("parent_group", &group), ("passwd", PASSWORD), ("role_name", "a,b")];
    let login = match radius {
        Some(address) => format!("radtest {USER} {PASSWORD} {address} 0 {NAS_SECRET}"),
        None => "# no radtest: the radius door is switched off".to_owned(),
    };
    let check = format!(
        "echo {PASSWORD} | gatehouse account check-login {USER} --door vpn --password-stdin --data-dir {}",
        data_dir.display()
    );
    let mut text =
        format!("\n# vpn: make a user in {group}, signed with the secret (also: gatehouse vpn secret show)\n");
    let _ = writeln!(text, "{}", call(base, secret, "User", "AddUserCloud", &made));
    let _ = writeln!(text, "{}", call(base, secret, "User", "ExGetUserInfo", &[("username", USER)]));
    let _ = writeln!(
        text,
        "# radius: refused before the apply (radtest is in Debian's freeradius-utils)\n{login}\n{check}"
    );
    let _ = writeln!(text, "# vpn: apply\n{}", call(base, secret, "Updater", "UpdaterCloud", &[]));
    let _ = writeln!(text, "# radius: let in after the apply\n{login}\n{check}");
    text
}

/// A line that signs a call with the time at which it is pasted.
fn call(base: &str, secret: &str, controller: &str, action: &str, parameters: &[(&str, &str)]) -> String {
    let names = [("controler", controller), ("action", action)];
    let mut signed: Vec<String> =
        names.iter().chain(parameters).map(|(name, value)| format!("{name}={value}")).collect();
    signed.push("timestamp=$t".to_owned());
    signed.sort_unstable();
    let fields: String = parameters.iter().map(|(name, value)| format!(" --data-urlencode '{name}={value}'")).collect();
    format!(
        "t=$(date +%s); curl -s \"{base}/cgi-bin/php-cgi/html/delegatemodule/WebApi.php?controler={controller}&action={action}\"\
         {fields} -d timestamp=$t -d sinfor_apitoken=$(printf %s \"{}${{t}}{secret}\" | sha256sum | cut -d' ' -f1)",
        signed.join("&")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_signs_its_parameters_in_order() {
        let line = call("http://h", "s", "User", "AddUserCloud", &[("name", "u"), ("Z", "1"), ("b_x", "")]);
        assert!(
            line.contains(r#"printf %s "Z=1&action=AddUserCloud&b_x=&controler=User&name=u&timestamp=$t${t}s" |"#),
            "{line}"
        );
        assert!(line.contains("--data-urlencode 'name=u' --data-urlencode 'Z=1'"), "{line}");
    }
}
